/**
 * A real Kubernetes control plane on 127.0.0.1: etcd, kube-apiserver, kube-controller-manager,
 * and kwok for nodes and pods. Up in a few seconds, gone with the test, whatever happens to it.
 *
 * @module
 */
import { Api } from "./api.ts";
import { ensurePrograms, type Programs } from "./build.ts";
import { emptyDir, newDir, writeFiles } from "./cluster_files.ts";
import type {
  ClusterKubectlOptions,
  ClusterOptions,
  ClusterParts,
  UserKubeconfig,
} from "./cluster_options.ts";
import { clusterProcesses } from "./cluster_processes.ts";
import type { ClusterPorts } from "./components.ts";
import { messageOf, ProcessError, TestBedError } from "./errors.ts";
import { type KubeconfigOptions, kubeconfigYaml } from "./kubeconfig.ts";
import { type KubectlOptions, type KubectlResult, KubectlStream, runKubectl } from "./kubectl.ts";
import {
  createNode,
  installKwokCrds,
  nodeReady,
  type Pod,
  type PodOptions,
  startPod,
} from "./kwok.ts";
import { runRoot } from "./paths.ts";
import { type ClusterPki, createPki, type KeyPair } from "./pki.ts";
import { freePorts } from "./ports.ts";
import type { ManagedProcess } from "./process.ts";
import { own, sweep } from "./stale.ts";
import { Warden } from "./warden.ts";

export type { ClusterKubectlOptions, ClusterOptions, UserKubeconfig };

/** A running cluster; disposing kills its processes and removes its directory. */
export class Cluster implements AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Holds its data, certificates, kubeconfigs, logs and pid records. */
  readonly dir: string;
  /** URL of its kube-apiserver. */
  readonly server: string;
  /** PEM of the CA that signs its servers and clients. */
  readonly caPem: string;
  /** The admin's kubeconfig file (group system:masters), mode 0600. */
  readonly kubeconfig: string;
  /** The admin's client certificate. */
  readonly adminClientCert: KeyPair;
  /** All its certificates and authorities. */
  readonly pki: ClusterPki;
  /** Its ports. */
  readonly ports: ClusterPorts;
  /** The programs it runs. */
  readonly programs: Programs;
  /** The test bed's own way to its API, as admin. */
  readonly api: Api;
  /** Its etcd. */
  readonly etcd: ManagedProcess;
  /** Its kube-apiserver. */
  readonly apiserver: ManagedProcess;
  /** Its kube-controller-manager. */
  readonly controllerManager: ManagedProcess;
  /** Its kwok, where it has one. */
  readonly kwok: ManagedProcess | undefined;
  /** Kills whatever it is told of when this process dies: for the test's own processes too. */
  readonly warden: Warden | undefined;
  readonly #nodes: readonly string[];
  readonly #keepDir: boolean;
  readonly #lock: Deno.FsFile | undefined;
  #files = 0;
  #disposed = false;

  /** Use {@linkcode startCluster}. */
  constructor(parts: ClusterParts) {
    const { options, dir, ports, pki, programs, warden } = parts;
    this.name = options.name;
    this.dir = dir;
    this.ports = ports;
    this.pki = pki;
    this.programs = programs;
    this.warden = warden;
    this.server = `https://127.0.0.1:${ports.apiserver}`;
    this.caPem = pki.ca.pem;
    this.adminClientCert = pki.admin;
    this.kubeconfig = `${dir}/kubeconfig`;
    this.api = new Api(this.server, this.caPem, pki.admin);
    this.#nodes = options.kwok ? options.nodes ?? ["node-1"] : [];
    this.#keepDir = options.dir !== undefined;
    this.#lock = parts.lock;
    const processes = clusterProcesses(parts, this.api);
    this.etcd = processes.etcd;
    this.apiserver = processes.apiserver;
    this.controllerManager = processes.controllerManager;
    this.kwok = processes.kwok;
  }

  /** Its processes, in the order in which they start. */
  get processes(): ManagedProcess[] {
    const all = [this.etcd, this.apiserver, this.controllerManager];
    return this.kwok === undefined ? all : [...all, this.kwok];
  }

  /**
   * Runs the real kubectl against this cluster, as admin where `kubeconfig` names no other.
   *
   * @example
   * ```ts ignore
   * const { code, stdout } = await cluster.kubectl(["get", "nodes", "-o", "name"]);
   * ```
   */
  async kubectl(
    args: readonly string[],
    options: ClusterKubectlOptions = {},
  ): Promise<KubectlResult> {
    return await runKubectl(args, { ...this.#kubectlDefaults(), ...options });
  }

  /**
   * As `kubectl`, but anything except exit code 0 throws.
   *
   * @returns standard output
   * @throws {TestBedError} with the command and what it wrote
   */
  async kubectlOk(args: readonly string[], options: ClusterKubectlOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, options);
    if (code === 0) return stdout;
    throw new TestBedError(`kubectl ${args.join(" ")}: exit code ${code}\n${stderr}${stdout}`);
  }

  /** A kubectl that goes on: `logs -f`, `get -w`, `port-forward`, `exec -i`. Dispose it. */
  kubectlStream(
    args: readonly string[],
    options: Omit<ClusterKubectlOptions, "stdin" | "timeoutMs"> & { tty?: boolean } = {},
  ): KubectlStream {
    return KubectlStream.spawn(args, { ...this.#kubectlDefaults(), ...options });
  }

  #kubectlDefaults(): Pick<KubectlOptions, "kubectl" | "kubeconfig" | "cacheDir"> {
    const { dir, kubeconfig, programs } = this;
    return { kubectl: programs.kubectl, kubeconfig, cacheDir: `${dir}/kubectl-cache` };
  }

  /** Writes another kubeconfig file. @returns its path; mode 0600 */
  async kubeconfigFor(user: UserKubeconfig = {}): Promise<string> {
    const clientCert = user.user !== undefined
      ? await this.mintClientCert(user.user, user.groups)
      : user.token === undefined
      ? this.adminClientCert
      : undefined;
    const options: KubeconfigOptions = {
      name: this.name,
      server: user.server ?? this.server,
      caPem: user.caPem ?? this.caPem,
      clientCert,
      token: user.token,
      namespace: user.namespace,
    };
    const path = `${this.dir}/kubeconfig-${user.name ?? ++this.#files}`;
    await Deno.writeTextFile(path, kubeconfigYaml(options), { mode: 0o600 });
    return path;
  }

  /** @returns a client certificate for a user of this cluster */
  async mintClientCert(user: string, groups: string[] = []): Promise<KeyPair> {
    return await this.pki.ca.issue({ commonName: user, organizations: groups });
  }

  /** Creates a pod that runs (needs `kwok`), and its namespace where it is missing. */
  async createPod(options: PodOptions): Promise<Pod> {
    const node = options.node ?? this.#nodes[0];
    if (node === undefined) {
      throw new TestBedError(`Cluster ${this.name} has no nodes: start it with kwok: true`);
    }
    return await startPod(this.api, `${this.dir}/pods`, { ...options, node });
  }

  /** Adds a node (needs `kwok`) and waits until it is Ready. */
  async addNode(name: string): Promise<void> {
    await createNode(this.api, name);
    await nodeReady(this.api, name);
  }

  /** Starts what is not running, in order, and waits for all. */
  async start(progress: (line: string) => void = () => {}): Promise<void> {
    progress(`${this.name}: etcd and kube-apiserver`);
    // kube-apiserver waits for etcd by itself: starting both at once saves half a second.
    await all([this.#startEtcd(), this.apiserver.start()]);
    progress(`${this.name}: kube-controller-manager${this.kwok === undefined ? "" : " and kwok"}`);
    await all([this.controllerManager.start(), this.#startKwok()]);
    await this.api.until("ServiceAccount default", async () => {
      const path = "/api/v1/namespaces/default/serviceaccounts/default";
      return (await this.api.request("GET", path)).status === 200;
    });
  }

  async #startEtcd(): Promise<void> {
    try {
      await this.etcd.start();
    } catch (error) {
      // Without its own etcd it would wait in vain, or find another cluster's at that port.
      await this.apiserver.kill9();
      throw error;
    }
  }

  async #startKwok(): Promise<void> {
    if (this.kwok === undefined) return;
    await all([
      installKwokCrds(this.api),
      ...this.#nodes.map((node) => createNode(this.api, node)),
    ]);
    await this.kwok.start();
    await all(this.#nodes.map((node) => nodeReady(this.api, node)));
  }

  /** Lets go of the cluster without stopping it: for clusters started `detached`. */
  release(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.api[Symbol.dispose]();
    this.#lock?.close();
  }

  /** Kills all its processes and removes its directory, unless the test named one. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    await Promise.all(this.processes.map((process) => process.kill9()));
    await this.warden?.[Symbol.asyncDispose]();
    this.release();
    if (!this.#keepDir) await Deno.remove(this.dir, { recursive: true }).catch(() => {});
  }
}

/** Like `Promise.all`, but waits for every one, so that nothing goes on behind an error. */
async function all(works: Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) {
    if (result.status === "rejected") throw result.reason;
  }
}

let swept: Promise<unknown> | undefined;

/**
 * Starts a cluster and waits until it serves. Programs that are missing are built first.
 *
 * @example
 * ```ts ignore
 * await using child = await startCluster({ name: "child", kwok: true });
 * await child.createPod({ name: "shell" });
 * console.log(await child.kubectlOk(["exec", "shell", "--", "echo", "hello"]));
 * ```
 *
 * @throws {ProcessError} with the log's tail, when a component does not come up
 * @throws {TestBedError} when a program can neither be found nor built
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const programs = options.programs ?? await ensurePrograms();
  await (swept ??= sweep(runRoot()));
  for (let attempt = 1;; attempt++) {
    const [etcd, etcdPeer, apiserver, kubelet] = freePorts(4) as [number, number, number, number];
    const ports = { etcd, etcdPeer, apiserver, kubelet };
    const dir = await newDir(options);
    const lock = options.detached ? undefined : await own(dir);
    const warden = options.detached ? undefined : Warden.start();
    let cluster: Cluster | undefined;
    try {
      const pki = await createPki(options.name);
      await writeFiles(dir, ports, pki, options);
      cluster = new Cluster({ options, dir, ports, pki, programs, warden, lock });
      await cluster.start(options.progress);
      return cluster;
    } catch (error) {
      if (cluster === undefined) {
        await warden?.[Symbol.asyncDispose]();
        lock?.close();
      }
      await cluster?.[Symbol.asyncDispose]();
      const again = attempt < 3 && error instanceof ProcessError && error.portTaken;
      if (!again) throw error;
      options.progress?.(`${options.name}: ${messageOf(error).split("\n")[0]}: other ports`);
      if (options.dir !== undefined) await emptyDir(options.dir);
    }
  }
}
