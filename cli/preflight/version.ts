/**
 * Which Kubernetes a cluster runs.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { CliError } from "../context.ts";

/** A cluster's version. */
export interface ClusterVersion {
  /** Such as `v1.36.3`. */
  gitVersion: string;
  /** Such as 36; 0 when it cannot be read. */
  minor: number;
}

/**
 * Asks a cluster for its version.
 *
 * @throws {StatusError}, {TransportError}, as the client throws them
 */
export async function clusterVersion(
  client: Pick<KubeClient, "json">,
  signal: AbortSignal,
): Promise<ClusterVersion> {
  const { gitVersion = "" } = await client.json<{ gitVersion?: string }>("/version", { signal });
  const match = /^v?1\.(\d+)/.exec(gitVersion);
  return { gitVersion, minor: Number(match?.[1] ?? 0) };
}

/**
 * Refuses a Kubernetes that is too old.
 *
 * @param why what needs the newer one
 * @throws {CliError} when it is too old; one whose version cannot be read passes
 */
export function requireMinor(
  { gitVersion, minor }: ClusterVersion,
  least: number,
  why: string,
): void {
  if (minor === 0 || minor >= least) return;
  throw new CliError(
    `Kubernetes ${gitVersion} is too old: ${why} needs v1.${least} or later; upgrade the cluster`,
  );
}
