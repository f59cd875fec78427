/**
 * The newcomer's way: `deno task hub`, the join command that it prints, and `kubectl get nodes`
 * through the tunnel, each as it was printed, with a real kube-apiserver as the child.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { delay } from "../../shared/backoff.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import { ROOT } from "../e2e/programs.ts";

/** The bound is 30 s, and the machine is shared. */
const MAX_MS = 2 * 30_000;

/** A command line in a terminal of its own. */
class Terminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  output = "";

  constructor(line: string, env: Record<string, string>) {
    this.#child = new Deno.Command("setsid", {
      args: ["sh", "-c", line],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.output += decoder.decode(chunk, { stream: true });
  }

  /** Waits until it prints what is looked for. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    this.#child.status.then(() => ended = true);
    for (let left = 1200; left > 0; left--) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      assert.equal(ended, false, this.output);
      await delay(50);
    }
    throw new Error(`never printed ${pattern}:\n${this.output}`);
  }

  /** @returns exit code, once it ended by itself */
  async ends(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  #kill(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.#child.pid, signal); // With all that it started
    } catch {
      // It ended by itself
    }
  }

  /** Ctrl-C, as a user ends it; what does not end is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill("SIGINT");
    const timer = setTimeout(() => this.#kill("SIGKILL"), 45_000);
    await this.ends();
    clearTimeout(timer);
  }
}

function environment(cluster: Cluster, dir: string): Record<string, string> {
  const path = `${dirname(cluster.programs.kubectl)}:${Deno.env.get("PATH")}`;
  return { PATH: path, KUBECONFIG: cluster.kubeconfig, XDG_DATA_HOME: dir };
}

Deno.test("three pasted commands lead from nothing to kubectl get nodes in a real cluster", async () => {
  await using child = await startCluster({ name: "child", kwok: true });
  const dir = await Deno.makeTempDir({ prefix: "clusternet-three-" });
  const env = environment(child, dir);
  const [port] = freePorts(1) as [number];
  const started = performance.now();
  try {
    const flags = `--bind-address=127.0.0.1 --secure-port=${port}`;
    await using hub = new Terminal(`npx -y deno@2.9.6 task hub ${flags}`, env);
    const [, joinLine] = await hub.prints(/^ +(npx .* join .*)$/m);
    await using joining = new Terminal(joinLine!, env);
    const [, lookLine] = await joining.prints(/^ *(npx .* kubectl \S+ .*-- get nodes)$/m);
    const kubeconfig = join(dir, "clusternet-hub", "admin.kubeconfig");
    await using look = new Terminal(lookLine!, { ...env, KUBECONFIG: kubeconfig });
    assert.equal(await look.ends(), 0, look.output + joining.output + hub.output);
    const took = performance.now() - started;
    assert.match(look.output, /^node-1 +Ready/m);
    const said = `from nothing to kubectl get nodes: ${(took / 1000).toFixed(1)} s\n`;
    Deno.stdout.writeSync(new TextEncoder().encode(said));
    assert.ok(took < MAX_MS, said);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
