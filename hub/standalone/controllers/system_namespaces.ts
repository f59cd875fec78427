/**
 * The namespaces that every cluster has.
 *
 * Source: kubernetes `pkg/controlplane/controller/systemnamespaces/system_namespaces_controller.go`
 *
 * @module
 */
import { isStatus } from "../../../shared/kube/status.ts";
import type { Store } from "../store/types.ts";
import {
  type ControllerContext,
  kindOfResource,
  runController,
  type RunningController,
} from "./context.ts";
import type { Writer } from "../writes/writer.ts";

/** In the order in which they are made. */
export const SYSTEM_NAMESPACES: readonly string[] = [
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "default",
];

async function ensureNamespace(store: Store, writer: Writer, name: string): Promise<void> {
  if (store.get("namespaces", "", name) !== undefined) return;
  try {
    await writer.create(kindOfResource("namespaces"), {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
    }, { fieldManager: "kube-apiserver" });
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
  }
}

/**
 * Makes the namespaces that are not there; to be called before anything is served.
 *
 * @throws what the writer throws
 */
export async function ensureNamespaces(o: { store: Store; writer: Writer }): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) await ensureNamespace(o.store, o.writer, name);
}

/**
 * Starts to make them again whenever one is gone.
 *
 * @returns the controller
 */
export function startSystemNamespaces(context: ControllerContext): RunningController {
  const { store, writer } = context;
  return runController(context, {
    name: "system-namespaces",
    reconcile: (name) => ensureNamespace(store, writer, name),
    onChange: ({ type, object }, add) => {
      if (object.resource !== "namespaces" || type !== "DELETED") return;
      if (SYSTEM_NAMESPACES.includes(object.name)) add(object.name);
    },
    initial: SYSTEM_NAMESPACES,
  });
}
