/**
 * What fault tests look at: conditions of the ManagedCluster, and whether kubectl works.
 *
 * @module
 */
import type { Condition, ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import https from "node:https";
import { ByteClient } from "../e2e/byte_target.ts";
import { type Fleet, USER } from "../e2e/fleet.ts";
import { eventually } from "../e2e/wait.ts";

/** @returns the fleet's ManagedCluster */
export async function managedCluster(fleet: Fleet): Promise<ManagedCluster> {
  const { items } = await fleet.parent.api.get<{ items: ManagedCluster[] }>(
    "/apis/clusters.clusternet.io/v1beta1/managedclusters",
  );
  const found = items.find(({ spec }) => spec.clusterId === fleet.clusterId);
  if (found === undefined) throw new Error("there is no ManagedCluster");
  return found;
}

/** @returns one condition */
export async function condition(fleet: Fleet, type: string): Promise<Condition | undefined> {
  return (await managedCluster(fleet)).status?.conditions?.find((one) => one.type === type);
}

/**
 * Waits until a condition has a status.
 *
 * @returns how long it took, in seconds
 */
export async function untilCondition(
  fleet: Fleet,
  type: string,
  status: Condition["status"],
  timeoutMs: number,
): Promise<number> {
  const started = performance.now();
  await eventually(`${type}=${status}`, timeoutMs, async () => {
    const is = (await condition(fleet, type))?.status;
    if (is !== status) throw new Error(`${type} is ${is}`);
  }, 100);
  return (performance.now() - started) / 1000;
}

/**
 * Waits until kubectl works through the tunnel.
 *
 * @returns how long it took, in seconds
 */
export async function untilReachable(fleet: Fleet, timeoutMs: number): Promise<number> {
  const started = performance.now();
  await eventually("kubectl works through the tunnel", timeoutMs, async () => {
    const { code, stderr } = await fleet.asUser(
      ["get", "--raw", `${fleet.proxyPath}/version`, "--request-timeout=5s"],
    );
    if (code !== 0) throw new Error(stderr);
  }, 200);
  return (performance.now() - started) / 1000;
}

/**
 * Opens a watch without kubectl, which would try again for seconds.
 *
 * @returns resolves to the moment (`performance.now()`) at which it was cut
 */
export async function openWatch(fleet: Fleet): Promise<{ cutAt: Promise<number> }> {
  const clientCert = await fleet.parent.mintClientCert(USER.name, USER.groups);
  const request = https.get(`${fleet.proxyServer}/api/v1/configmaps?watch=1`, {
    ca: fleet.parent.caPem,
    agent: false,
    ...clientCert,
  });
  const response = await ByteClient.response(request);
  const cutAt = new Promise<number>((resolve) => {
    response.on("close", () => resolve(performance.now()));
    response.on("error", () => {});
  });
  response.resume();
  return { cutAt };
}
