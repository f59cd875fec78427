/**
 * A fleet with an active hub and a standby, behind a stand-in for kube-proxy that leads to the
 * Ready one.
 *
 * @module
 */
import { freePorts } from "../cluster/ports.ts";
import { serviceProxy } from "../cluster/service_proxy.ts";
import { type Fleet, startFleet } from "../e2e/fleet.ts";
import { HubProcess } from "../e2e/hub_process.ts";

/** See the module text; disposing stops all. */
export interface Pair extends AsyncDisposable {
  /** Its hub is the one that leads first. */
  fleet: Fleet;
  standby: HubProcess;
}

/**
 * Starts both hubs with `--leader-elect`.
 *
 * @param args more flags of both
 * @returns the pair; the fleet's child is Ready
 */
export async function startPair(args: readonly string[] = []): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const [first, second] = freePorts(2) as [number, number];
  const service = stack.use(await serviceProxy({ backends: () => [first, second] }));
  const hub = { args: ["--leader-elect", ...args], readyPath: "/livez" } as const;
  const fleet = stack.use(
    await startFleet({ hub: { ...hub, port: first, servicePort: service.port } }),
  );
  const standby = await HubProcess.create(fleet.parent, {
    ...hub,
    name: "hub-standby",
    port: second,
  });
  stack.defer(async () => void await standby.process.kill9());
  await standby.process.start();
  const all = stack.move();
  return { fleet, standby, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** @returns the error with the logs of all programs */
export async function withLogs({ fleet, standby }: Pair, error: unknown): Promise<Error> {
  const logs = `${await fleet.logs()}\n--- standby\n${await standby.process.logTail(60)}`;
  return new Error(`${error}\n${logs}`, { cause: error });
}
