/**
 * What deploy/hub puts into a real parent, put into the embedded one: namespaces, the rights of
 * agents that register, and the public ConfigMap that tells them the CA.
 *
 * @module
 */
import { parseAllDocuments, stringify } from "yaml";
import type { KubeClient } from "../../../shared/kube/client.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  NAMESPACES,
  type ResourceRef,
} from "../../../shared/kube/resources.ts";
import type { KubeObject } from "../../../shared/kube/types.ts";
import namespaces from "../../../deploy/hub/00-namespaces.yaml" with { type: "text" };
import bootstrapRights from "../../../deploy/hub/11-bootstrap-rbac.yaml" with { type: "text" };

const FIELD_MANAGER = "clusternet-hub";
const KINDS: readonly ResourceRef[] = [NAMESPACES, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS];

function objectsOf(text: string): KubeObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

async function apply(client: KubeClient, ref: ResourceRef, object: KubeObject): Promise<void> {
  await client.patch(ref, object.metadata.name!, object, {
    type: "apply",
    fieldManager: FIELD_MANAGER,
    force: true,
    ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  });
}

/**
 * Applies the objects; those that stand already are left as they are.
 *
 * @throws {StatusError} when the API refuses one
 */
export async function installHubObjects(client: KubeClient): Promise<void> {
  for (const object of [...objectsOf(namespaces), ...objectsOf(bootstrapRights)]) {
    const ref = KINDS.find(({ kind }) => kind === object.kind);
    if (ref === undefined) throw new TypeError(`Cannot install a ${object.kind}`);
    await apply(client, ref, object);
  }
}

/**
 * Publishes where the hub is and its CA, as kubeadm does: whoever knows the CA's hash can join.
 *
 * @param server URL for agents
 * @param ca PEM
 * @throws {StatusError} when the API refuses it
 */
export async function publishClusterInfo(
  client: KubeClient,
  { server, ca }: { server: string; ca: string },
): Promise<void> {
  const cluster = {
    server,
    "certificate-authority-data": new TextEncoder().encode(ca).toBase64(),
  };
  const kubeconfig = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "", cluster }],
    contexts: [],
    "current-context": "",
    preferences: {},
    users: [],
  }, { lineWidth: 0 });
  await apply(client, CONFIG_MAPS, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "cluster-info", namespace: "kube-public" },
    data: { kubeconfig },
  } as KubeObject);
}
