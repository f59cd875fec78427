/**
 * By which URL children reach the parent, where nobody said it.
 *
 * @module
 */
import { parse } from "yaml";
import type { KubeClient } from "../../shared/kube/client.ts";
import { API_SERVICES, CONFIG_MAPS } from "../../shared/kube/resources.ts";
import { StatusError } from "../../shared/kube/status.ts";
import type { ConfigMap } from "../../shared/kube/types.ts";

const LOOPBACK = /^https:\/\/(localhost|127\.|\[::1\])/;

/** Whether a URL leads to this machine alone. */
export function isLoopback(url: string): boolean {
  return LOOPBACK.test(url);
}

/** What {@linkcode childrensUrl} asks. */
export interface ChildrensUrlOptions {
  /** Asks the parent. */
  client: KubeClient;
  /** Of the kubeconfig. */
  server: string;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * That of the kubeconfig; but the administrator's kubeconfig of a standalone hub goes over loopback,
 * so there it is the one that the hub advertises in ConfigMap `cluster-info`. Other parents'
 * (kind's, k3d's) may be names inside of a container network, and are not taken.
 *
 * @returns the URL, without a slash at its end
 */
export async function childrensUrl(
  { client, server, signal }: ChildrensUrlOptions,
): Promise<string> {
  const own = server.replace(/\/+$/, "");
  if (!isLoopback(own)) return own;
  try {
    const aggregates = await client.raw(`/apis/${API_SERVICES.group}`, { signal });
    await aggregates.body?.cancel();
    if (aggregates.status !== 404) return own;
    const options = { namespace: "kube-public", signal };
    const info = await client.getOrUndefined<ConfigMap>(CONFIG_MAPS, "cluster-info", options);
    return advertised(info?.data?.kubeconfig ?? "") ?? own;
  } catch (error) {
    if (error instanceof StatusError) return own; // Not everybody may see it
    throw error;
  }
}

function advertised(kubeconfig: string): string | undefined {
  try {
    const { clusters } = parse(kubeconfig, { maxAliasCount: 0 }) as {
      clusters?: { cluster?: { server?: unknown } }[];
    };
    const server = clusters?.[0]?.cluster?.server;
    return typeof server === "string" && server.startsWith("https://")
      ? server.replace(/\/+$/, "")
      : undefined;
  } catch {
    return undefined;
  }
}
