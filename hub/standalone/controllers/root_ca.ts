/**
 * Each active namespace has a ConfigMap `kube-root-ca.crt`, so that pods know whom to trust.
 *
 * Source: kubernetes `pkg/controller/certificates/rootcacertpublisher/publisher.go`
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";
import {
  activeNamespaces,
  type ControllerContext,
  createIn,
  isActive,
  kindOfResource,
  parse,
  runController,
  type RunningController,
} from "./context.ts";

const RESOURCE = "configmaps";
const NAME = "kube-root-ca.crt";
const DESCRIPTION_ANNOTATION = "kubernetes.io/description";
const DESCRIPTION = "Contains a CA bundle that can be used to verify the kube-apiserver when " +
  "using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
  "No other usage is guaranteed across distributions of Kubernetes clusters.";

function corrected(configMap: ApiObject, rootCa: string): ApiObject | undefined {
  const data = Object.entries(configMap.data ?? {});
  const annotations = (configMap.metadata.annotations ?? {}) as Record<string, string>;
  const same = data.length === 1 && data[0]![0] === "ca.crt" && data[0]![1] === rootCa;
  if (same && annotations[DESCRIPTION_ANNOTATION]) return undefined;
  return {
    ...configMap,
    metadata: {
      ...configMap.metadata,
      annotations: { ...annotations, [DESCRIPTION_ANNOTATION]: DESCRIPTION },
    },
    data: { "ca.crt": rootCa },
  };
}

/**
 * Starts the publisher of the root CA.
 *
 * @param rootCa PEM
 * @returns the controller
 */
export function startRootCaPublisher(
  context: ControllerContext,
  rootCa: string,
): RunningController {
  const { store, writer } = context;
  return runController(context, {
    name: "root-ca",
    reconcile: async (namespace) => {
      if (!isActive(store, namespace)) return;
      const stored = store.get(RESOURCE, namespace, NAME);
      if (stored === undefined) {
        await createIn(context, kindOfResource(RESOURCE), {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: {
            name: NAME,
            namespace,
            annotations: { [DESCRIPTION_ANNOTATION]: DESCRIPTION },
          },
          data: { "ca.crt": rootCa },
        });
      } else if (corrected(parse(stored), rootCa) !== undefined) {
        await writer.update(stored, (latest) => corrected(latest, rootCa));
      }
    },
    onChange: ({ object }, add) => {
      if (object.resource === "namespaces" && !object.deleting) add(object.name);
      else if (object.resource === RESOURCE && object.name === NAME) add(object.namespace);
    },
    initial: activeNamespaces(store),
  });
}
