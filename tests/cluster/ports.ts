/**
 * Free TCP ports of 127.0.0.1.
 *
 * @module
 */
import { TestBedError } from "./errors.ts";

/** Options of {@linkcode freePorts}. */
export interface FreePortOptions {
  /** Lowest port tried. @default {20000} */
  from?: number;
  /** First port not tried. @default {32000} */
  to?: number;
  /** @default {Math.random} */
  random?: () => number;
  /** @returns a closer when the port is free. @default {binds 127.0.0.1} */
  bind?: (port: number) => Disposable | undefined;
}

function bindLoopback(port: number): Disposable | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Finds `count` different free ports. They lie below the range the system hands to outgoing
 * connections, so that a component that was killed finds its port free when it comes back.
 *
 * @returns the ports; nothing holds them, so another process may still be faster: retry then
 * @throws {TestBedError} when a thousand tries found too few
 */
export function freePorts(count: number, options: FreePortOptions = {}): number[] {
  const { from = 20_000, to = 32_000, random = Math.random, bind = bindLoopback } = options;
  const held = new Map<number, Disposable>();
  try {
    for (let tries = 0; held.size < count; tries++) {
      if (tries >= 1000) {
        throw new TestBedError(
          `Found ${held.size} of ${count} free ports between ${from} and ${to}: stop what uses them`,
        );
      }
      const port = from + Math.floor(random() * (to - from));
      if (held.has(port)) continue;
      const listener = bind(port);
      if (listener !== undefined) held.set(port, listener);
    }
    return [...held.keys()];
  } finally {
    for (const listener of held.values()) listener[Symbol.dispose]();
  }
}
