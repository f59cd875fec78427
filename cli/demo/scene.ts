/**
 * The stage of the demo: a standalone hub, three embedded clusters, and an agent in each.
 *
 * @module
 */
import { createServer } from "node:net";
import { join } from "node:path";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { loadKubeConfig } from "../../shared/kube/kubeconfig.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CONFIG_MAPS,
  MANAGED_CLUSTERS,
  NAMESPACES,
} from "../../shared/kube/resources.ts";
import { type KubeConnection, kubeTransport } from "../../shared/kube/transport.ts";
import { Program } from "./programs.ts";

/** Names of the clusters; each says what it is. */
export const CITIES = ["embedded-berlin", "embedded-paris", "embedded-tokyo"] as const;
const SOCKETS = "/apis/proxies.clusternet.io/v1alpha1/sockets";

/** One API, as its administrator reaches it. */
export interface Reached {
  readonly client: KubeClient;
  readonly config: ClusterConfig;
  readonly kubeconfig: string;
}

/** See the module text; disposing ends every process and removes the directory. */
export class Scene implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #agents = new Map<string, Program>();
  readonly #children = new Map<string, Reached>();
  #hub: Reached | undefined;
  #join: { server: string; token: string; caHash: string } | undefined;

  private constructor(readonly dir: string) {
    this.#stack.defer(() => Deno.remove(dir, { recursive: true }).catch(() => {}));
  }

  /** @returns a scene with nothing on it */
  static async create(): Promise<Scene> {
    return new Scene(await Deno.makeTempDir({ prefix: "clusternet-demo-" }));
  }

  /** The hub, once it was started. */
  get hub(): Reached {
    if (this.#hub === undefined) throw new Error("Cannot ask the hub: it was not started");
    return this.#hub;
  }

  /** Starts the hub and the clusters side by side. */
  async start(): Promise<void> {
    const [hub, ...children] = await Promise.all(
      ["hub", ...CITIES].map((name) => this.#startApi(name)),
    );
    this.#hub = hub!.reached;
    const pattern = /--hub (\S+) --token (\S+) --ca-hash (\S+)/;
    const [, server, token, caHash] = await hub!.program.prints(pattern);
    this.#join = { server: server!, token: token!, caHash: caHash! };
    for (const [index, city] of CITIES.entries()) {
      this.#children.set(city, children[index]!.reached);
    }
  }

  async #startApi(name: string): Promise<{ program: Program; reached: Reached }> {
    const data = join(this.dir, name);
    const port = await freePort();
    const program = Program.start("hub", name, [
      `--data-dir=${data}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
    ], join(this.dir, `${name}.log`));
    this.#stack.use(program);
    await program.prints(/The hub is up/);
    return { program, reached: await this.reach(join(data, "admin.kubeconfig")) };
  }

  /**
   * Connects to an API.
   *
   * @param path below its URL, as of a tunnel
   */
  async reach(kubeconfig: string, path = ""): Promise<Reached> {
    const loaded = await loadKubeConfig({ path: kubeconfig });
    const config = { ...loaded, server: loaded.server + path };
    const connection: KubeConnection = this.#stack.use(kubeTransport(config));
    const { transport } = connection;
    return { client: new KubeClient({ transport, timeoutMs: 5_000 }), config, kubeconfig };
  }

  /** Puts objects into a cluster, and lets the hub's admins be admins there. */
  async furnish(city: string): Promise<void> {
    const { client } = this.#child(city);
    const namespace = "shop";
    await client.create(NAMESPACES, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
    for (
      const [name, data] of Object.entries({ prices: { apple: "2" }, opening: { mo: "9-18" } })
    ) {
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
      await client.create(CONFIG_MAPS, object);
    }
    await client.create(CLUSTER_ROLE_BINDINGS, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "hub-admins" },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "cluster-admin",
      },
      subjects: [{
        apiGroup: "rbac.authorization.k8s.io",
        kind: "Group",
        name: "clusternet:hub:system:masters",
      }],
    });
  }

  #child(city: string): Reached {
    const child = this.#children.get(city);
    if (child === undefined) throw new Error(`Cannot find cluster ${city}: it was not started`);
    return child;
  }

  /** The cluster itself, not through the tunnel. */
  child(city: string): KubeClient {
    return this.#child(city).client;
  }

  /** Starts the agent of a cluster. */
  startAgent(city: string): void {
    const { server, token, caHash } = this.#join!;
    const program = Program.start("agent", `agent of ${city}`, [
      `--kubeconfig=${this.#child(city).kubeconfig}`,
      `--cluster-reg-parent-url=${server}`,
      `--cluster-reg-token=${token}`,
      `--cluster-reg-parent-ca-hash=${caHash}`,
      `--cluster-reg-name=${city}`,
      "--health-addr=none",
      // One agent each: a killed one need not be waited for
      "--leader-elect=false",
      "--reconnect-spread=1s",
    ], join(this.dir, `agent-${city}.log`));
    this.#agents.set(city, program);
    this.#stack.use(program);
  }

  /** Ends the agent of a cluster as a power cut would. */
  async killAgent(city: string): Promise<void> {
    await this.#agents.get(city)?.kill();
  }

  /** The cluster as the hub sees it. */
  async managed(city: string): Promise<ManagedCluster | undefined> {
    const { items } = await this.hub.client.list<ManagedCluster>(MANAGED_CLUSTERS);
    return items.find(({ metadata }) => metadata.name === city);
  }

  /**
   * Waits until a condition of a cluster has a value.
   *
   * @returns milliseconds that it took
   */
  async condition(city: string, type: string, status: string): Promise<number> {
    const started = performance.now();
    for (;;) {
      const { status: seen } = await this.managed(city) ?? {};
      if (seen?.conditions?.find((one) => one.type === type)?.status === status) {
        return performance.now() - started;
      }
      if (performance.now() - started > 30_000) {
        const log = this.#agents.get(city)?.output.trimEnd().split("\n").slice(-10).join("\n");
        throw new Error(`${city} does not become ${type}=${status}; its agent says:\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Path of a cluster's API below the hub's URL. */
  async tunnelPath(city: string): Promise<string> {
    const id = (await this.managed(city))?.spec.clusterId;
    return `${SOCKETS}/${id}/proxy/direct`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** @returns a port that is free now */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
