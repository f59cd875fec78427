/**
 * The hub's program: reads flags and environment, opens ports, handles signals.
 *
 * @module
 */
import { CommanderError } from "commander";
import { KubeClient } from "../shared/kube/client.ts";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import { inClusterConfig } from "../shared/kube/in_cluster.ts";
import { loadKubeConfig } from "../shared/kube/kubeconfig.ts";
import { kubeTransport } from "../shared/kube/transport.ts";
import { createLog } from "../shared/log.ts";
import { createRegistry } from "../shared/metrics.ts";
import { VERSION } from "../shared/version.ts";
import { type HubFlags, parseHubFlags } from "./flags.ts";
import { startHub } from "./hub.ts";
import { followParentCa } from "./parent_ca.ts";

async function parentConfig(
  { kubeconfig: path, context }: HubFlags,
  readTextFile: (path: string) => Promise<string>,
): Promise<ClusterConfig> {
  if (path === undefined) return await inClusterConfig({ env: Deno.env.toObject(), readTextFile });
  return await loadKubeConfig({
    path,
    readTextFile,
    ...(context === undefined ? {} : { context }),
  });
}

async function main(flags: HubFlags): Promise<void> {
  const log = createLog({
    format: flags.loggingFormat,
    level: flags.verbosity >= 4 ? "debug" : "info",
    component: "hub",
  });
  if (flags.ignored.length > 0) {
    log.warn("Some flags have no effect in this hub: take them out", { flags: flags.ignored });
  }
  const { config, parentCa } = await followParentCa({
    load: (readTextFile) => parentConfig(flags, readTextFile),
    log,
  });
  using connection = kubeTransport(config);
  const client = new KubeClient({
    transport: connection.transport,
    userAgent: `clusternet-hub/${VERSION}`,
  });
  const registry = createRegistry();
  const instanceId = `${Deno.hostname()}_${crypto.randomUUID()}`;
  const hub = await startHub({
    flags,
    client,
    parentCa,
    log,
    registry,
    instanceId,
  });
  const health = flags.healthAddr === undefined
    ? undefined
    : Deno.serve({ ...flags.healthAddr, onListen: () => {} }, hub.healthApi);
  const hurry = await firstSignal();
  await hub.stop(hurry);
  await health?.shutdown();
}

/**
 * Waits for SIGTERM or SIGINT.
 *
 * @returns aborts at the second signal
 */
function firstSignal(): Promise<AbortSignal> {
  const hurry = new AbortController();
  let seen = 0;
  return new Promise((resolve) => {
    const onSignal = (): void => {
      seen++;
      if (seen === 1) resolve(hurry.signal);
      else hurry.abort();
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  });
}

if (import.meta.main) {
  try {
    await main(parseHubFlags(Deno.args));
    Deno.exit(0);
  } catch (error) {
    if (error instanceof CommanderError) Deno.exit(error.exitCode === 0 ? 0 : 2);
    const message = error instanceof Error ? error.message : String(error);
    await Deno.stderr.write(new TextEncoder().encode(`clusternet-hub: ${message}\n`));
    Deno.exit(1);
  }
}
