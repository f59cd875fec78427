/**
 * The CA of the parent's API server as it is now: a parent that rotates it must not go on handing
 * the old one to its agents until the hub is started anew.
 *
 * @module
 */
import { withDeadline } from "../shared/backoff.ts";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import type { Log } from "../shared/log.ts";

type ReadTextFile = (path: string) => Promise<string>;

/** Options of {@linkcode followParentCa}. */
export interface FollowParentCaOptions {
  /** Loads the parent's configuration; every file it needs is read with `readTextFile`. */
  load: (readTextFile: ReadTextFile) => Promise<ClusterConfig>;
  /** Where it is said that the file cannot be read any more. */
  log: Log;
  /** Reads a file. @default {Deno.readTextFile} */
  readTextFile?: ReadTextFile;
}

/** What {@linkcode followParentCa} gives. */
export interface FollowedParent {
  /** As it was loaded. */
  config: ClusterConfig;
  /**
   * PEM of the CA; "" when none is configured. A CA that came from a file is read anew each time;
   * while that fails, the last one that was read stands. Never rejects.
   */
  parentCa: () => Promise<string>;
}

const READ_MS = 5_000;

/**
 * Loads the parent's configuration and finds out which of its files holds the CA.
 *
 * @returns the configuration, and a way to the CA as it is later
 * @throws what `load` throws
 */
export async function followParentCa(
  { load, log, readTextFile = Deno.readTextFile }: FollowParentCaOptions,
): Promise<FollowedParent> {
  const texts = new Map<string, string>();
  let loaded = false;
  const config = await load(async (path) => {
    const text = await readTextFile(path);
    if (!loaded) texts.set(path, text); // Later reads are of tokens
    return text;
  });
  loaded = true;
  let last = config.ca ?? "";
  const file = last === "" ? undefined : [...texts].find(([, text]) => text === last)?.[0];
  texts.clear();
  return {
    config,
    async parentCa(): Promise<string> {
      if (file === undefined) return last;
      try {
        const text = await withDeadline(READ_MS, "read the parent's CA", () => readTextFile(file));
        if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("It holds no PEM");
        if (text !== last) log.info("The parent's CA changed; agents get the new one", { file });
        last = text;
      } catch (error) {
        log.warn("The parent's CA cannot be read again; agents get the last one", { file, error });
      }
      return last;
    },
  };
}
