/**
 * CA bundles that live in a file and are replaced there: the parent's or the child's API server
 * may change its CA, and `ca.crt` of a Pod follows without a word.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { withDeadline } from "../backoff.ts";

/** What {@linkcode ReadCa} is asked. */
export interface ReadCaOptions {
  /** The last one vouched for nobody: look again, whatever is cached. */
  fresh?: boolean;
}

/** Brings a CA bundle as it is now, PEM; never rejects. */
export type ReadCa = (options?: ReadCaOptions) => Promise<string>;

/** Options of {@linkcode fileCa}. */
export interface FileCaOptions {
  /** Where it stands. */
  path: string;
  /** What it held at the start. */
  first: string;
  /** Read again after so long, in milliseconds. @default {10_000} */
  maxAgeMs?: number;
  /** Not read again before, not even for `fresh`, in milliseconds. @default {1_000} */
  minAgeMs?: number;
  /** Told of each other bundle. */
  onChange?: (pem: string) => void;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Reads a file. @default {Deno.readTextFile} */
  readTextFile?: (path: string) => Promise<string>;
}

const READ_MS = 5_000;

/** @returns whether it holds certificates, and whole ones only */
function isBundle(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch {
    return false;
  }
  return blocks.length > 0 && blocks.length === pem.split("-----BEGIN CERTIFICATE-----").length - 1;
}

/**
 * A bundle that follows its file. While the file cannot be read, or is half written, the last good
 * bundle stays in use. Those who ask at the same time share one look at the file.
 *
 * @returns asked before each connection
 */
export function fileCa(options: FileCaOptions): ReadCa {
  const { path, first, maxAgeMs = 10_000, minAgeMs = 1_000, onChange, now = Date.now } = options;
  const { readTextFile = Deno.readTextFile } = options;
  let last = first;
  let readAt = now();
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    try {
      const text = await withDeadline(READ_MS, "read a CA file", () => readTextFile(path));
      if (text === last || !isBundle(text)) return;
      last = text;
      onChange?.(text);
    } catch {
      // The last one stays
    } finally {
      readAt = now();
      reading = undefined;
    }
  };
  return async ({ fresh = false } = {}) => {
    if (now() - readAt >= (fresh ? minAgeMs : maxAgeMs)) reading ??= read();
    await reading;
    return last;
  };
}
