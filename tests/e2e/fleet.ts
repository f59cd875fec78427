/**
 * A parent and a child cluster with hub and agent between them: installed with the very files in
 * `deploy/`, run as processes with exactly the ServiceAccounts and rights that these files grant.
 *
 * @module
 */
import {
  type Cluster,
  type ClusterKubectlOptions,
  type ClusterOptions,
  startCluster,
} from "../cluster/cluster.ts";
import type { KubectlResult, KubectlStream } from "../cluster/kubectl.ts";
import { freePorts } from "../cluster/ports.ts";
import { AgentProcess, type AgentProcessOptions, installAgent } from "./agent_process.ts";
import { eventually } from "./wait.ts";
import {
  apiServiceAvailable,
  HubProcess,
  type HubProcessOptions,
  installHub,
} from "./hub_process.ts";

/** Options of {@linkcode startFleet}. */
export interface FleetOptions {
  /** How the hub runs. */
  hub?: HubProcessOptions;
  /** How the agent runs; `false` starts none. */
  agent?: AgentProcessOptions | false;
  /** What is special about the parent. */
  parent?: Partial<ClusterOptions>;
}

/** The user whom tests act as in the parent: may reach the child of this fleet, nothing else. */
export const USER = { name: "alice", groups: ["platform"] };

/** kubectl's streaming transport. */
export type StreamTransport = "websocket" | "spdy";

/** Environment that makes kubectl use one transport, and no other. */
export const TRANSPORT_ENV: Readonly<Record<StreamTransport, Record<string, string>>> = {
  websocket: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "true",
    KUBECTL_PORT_FORWARD_WEBSOCKETS: "true",
  },
  spdy: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false",
    KUBECTL_PORT_FORWARD_WEBSOCKETS: "false",
  },
};

/** See the module text; disposing stops all. */
export class Fleet implements AsyncDisposable {
  /** Id of the child, once its agent was started. */
  clusterId = "";
  #userKubeconfig = "";

  constructor(
    readonly parent: Cluster,
    readonly child: Cluster,
    readonly hub: HubProcess,
    readonly agent: AgentProcess | undefined,
  ) {}

  /** Path of the child's API below the parent's server URL. */
  get proxyPath(): string {
    return `/apis/proxies.clusternet.io/v1alpha1/sockets/${this.clusterId}/proxy/direct`;
  }

  /** What `kubectl --server` takes. */
  get proxyServer(): string {
    return this.parent.server + this.proxyPath;
  }

  /** {@linkcode USER}'s kubeconfig file, for the parent. */
  get userKubeconfig(): string {
    return this.#userKubeconfig;
  }

  /** Lets {@linkcode USER} reach the child through the parent, and be admin in the child. */
  async grantUser(): Promise<void> {
    this.#userKubeconfig = await this.parent.kubeconfigFor({
      name: USER.name,
      user: USER.name,
      groups: USER.groups,
    });
    const role = "clusternet-user";
    await this.parent.kubectlOk([
      "create",
      "clusterrole",
      role,
      "--verb=get,create,update,patch,delete",
      "--resource=sockets.proxies.clusternet.io/proxy",
      `--resource-name=${this.clusterId}`,
    ]);
    await Promise.all([
      this.parent.kubectlOk(
        ["create", "clusterrolebinding", role, `--clusterrole=${role}`, `--user=${USER.name}`],
      ),
      this.child.kubectlOk([
        "create",
        "clusterrolebinding",
        "parent-platform",
        "--clusterrole=cluster-admin",
        `--group=${USER.groups[0]}`,
      ]),
    ]);
  }

  /** kubectl as {@linkcode USER} on the child, through the tunnel. */
  async through(
    args: readonly string[],
    options: ClusterKubectlOptions = {},
  ): Promise<KubectlResult> {
    return await this.parent.kubectl(args, { ...this.#throughOptions(), ...options });
  }

  /** As `through`, for commands that go on. */
  stream(
    args: readonly string[],
    options: Omit<ClusterKubectlOptions, "stdin" | "timeoutMs"> & { tty?: boolean } = {},
  ): KubectlStream {
    return this.parent.kubectlStream(args, { ...this.#throughOptions(), ...options });
  }

  #throughOptions(): { kubeconfig: string; server: string; cacheDir: string } {
    return {
      kubeconfig: this.#userKubeconfig,
      server: this.proxyServer,
      cacheDir: `${this.child.dir}/kubectl-cache-tunnel`,
    };
  }

  /** kubectl as {@linkcode USER} on the parent itself. */
  async asUser(
    args: readonly string[],
    options: ClusterKubectlOptions = {},
  ): Promise<KubectlResult> {
    return await this.parent.kubectl(args, { kubeconfig: this.#userKubeconfig, ...options });
  }

  /** Waits until the parent says that the child is Ready. */
  async ready(timeoutMs = 40_000): Promise<void> {
    await untilReady(this.parent, this.clusterId, timeoutMs);
  }

  /** The logs of hub and agent, for a test that failed. */
  async logs(lines = 60): Promise<string> {
    const parts = [this.hub.process, ...(this.agent === undefined ? [] : [this.agent.process])];
    const tails = await Promise.all(parts.map((part) => part.logTail(lines)));
    return parts.map((part, index) => `--- ${part.name}\n${tails[index]}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.process.kill9();
    await this.hub.process.kill9();
    await this.child[Symbol.asyncDispose]();
    await this.parent[Symbol.asyncDispose]();
  }
}

/**
 * Starts a parent and a child, hub and agent, and waits until the child is Ready.
 *
 * @returns the fleet
 * @throws with the logs of hub and agent, when it does not come up
 */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const [parent, child] = await startBoth(options.parent);
  let fleet: Fleet | undefined;
  try {
    const hub = await startHub(parent, options.hub);
    await installAgent(child);
    const agent = options.agent === false
      ? undefined
      : await AgentProcess.create(parent, child, options.agent);
    fleet = new Fleet(parent, child, hub, agent);
    if (agent !== undefined) await join(fleet, agent);
    return fleet;
  } catch (error) {
    const logs = await fleet?.logs() ?? "";
    await fleet?.[Symbol.asyncDispose]();
    await Promise.all([parent[Symbol.asyncDispose](), child[Symbol.asyncDispose]()]);
    throw new Error(`The fleet did not come up: ${(error as Error).message}\n${logs}`, {
      cause: error,
    });
  }
}

async function startBoth(parentOptions: Partial<ClusterOptions> = {}): Promise<[Cluster, Cluster]> {
  const starts = [
    startCluster({ name: "parent", ...parentOptions }),
    startCluster({ name: "child", kwok: true }),
  ];
  const [parent, child] = await Promise.allSettled(starts);
  if (parent?.status === "fulfilled" && child?.status === "fulfilled") {
    return [parent.value, child.value];
  }
  for (const one of [parent, child]) {
    if (one?.status === "fulfilled") await one.value[Symbol.asyncDispose]();
  }
  throw [parent, child].find((one) => one?.status === "rejected")?.reason;
}

async function startHub(parent: Cluster, options: HubProcessOptions = {}): Promise<HubProcess> {
  const [free] = freePorts(1) as [number];
  const port = options.port ?? free;
  await installHub(parent, options.servicePort ?? port);
  const hub = await HubProcess.create(parent, { ...options, port });
  try {
    await hub.process.start();
    await apiServiceAvailable(parent);
  } catch (error) {
    const log = await hub.process.logTail(60);
    await hub.process.kill9();
    throw new Error(`${(error as Error).message}\n--- hub\n${log}`, { cause: error });
  }
  return hub;
}

async function join(fleet: Fleet, agent: AgentProcess): Promise<void> {
  await agent.process.start();
  fleet.clusterId = await agent.clusterId();
  await fleet.grantUser();
  await fleet.ready();
}

/** Waits with kubectl, as a user would, until a cluster exists and is Ready. */
export async function untilReady(
  parent: Cluster,
  clusterId: string,
  timeoutMs: number,
): Promise<void> {
  const selector = `-lclusters.clusternet.io/cluster-id=${clusterId}`;
  await eventually("the ManagedCluster exists", timeoutMs, async () => {
    const out = await parent.kubectlOk(["get", "mcls", "-A", selector, "-o", "name"]);
    if (out === "") throw new Error("not yet");
  }, 0);
  await parent.kubectlOk(
    ["wait", "--for=condition=Ready", "mcls", "-A", selector, `--timeout=${timeoutMs / 1000}s`],
  );
}
