/**
 * The controllers without which an API server does not behave as a cluster does.
 *
 * @module
 */
import type { Log } from "../../../shared/log.ts";
import type { Store } from "../store/types.ts";
import type { ControllerContext } from "./context.ts";
import { startEventExpiry } from "./events.ts";
import { startTokenCleaner } from "./expired_tokens.ts";
import { startGarbageCollector } from "./garbage_collector.ts";
import { startNamespaceController } from "./namespace.ts";
import { startRootCaPublisher } from "./root_ca.ts";
import { startServiceAccountController } from "./service_accounts.ts";
import { startSystemNamespaces } from "./system_namespaces.ts";
import type { Writer } from "../writes/writer.ts";

export { ensureNamespaces } from "./system_namespaces.ts";

/** Options of {@linkcode startControllers}. */
export interface ControllersOptions {
  /** Where objects are. */
  store: Store;
  /** What changes them. */
  writer: Writer;
  /** PEM; published in every namespace. */
  rootCa: string;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Where they say what happened. */
  log: Log;
  /** Stops them. */
  signal: AbortSignal;
}

/**
 * Starts all controllers; what happened while none ran is caught up with.
 *
 * @returns `done` resolves after the signal, when nothing is at work any more; never rejects
 */
export function startControllers(options: ControllersOptions): { done: Promise<void> } {
  const { rootCa, signal } = options;
  const context: ControllerContext = options;
  const running = [
    startSystemNamespaces(context),
    startNamespaceController(context),
    startGarbageCollector(context),
    startServiceAccountController(context),
    startRootCaPublisher(context, rootCa),
    startEventExpiry(context),
    startTokenCleaner(context),
  ];
  const stopped = Promise.withResolvers<void>();
  if (signal.aborted) stopped.resolve();
  else signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  const done = stopped.promise.then(async () => {
    await Promise.all(running.map((controller) => controller.idle));
  });
  return { done };
}
