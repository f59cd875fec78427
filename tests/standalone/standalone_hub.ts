/**
 * A standalone hub as a process, in a directory of its own.
 *
 * @module
 */
import { join } from "node:path";
import { KubeClient } from "../../shared/kube/client.ts";
import { loadKubeConfig } from "../../shared/kube/kubeconfig.ts";
import { type KubeConnection, kubeTransport } from "../../shared/kube/transport.ts";
import { ensurePrograms } from "../cluster/build.ts";
import {
  type KubectlOptions,
  type KubectlResult,
  KubectlStream,
  runKubectl,
} from "../cluster/kubectl.ts";
import { freePorts } from "../cluster/ports.ts";
import type { ManagedProcess } from "../cluster/process.ts";
import { Warden } from "../cluster/warden.ts";
import { programProcess } from "../e2e/programs.ts";

/** Options of {@linkcode startStandaloneHub}. */
export interface StandaloneHubOptions {
  /** More flags. */
  args?: readonly string[];
  /** Opens its inspector there. */
  inspectPort?: number;
}

/** See the module text; disposing stops it and removes the directory. */
export class StandaloneHub implements AsyncDisposable {
  #connection: KubeConnection | undefined;

  constructor(
    /** Holds the log, and `data`. */
    readonly dir: string,
    /** TLS port. */
    readonly port: number,
    /** Plain health port. */
    readonly healthPort: number,
    /** The process; it can be killed and started again. */
    readonly process: ManagedProcess,
    readonly kubectlProgram: string,
    readonly warden: Warden,
  ) {}

  /** The administrator's kubeconfig. */
  get kubeconfig(): string {
    return join(this.dir, "data", "admin.kubeconfig");
  }

  /** URL. */
  get server(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** A client of the administrator; made anew after a restart that changed the certificate. */
  async client(): Promise<KubeClient> {
    this.#connection ??= kubeTransport(await loadKubeConfig({ path: this.kubeconfig }));
    return new KubeClient({ transport: this.#connection.transport, userAgent: "test" });
  }

  /** Runs the real kubectl as the administrator. */
  async kubectl(
    args: readonly string[],
    options: Partial<KubectlOptions> = {},
  ): Promise<KubectlResult> {
    return await runKubectl(args, { ...this.#kubectlDefaults(), ...options });
  }

  /** As `kubectl`, but anything except exit code 0 throws. */
  async kubectlOk(args: readonly string[], options: Partial<KubectlOptions> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, options);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")}: exit code ${code}\n${stderr}${stdout}`);
  }

  /** A kubectl that goes on. Dispose it. */
  kubectlStream(args: readonly string[]): KubectlStream {
    return KubectlStream.spawn(args, this.#kubectlDefaults());
  }

  #kubectlDefaults(): Pick<KubectlOptions, "kubectl" | "kubeconfig" | "cacheDir"> {
    const { dir, kubeconfig, kubectlProgram: kubectl } = this;
    return { kubectl, kubeconfig, cacheDir: join(dir, "kubectl-cache") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.close();
    await this.process.kill9();
    await this.warden[Symbol.asyncDispose]();
    await Deno.remove(this.dir, { recursive: true }).catch(() => {});
  }
}

/**
 * Starts a standalone hub on a free port of loopback.
 *
 * @returns the hub, ready
 * @throws with the log's tail, when it does not come up
 */
export async function startStandaloneHub(
  { args = [], inspectPort }: StandaloneHubOptions = {},
): Promise<StandaloneHub> {
  const { kubectl } = await ensurePrograms();
  const dir = await Deno.makeTempDir({ prefix: "clusternet-standalone-" });
  const [port, healthPort] = freePorts(2) as [number, number];
  const warden = Warden.start();
  const process = programProcess("hub", { dir, warden }, {
    name: "hub",
    healthPort,
    readyPath: "/readyz",
    inspectPort,
    args: [
      `--data-dir=${join(dir, "data")}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      "--verbosity=4",
      ...args,
    ],
  });
  const hub = new StandaloneHub(dir, port, healthPort, process, kubectl, warden);
  try {
    await process.start();
    return hub;
  } catch (error) {
    await hub[Symbol.asyncDispose]();
    throw error;
  }
}
