/**
 * Empties namespaces that are being deleted, then lets them go.
 *
 * Source: kubernetes `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`
 *
 * @module
 */
import type { ReconcileResult } from "../../../shared/kube/workqueue.ts";
import type { Change, Stored } from "../store/types.ts";
import {
  type ControllerContext,
  forEachBounded,
  parse,
  runController,
  type RunningController,
} from "./context.ts";
import { withConditions } from "./namespace_conditions.ts";

const FINALIZER = "kubernetes";
/** What should be gone is looked at again, in milliseconds. */
const LOOK_AGAIN_MS = 5_000;
/** Many objects that go one by one are one change, in milliseconds. */
const GATHER_MS = 100;
/** So many names of namespaces that are gone are remembered. */
const MAX_GONE = 1_000;

function specFinalizers(namespace: { [field: string]: unknown }): string[] {
  const { finalizers } = (namespace.spec ?? {}) as { finalizers?: unknown };
  return Array.isArray(finalizers) ? finalizers.map(String) : [];
}

async function finalize({ store, writer }: ControllerContext, stored: Stored): Promise<void> {
  await writer.update(stored, (namespace) => {
    const finalizers = specFinalizers(namespace).filter((one) => one !== FINALIZER);
    return { ...namespace, spec: { ...namespace.spec as object, finalizers } };
  }, { subresource: "finalize" });
  const left = store.get("namespaces", "", stored.name);
  if (left === undefined || left.uid !== stored.uid) return;
  const namespace = parse(left);
  const { finalizers } = namespace.metadata;
  const kept = Array.isArray(finalizers) && finalizers.length > 0;
  if (specFinalizers(namespace).length === 0 && !kept) await writer.delete(left);
}

/**
 * Starts the namespace controller.
 *
 * @returns the controller
 */
export function startNamespaceController(context: ControllerContext): RunningController {
  const { store, writer, now } = context;
  const gone = new Set<string>();

  async function empty(name: string, signal: AbortSignal): Promise<readonly Stored[]> {
    const doomed = store.inNamespace(name).filter(({ deleting }) => !deleting);
    await forEachBounded(
      doomed,
      signal,
      (stored) => writer.delete(stored, { propagationPolicy: "Background" }),
    );
    return store.inNamespace(name);
  }

  async function reconcile(
    name: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ReconcileResult> {
    const stored = store.get("namespaces", "", name);
    // What was under way when the namespace went is not left behind
    if (stored === undefined) {
      await empty(name, signal);
      return {};
    }
    if (!stored.deleting || !specFinalizers(parse(stored)).includes(FINALIZER)) return {};
    const remaining = await empty(name, signal);
    signal.throwIfAborted();
    if (remaining.length === 0) {
      await finalize(context, stored);
      return {};
    }
    await writer.update(
      stored,
      (namespace) => withConditions(namespace, remaining, now()),
      { subresource: "status" },
    );
    return { requeueAfterMs: LOOK_AGAIN_MS };
  }

  function onNamespace(
    { type, object: { name, deleting } }: Change,
    add: (key: string) => void,
  ): void {
    gone.delete(name);
    if (type === "DELETED") gone.add(name);
    if (gone.size > MAX_GONE) { for (const oldest of gone.values().take(1)) gone.delete(oldest); }
    if (deleting || type === "DELETED") add(name);
  }

  function onChange(change: Change, add: (key: string, afterMs?: number) => void): void {
    const { resource, namespace } = change.object;
    if (resource === "namespaces") return onNamespace(change, add);
    if (namespace === "") return;
    const deleting = store.get("namespaces", "", namespace)?.deleting;
    // A write that was under way when its namespace went may come after it
    if (deleting || (deleting === undefined && gone.has(namespace))) {
      add(namespace, GATHER_MS);
    }
  }

  const initial = store.list("namespaces").objects.filter(({ deleting }) => deleting);
  return runController(context, {
    name: "namespace",
    reconcile,
    onChange,
    initial: initial.map(({ name }) => name),
  });
}
