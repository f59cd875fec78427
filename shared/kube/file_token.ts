/**
 * Bearer tokens that live in a file and are replaced there, as the kubelet does.
 *
 * @module
 */
import type { TokenOptions } from "./cluster_config.ts";

/** Options of {@linkcode fileToken}. */
export interface FileTokenOptions {
  /** Where it stands. */
  path: string;
  /** Read again after so long, in milliseconds, as client-go does. @default {60_000} */
  maxAgeMs?: number;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Reads a file. @default {Deno.readTextFile} */
  readTextFile?: (path: string) => Promise<string>;
}

/**
 * A token that follows its file. When the file cannot be read, the last token stays in use.
 *
 * @returns asked for at each request; throws {TypeError} when the file was never readable
 */
export function fileToken(
  { path, maxAgeMs = 60_000, now = Date.now, readTextFile = Deno.readTextFile }: FileTokenOptions,
): (options?: TokenOptions) => Promise<string> {
  let last: string | undefined;
  let readAt = 0;
  return async ({ fresh = false } = {}) => {
    if (last !== undefined && !fresh && now() - readAt < maxAgeMs) return last;
    readAt = now();
    try {
      const text = (await readTextFile(path)).trim();
      if (text === "") throw new TypeError("it is empty");
      last = text;
    } catch (cause) {
      if (last === undefined) {
        const detail = cause instanceof Error ? cause.message : String(cause);
        throw new TypeError(`Cannot read the token file "${path}": ${detail}`, { cause });
      }
    }
    return last;
  };
}
