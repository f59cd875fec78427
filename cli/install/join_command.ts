/**
 * The command that the operator of a child pastes there.
 *
 * @module
 */
import { DeadlineError } from "../../shared/backoff.ts";
import { CaDiscoveryError, caHash } from "../../shared/kube/ca_discovery.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import type { HubAccess } from "../preflight/hub.ts";

/** Options of {@linkcode joinCommandLine}. */
export interface JoinCommandOptions {
  /** How one calls this program. */
  program: string;
  /** The URL that children reach. */
  url: string;
  /** `id.secret`. */
  token: string;
  /** `--ca-hash sha256:...` or `--ca-data ...`; empty where the system's CAs count. */
  ca: readonly string[];
  /** Image of the agent; it runs where it is called when absent. */
  image?: string | undefined;
}

/**
 * Writes the command on one line.
 *
 * @returns for example `kubectl outreach join --hub https://... --token ... --ca-hash ... --run`
 */
export function joinCommandLine({ program, url, token, ca, image }: JoinCommandOptions): string {
  const how = image === undefined ? ["--run"] : ["--image", image];
  return [program, "join", "--hub", url, "--token", token, ...ca, ...how].join(" ");
}

/** Options of {@linkcode pinFlags}. */
export interface PinOptions extends Pick<HubAccess, "discoverCa"> {
  /** The parent, as this kubeconfig reaches it. */
  config: Pick<ClusterConfig, "ca" | "proxyUrl">;
  /** The URL that children reach. */
  url: string;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Finds out how a child can pin the parent's CA: by its hash where the parent shows the CA to
 * everybody (a kubeadm cluster in ConfigMap `cluster-info`, others in their TLS chain), else by the
 * CA itself.
 *
 * @returns flags of `join`; none when the kubeconfig names no CA
 */
export async function pinFlags(
  { config, url, discoverCa, signal }: PinOptions,
): Promise<readonly string[]> {
  if (config.ca === undefined) return [];
  const hash = caHash(config.ca);
  try {
    await discoverCa(url, hash, { proxyUrl: config.proxyUrl, signal, timeoutMs: 5000 });
    return ["--ca-hash", hash];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CaDiscoveryError || error instanceof DeadlineError)) throw error;
    return ["--ca-data", new TextEncoder().encode(config.ca.trim() + "\n").toBase64()];
  }
}
