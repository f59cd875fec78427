/**
 * Each active namespace has a ServiceAccount `default`.
 *
 * Source: kubernetes `pkg/controller/serviceaccount/serviceaccounts_controller.go`
 *
 * @module
 */
import {
  activeNamespaces,
  type ControllerContext,
  createIn,
  isActive,
  kindOfResource,
  runController,
  type RunningController,
} from "./context.ts";

const RESOURCE = "serviceaccounts";
const NAME = "default";

/**
 * Starts the service account controller.
 *
 * @returns the controller
 */
export function startServiceAccountController(context: ControllerContext): RunningController {
  const { store } = context;
  return runController(context, {
    name: "service-account",
    reconcile: async (namespace) => {
      if (!isActive(store, namespace) || store.get(RESOURCE, namespace, NAME)) return;
      await createIn(context, kindOfResource(RESOURCE), {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: NAME, namespace },
      });
    },
    onChange: ({ type, object }, add) => {
      if (object.resource === "namespaces" && !object.deleting) add(object.name);
      else if (object.resource === RESOURCE && object.name === NAME && type === "DELETED") {
        add(object.namespace);
      }
    },
    initial: activeNamespaces(store),
  });
}
