/**
 * What one may say about a cluster.
 *
 * @module
 */
import type { Programs } from "./build.ts";
import type { ClusterPorts } from "./components.ts";
import type { KubectlOptions } from "./kubectl.ts";
import type { ClusterPki } from "./pki.ts";
import type { Warden } from "./warden.ts";

/** Options of `startCluster`. */
export interface ClusterOptions {
  /** Names its CA, kubeconfig and directory: `parent`, `child`. */
  name: string;
  /** Keeps it here, and leaves it there. @default {a temporary directory, removed at the end} */
  dir?: string;
  /** Runs kwok: nodes, and pods whose exec, attach, logs and port-forward work. @default {false} */
  kwok?: boolean;
  /** Nodes to create, with `kwok`. @default {["node-1"]} */
  nodes?: string[];
  /** Appended to kube-apiserver's arguments. */
  extraApiServerArgs?: string[];
  /** Appended to kube-controller-manager's arguments. */
  extraControllerManagerArgs?: string[];
  /** Writes `<dir>/audit.log` at this level. @default {none} */
  audit?: "Metadata" | "Request" | "RequestResponse";
  /** Lives on when this process ends; `deno task cluster up` does this. @default {false} */
  detached?: boolean;
  /** Ready programs. @default {built where missing} */
  programs?: Programs;
  /** Says what it is doing. */
  progress?: (line: string) => void;
}

/** Options of `Cluster.kubeconfigFor`. */
export interface UserKubeconfig {
  /** File name part. @default {a counter} */
  name?: string;
  /** Server URL, as the one with `/apis/proxies.clusternet.io/...` appended. */
  server?: string;
  /** Bearer token. */
  token?: string;
  /** User of a client certificate made for it. */
  user?: string;
  /** That user's groups. */
  groups?: string[];
  /** CA in place of the cluster's. */
  caPem?: string;
  /** Default namespace. */
  namespace?: string;
}

/** Options of `Cluster.kubectl`. */
export type ClusterKubectlOptions = Partial<Omit<KubectlOptions, "kubectl" | "cacheDir">>;

/** What a `Cluster` is put together from. */
export interface ClusterParts {
  /** As given to `startCluster`. */
  options: ClusterOptions;
  /** Its directory. */
  dir: string;
  /** Its ports. */
  ports: ClusterPorts;
  /** Its certificates. */
  pki: ClusterPki;
  /** Its programs. */
  programs: Programs;
  /** Its watchman. */
  warden: Warden | undefined;
  /** Says that its owner lives. */
  lock: Deno.FsFile | undefined;
}
