/**
 * One kubeconfig file as it is written.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { parse } from "yaml";

/** Thrown when a kubeconfig cannot be used. */
export class KubeConfigError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "KubeConfigError";
}

/** An entry of `clusters`. */
export interface NamedCluster {
  name?: string;
  cluster?: {
    server?: string;
    "certificate-authority"?: string;
    "certificate-authority-data"?: string;
    "insecure-skip-tls-verify"?: boolean;
    "tls-server-name"?: string;
    "proxy-url"?: string;
    extensions?: { name: string; extension: unknown }[];
  };
}

/** An entry of `users`. */
export interface NamedUser {
  name?: string;
  user?: {
    "client-certificate"?: string;
    "client-certificate-data"?: string;
    "client-key"?: string;
    "client-key-data"?: string;
    token?: string;
    tokenFile?: string;
    username?: string;
    password?: string;
    as?: string;
    exec?: ExecPlugin;
    "auth-provider"?: { name?: string; config?: Record<string, string> };
  };
}

/** `exec` of a user (client.authentication.k8s.io). */
export interface ExecPlugin {
  apiVersion?: string;
  command?: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  installHint?: string;
  provideClusterInfo?: boolean;
  interactiveMode?: string;
}

/** An entry of `contexts`. */
export interface NamedContext {
  name?: string;
  context?: { cluster?: string; user?: string; namespace?: string };
}

/** A kubeconfig file. */
export interface KubeConfigFile {
  path: string;
  /** Relative paths in it start here. */
  dir: string;
  "current-context"?: string;
  clusters?: NamedCluster[];
  users?: NamedUser[];
  contexts?: NamedContext[];
}

/**
 * Reads and parses one file.
 *
 * @throws {KubeConfigError} when it cannot be read or is no kubeconfig; never with its content
 */
export async function readKubeConfigFile(
  path: string,
  readTextFile: (path: string) => Promise<string>,
): Promise<KubeConfigFile> {
  let value: unknown;
  try {
    value = parse(await readTextFile(path), { prettyErrors: false }); // Pretty ones quote the text
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new KubeConfigError(`Cannot read the kubeconfig "${path}": ${detail}`, { cause });
  }
  const { kind, clusters, users, contexts } = (value ?? {}) as KubeConfigFile & { kind?: string };
  const lists = [clusters, users, contexts];
  const wrong = lists.some((list) => list !== undefined && list !== null && !Array.isArray(list));
  if (typeof value !== "object" || value === null || wrong || (kind && kind !== "Config")) {
    throw new KubeConfigError(`Cannot use "${path}": it is not a kubeconfig (kind: Config)`);
  }
  return { ...(value as KubeConfigFile), path, dir: dirname(resolve(path)) };
}
