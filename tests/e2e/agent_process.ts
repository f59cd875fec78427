/**
 * Installs the agent into a child from `deploy/agent`, and runs it with that ServiceAccount.
 *
 * @module
 */
import type { Cluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import type { ManagedProcess } from "../cluster/process.ts";
import { programProcess, ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

function letters(count: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join("");
}

/**
 * Makes a bootstrap token that may register clusters.
 *
 * @param expiresInMs its lifetime
 * @returns `id.secret`
 */
export async function newBootstrapToken(
  parent: Cluster,
  expiresInMs = 3_600_000,
): Promise<string> {
  const [id, secret] = [letters(6), letters(16)];
  await parent.api.create("/api/v1/namespaces/kube-system/secrets", {
    apiVersion: "v1",
    kind: "Secret",
    type: "bootstrap.kubernetes.io/token",
    metadata: { name: `bootstrap-token-${id}`, namespace: "kube-system" },
    stringData: {
      "token-id": id,
      "token-secret": secret,
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": "system:bootstrappers:clusternet:register-cluster-token",
      "expiration": new Date(Date.now() + expiresInMs).toISOString().replace(/\.\d+/, ""),
    },
  });
  return `${id}.${secret}`;
}

/** Creates the agent's namespace as README says, then applies `deploy/agent`. */
export async function installAgent(child: Cluster): Promise<void> {
  await child.kubectlOk(["create", "ns", "clusternet-system"]);
  await child.kubectlOk(["apply", "-f", `${ROOT}deploy/agent`]);
}

/** Options of {@linkcode AgentProcess.create}. */
export interface AgentProcessOptions {
  /** @default {"agent"} */
  name?: string;
  /** @default {a new one} */
  bootstrapToken?: string;
  /** @default {the parent's kube-apiserver} */
  parentUrl?: string;
  /** @default {the parent's CA} */
  parentCa?: string;
  /** More flags. */
  args?: readonly string[];
  /** Opens its inspector there. */
  inspectPort?: number;
  /** @default {"/livez"} */
  readyPath?: "/livez" | "/readyz";
  env?: Record<string, string>;
}

/** An agent; its process can be killed, paused and started again. */
export class AgentProcess {
  private constructor(
    /** The process itself. */
    readonly process: ManagedProcess,
    /** Plain health and metrics port. */
    readonly healthPort: number,
    readonly child: Cluster,
  ) {}

  /** @returns an agent that is not started yet */
  static async create(
    parent: Cluster,
    child: Cluster,
    options: AgentProcessOptions = {},
  ): Promise<AgentProcess> {
    const { name = "agent", readyPath = "/livez", args = [], env } = options;
    const [healthPort] = freePorts(1) as [number];
    const [token, bootstrapToken] = await Promise.all([
      child.kubectlOk(
        ["-n", "clusternet-system", "create", "token", "clusternet-agent", "--duration=24h"],
      ),
      options.bootstrapToken ?? newBootstrapToken(parent),
    ]);
    const kubeconfig = await child.kubeconfigFor({ name, token: token.trim() });
    const caFile = `${child.dir}/${name}-parent-ca.crt`;
    await Deno.writeTextFile(caFile, options.parentCa ?? parent.caPem);
    const process = programProcess("agent", child, {
      name,
      healthPort,
      readyPath,
      inspectPort: options.inspectPort,
      args: [
        `--kubeconfig=${kubeconfig}`,
        `--cluster-reg-parent-url=${options.parentUrl ?? parent.server}`,
        `--cluster-reg-parent-ca-file=${caFile}`,
        "--leader-elect-identity=agent-0",
        "--verbosity=4",
        ...args,
      ],
      env: { REG_TOKEN: bootstrapToken, ...env },
    });
    return new AgentProcess(process, healthPort, child);
  }

  /** @returns the UID of Lease `self-cluster`, once the agent made it */
  async clusterId(timeoutMs = 15_000): Promise<string> {
    const path = "/apis/coordination.k8s.io/v1/namespaces/clusternet-system/leases/self-cluster";
    return await eventually("Lease self-cluster exists", timeoutMs, async () => {
      const { metadata } = await this.child.api.get<{ metadata: { uid: string } }>(path);
      return metadata.uid;
    });
  }
}
