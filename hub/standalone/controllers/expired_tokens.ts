/**
 * Bootstrap tokens go when they expire.
 *
 * Source: kubernetes `pkg/controller/bootstrap/tokencleaner.go`
 *
 * @module
 */
import type { Stored } from "../store/types.ts";
import {
  byKey,
  type ControllerContext,
  keyOf,
  parse,
  runController,
  type RunningController,
} from "./context.ts";

const RESOURCE = "secrets";
const NAMESPACE = "kube-system";
const TYPE = "bootstrap.kubernetes.io/token";
/** It looks again after so long at most: clocks jump, and a timer counts no further than 24 days. */
const LOOK_AGAIN_MS = 60 * 60 * 1_000;

/** When a token expires; `undefined` for never, and 0 for what cannot be read, as the real one. */
function expiryOf(stored: Stored): number | undefined {
  const secret = parse(stored);
  if (secret.type !== TYPE) return undefined;
  const { expiration } = (secret.data ?? {}) as Record<string, unknown>;
  if (typeof expiration !== "string" || expiration === "") return undefined;
  try {
    const text = atob(expiration);
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : NaN;
    return Number.isFinite(at) ? at : 0;
  } catch {
    return 0;
  }
}

/**
 * Starts the deletion of expired bootstrap tokens.
 *
 * @returns the controller
 */
export function startTokenCleaner(context: ControllerContext): RunningController {
  const { store, writer, now } = context;
  return runController(context, {
    name: "token-cleaner",
    reconcile: async (key) => {
      const stored = byKey(store, key);
      if (stored === undefined || stored.deleting) return undefined;
      const expiry = expiryOf(stored);
      if (expiry === undefined) return undefined;
      const leftMs = expiry - now();
      if (leftMs > 0) return { requeueAfterMs: Math.min(leftMs, LOOK_AGAIN_MS) };
      await writer.delete(stored);
      return undefined;
    },
    onChange: ({ type, object }, add) => {
      if (object.resource !== RESOURCE || object.namespace !== NAMESPACE) return;
      if (type !== "DELETED") add(keyOf(object));
    },
    initial: store.list(RESOURCE, NAMESPACE).objects.map(keyOf),
  });
}
