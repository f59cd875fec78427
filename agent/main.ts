/**
 * The agent's program: reads flags and environment, opens ports, handles signals.
 *
 * @module
 */
import { CommanderError } from "commander";
import { tmpdir } from "node:os";
import { getCACertificates } from "node:tls";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import { fileCa } from "../shared/kube/file_ca.ts";
import { inClusterConfig } from "../shared/kube/in_cluster.ts";
import { kubeTransport } from "../shared/kube/transport.ts";
import { createLog, type Log } from "../shared/log.ts";
import { createRegistry, type MetricsRegistry } from "../shared/metrics.ts";
import { withPermissionAdvice } from "../shared/permission_advice.ts";
import { startAgent } from "./agent.ts";
import type { Agent, AgentEnd, AgentOptions } from "./agent_options.ts";
import { DEFAULT_HEALTH_ADDR } from "./flag_options.ts";
import { type AgentFlags, parseAgentFlags } from "./flags.ts";
import { proxyUrl } from "./flag_values.ts";
import { createHealth, type HealthServer, serveHealth } from "./health.ts";
import { hostIdentity } from "./identity.ts";
import { proxyFromEnvironment } from "./proxy_env.ts";
import { certificateOfHash, checkCaFile } from "./registration/parent_ca.ts";
import { trustGivenCasOnly } from "./tunnel/trust.ts";

/** Exit codes: 1 a fault, 2 a wrong command line, 3 the parent said no for good. */
const EXIT: Readonly<Record<AgentEnd["kind"], number>> = { stopped: 0, failed: 1, refused: 3 };

/** All that is read of the environment; `deno.json` and `Dockerfile.agent` grant no more. */
const ENVIRONMENT = [
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "POD_NAME",
  "PARENT_URL",
  "REG_TOKEN",
  "HTTPS_PROXY",
  "https_proxy",
  "NO_PROXY",
  "no_proxy",
] as const;

function environment(): Record<typeof ENVIRONMENT[number], string | undefined> {
  const entries = ENVIRONMENT.map((name) => [name, Deno.env.get(name)]);
  return Object.fromEntries(entries);
}

async function childConfig(flags: AgentFlags): Promise<ClusterConfig> {
  const { kubeconfig: path, context } = flags;
  if (path !== undefined) {
    // In a Pod there is none: its YAML reader need not stand in memory
    const { loadKubeConfig } = await import("../shared/kube/kubeconfig.ts");
    return await loadKubeConfig({ path, ...(context === undefined ? {} : { context }) });
  }
  return await inClusterConfig({ env: environment() });
}

function parentProxy(flags: AgentFlags): string | undefined {
  if (flags.proxyUrl !== undefined) return flags.proxyUrl;
  const asked = proxyFromEnvironment(flags.clusterRegParentUrl!, environment());
  if (asked === undefined) return undefined;
  try {
    return proxyUrl(asked);
  } catch (error) {
    throw new Error(`Cannot use env HTTPS_PROXY. ${(error as Error).message}`);
  }
}

/** Where the parent's CA comes from. */
interface PinnedCa {
  /** Whether the operator named one: then no other is trusted. */
  pinned: boolean;
  find: AgentOptions["pinnedCa"];
}

async function pinnedCa(
  flags: AgentFlags,
  proxy: string | undefined,
  log: Log,
): Promise<PinnedCa> {
  const { clusterRegParentCaFile: file, clusterRegParentCaHash: hash } = flags;
  if (file !== undefined) {
    const flag = "--cluster-reg-parent-ca-file";
    const ca = checkCaFile(await readFile(file, flag), `${flag} ${file}`);
    if (ca === undefined) return { pinned: false, find: () => Promise.resolve(undefined) };
    const onChange = (): void => log.info("The parent's CA file changed", { file });
    const read = fileCa({ path: file, first: ca, onChange });
    return { pinned: true, find: () => read() };
  }
  if (hash === undefined) return { pinned: false, find: () => Promise.resolve(undefined) };
  const search = async (known: string, signal?: AbortSignal): Promise<string> => {
    const stored = certificateOfHash(known, hash);
    if (stored !== undefined) return stored;
    const { discoverCa } = await import("../shared/kube/ca_discovery.ts");
    return await discoverCa(flags.clusterRegParentUrl!, hash, { proxyUrl: proxy, signal });
  };
  let found: Promise<string> | undefined;
  return {
    pinned: true,
    find: async (known, signal) => {
      try {
        return await (found ??= search(known, signal));
      } catch (error) {
        found = undefined; // The next try searches again
        throw error;
      }
    },
  };
}

/** CAs of allow-listed targets: said in full, since the runtime's store may be emptied. */
async function targetCa({ allowTargetCaFile: file }: AgentFlags): Promise<
  { targetCa?: () => string }
> {
  if (file === undefined) {
    return {
      // A quarter of a megabyte that most agents never need
      targetCa: () => [...getCACertificates("bundled"), ...getCACertificates("system")].join("\n"),
    };
  }
  const flag = "--allow-target-ca-file";
  const pem = checkCaFile(await readFile(file, flag), `${flag} ${file}`);
  return pem === undefined ? {} : { targetCa: () => pem };
}

/** What the runtime lets this process dial. A host that it cannot read is nobody's business here. */
function netPermission(host: string): Deno.PermissionState {
  try {
    return Deno.permissions.querySync({ name: "net", host }).state;
  } catch {
    return "granted";
  }
}

function bootstrapToken(flags: AgentFlags): () => Promise<string | undefined> {
  const { clusterRegToken: token, clusterRegTokenFile: file } = flags;
  return async () => file === undefined ? token : await readFile(file, "--cluster-reg-token-file");
}

async function readFile(file: string, flag: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "there is no such file" : String(error);
    throw new Error(`Cannot read ${flag} ${file}: ${why}`);
  }
}

/** The endpoint is no reason to end: with the default address two agents may share a machine. */
async function startHealth(
  flags: AgentFlags,
  agent: Agent,
  registry: MetricsRegistry,
  log: Log,
): Promise<HealthServer | undefined> {
  if (flags.healthAddr === undefined) return undefined;
  const { livez, readyz } = agent;
  try {
    const handler = createHealth({ livez, readyz, registry, log });
    return await serveHealth(flags.healthAddr, handler, log);
  } catch (error) {
    const { hostname, port } = flags.healthAddr;
    if (
      !(error instanceof Deno.errors.AddrInUse) || `${hostname}:${port}` !== DEFAULT_HEALTH_ADDR
    ) {
      throw new Error(`Cannot serve --health-addr ${hostname}:${port}: ${error}`);
    }
    log.warn("The default --health-addr is taken; goes without health and metrics", { port });
    return undefined;
  }
}

async function main(flags: AgentFlags): Promise<number> {
  const log = createLog({
    format: flags.loggingFormat,
    level: flags.verbosity >= 4 ? "debug" : "info",
    component: "agent",
  });
  if (flags.withoutEffect.length > 0) {
    log.warn("These flags have no effect in this agent", { flags: flags.withoutEffect.join(" ") });
  }
  const proxy = parentProxy(flags);
  const ca = await pinnedCa(flags, proxy, log);
  const config = await childConfig(flags);
  // Before the first TLS. A child without a CA of its own needs the runtime's store
  if (ca.pinned && config.ca !== undefined) trustGivenCasOnly(Deno.env);
  const registry = createRegistry();
  const pod = flags.leaderElectIdentity ?? (environment().POD_NAME || undefined);
  const hostname = Deno.hostname();
  const identities = new DisposableStack();
  const fromHost = async (clusterId: string): Promise<string> => {
    const options = { hostname, pid: Deno.pid, dir: tmpdir(), clusterId };
    return identities.use(await hostIdentity(options)).name;
  };
  using connection = kubeTransport(config);
  const agent = startAgent({
    flags,
    child: { config, transport: connection.transport },
    identity: pod ?? fromHost,
    instanceId: `${pod ?? hostname}_${crypto.randomUUID()}`,
    bootstrapToken: bootstrapToken(flags),
    pinnedCa: ca.find,
    ...(await targetCa(flags)),
    netPermission,
    ...(proxy === undefined ? {} : { proxyUrl: proxy }),
    registry,
    log,
  });
  await using _health = await startHealth(flags, agent, registry, log);
  stopOnSignals(agent, log);
  const end = await agent.ended;
  identities.dispose();
  if (end.kind !== "stopped") await report(end.message);
  return EXIT[end.kind];
}

/** The first SIGTERM or SIGINT lets streams finish; the second ends the process at once. */
function stopOnSignals(agent: Agent, log: Log): void {
  let seen = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      if (++seen > 1) Deno.exit(1);
      log.info("Stops", { signal });
      void agent.stop();
    });
  }
}

async function report(message: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(`clusternet-agent: ${message}\n`));
}

if (import.meta.main) {
  try {
    const { PARENT_URL = "", REG_TOKEN = "" } = environment();
    Deno.exit(await main(parseAgentFlags(Deno.args, { PARENT_URL, REG_TOKEN })));
  } catch (error) {
    if (error instanceof CommanderError) Deno.exit(error.exitCode === 0 ? 0 : 2);
    await report(withPermissionAdvice(error));
    Deno.exit(1);
  }
}
