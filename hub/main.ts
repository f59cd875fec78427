/**
 * The hub's program: reads flags and environment, opens ports, handles signals.
 *
 * @module
 */
import { CommanderError } from "commander";
import { join } from "node:path";
import { KubeClient } from "../shared/kube/client.ts";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import { inClusterConfig } from "../shared/kube/in_cluster.ts";
import { loadKubeConfig } from "../shared/kube/kubeconfig.ts";
import { kubeTransport } from "../shared/kube/transport.ts";
import { createLog, type Log } from "../shared/log.ts";
import { createRegistry } from "../shared/metrics.ts";
import { withPermissionAdvice } from "../shared/permission_advice.ts";
import { servePlain } from "../shared/plain_server.ts";
import { taskCommand } from "../shared/task_command.ts";
import { VERSION } from "../shared/version.ts";
import { openAuditLog } from "./audit/open.ts";
import { type HubFlags, parseHubFlags } from "./flags.ts";
import { startHub } from "./hub.ts";
import type { Hub, HubOptions } from "./hub_options.ts";
import { followParentCa } from "./parent_ca.ts";

/** All that is read of the environment; `deno.json` and `Dockerfile.hub` grant no more. */
const ENVIRONMENT = [
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "XDG_DATA_HOME",
  "HOME",
  "npm_command",
] as const;

function environment(): Record<typeof ENVIRONMENT[number], string | undefined> {
  const entries = ENVIRONMENT.map((name) => [name, Deno.env.get(name)]);
  return Object.fromEntries(entries);
}

async function parentConfig(
  { kubeconfig: path, context }: HubFlags,
  readTextFile: (path: string) => Promise<string>,
): Promise<ClusterConfig> {
  if (path === undefined) return await inClusterConfig({ env: environment(), readTextFile });
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
  const inCluster = environment().KUBERNETES_SERVICE_HOST !== undefined;
  if (flags.kubeconfig === undefined && !inCluster) await runStandalone(flags, log);
  else await runAggregated(flags, log);
}

/** Behind a parent's kube-apiserver. */
async function runAggregated(flags: HubFlags, log: Log): Promise<void> {
  const { config, parentCa } = await followParentCa({
    load: (readTextFile) => parentConfig(flags, readTextFile),
    log,
  });
  using connection = kubeTransport(config);
  const client = new KubeClient({
    transport: connection.transport,
    userAgent: `clusternet-hub/${VERSION}`,
  });
  await run(await startHub({ flags, client, parentCa, ...common(flags, log) }), flags, log);
}

/** As a Kubernetes API of its own. */
async function runStandalone(flags: HubFlags, log: Log): Promise<void> {
  const { startStandalone } = await import("./standalone/host/standalone.ts"); // A parent needs none
  const { bindAddress, advertiseUrl, dataDir = defaultDataDir() } = flags;
  const standalone = await startStandalone({
    dataDir,
    addresses: {
      bindAddress,
      advertiseUrl,
      hostname: Deno.hostname(),
      interfaces: Deno.networkInterfaces(),
    },
    ctl: Deno.build.standalone ? "kubectl outreach" : taskCommand("ctl", environment()),
    log,
    now: Date.now,
    random: Math.random,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  try {
    const { client, embedded, parentCa } = standalone;
    const hub = await startHub({
      flags: { ...flags, leaderElect: false, manageApiserviceCa: false },
      client,
      embedded,
      parentCa,
      ...common(flags, log, dataDir),
    });
    standalone.serveHealth(hub.healthApi);
    const text = await standalone.announce(hub.address.port);
    await Deno.stdout.write(new TextEncoder().encode(text));
    await run(hub, flags, log);
  } finally {
    await standalone.stop();
  }
}

function common(
  flags: HubFlags,
  log: Log,
  dataDir?: string,
): Pick<HubOptions, "log" | "registry" | "audit" | "instanceId"> {
  const registry = createRegistry();
  const audit = openAuditLog({
    flags,
    ...(dataDir === undefined ? {} : { dataDir }),
    stdout: Deno.stdout,
    registry,
    log,
    now: Date.now,
  });
  return {
    log,
    registry,
    ...(audit === undefined ? {} : { audit }),
    instanceId: `${Deno.hostname()}_${crypto.randomUUID()}`,
  };
}

function defaultDataDir(): string {
  const { XDG_DATA_HOME: home, HOME: user } = environment();
  if (home) return join(home, "clusternet-hub");
  if (user) return join(user, ".local", "share", "clusternet-hub");
  throw new Error("Cannot choose a directory for the state: HOME is not set; give --data-dir");
}

/** Serves until a signal. */
async function run(hub: Hub, flags: HubFlags, log: Log): Promise<void> {
  await using _health = await serveHealth(hub, flags, log);
  const hurry = await firstSignal();
  await hub.stop(hurry);
}

async function serveHealth(
  hub: Hub,
  { healthAddr: address }: HubFlags,
  log: Log,
): Promise<AsyncDisposable | undefined> {
  if (address === undefined) return undefined;
  const onError = (error: unknown): void => log.error("the health port failed", { error });
  try {
    return await servePlain({ address, handler: hub.healthApi, onError });
  } catch (error) {
    const { hostname, port } = address;
    throw new Error(`Cannot serve --health-addr ${hostname}:${port}: ${error}`);
  }
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
    const message = withPermissionAdvice(error);
    await Deno.stderr.write(new TextEncoder().encode(`clusternet-hub: ${message}\n`));
    Deno.exit(1);
  }
}
