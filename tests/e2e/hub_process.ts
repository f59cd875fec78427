/**
 * Installs the hub into a parent from `deploy/hub`, and runs it with that ServiceAccount.
 *
 * @module
 */
import type { Cluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import type { ManagedProcess } from "../cluster/process.ts";
import { programProcess, ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

/** No kube-proxy here: the Service leads to this machine, where the hub listens. */
const service = `
apiVersion: v1
kind: Service
metadata: { name: clusternet-hub, namespace: clusternet-system }
spec: { type: ExternalName, externalName: localhost }
`;

/**
 * Applies `deploy/hub`, then leads its Service to a port of this machine.
 *
 * @param port where the hub will listen
 */
export async function installHub(parent: Cluster, port: number): Promise<void> {
  await parent.kubectlOk(["apply", "-f", `${ROOT}deploy/hub`]);
  await parent.kubectlOk(["-n", "clusternet-system", "delete", "service", "clusternet-hub"]);
  await parent.kubectlOk(["apply", "-f", "-"], { stdin: service });
  const patch = JSON.stringify({ spec: { service: { port } } });
  const apiService = "v1alpha1.proxies.clusternet.io";
  await parent.kubectlOk(["patch", "apiservice", apiService, "--type=merge", "-p", patch]);
  const crds = ["clusterregistrationrequests", "managedclusters"].map((plural) =>
    `crd/${plural}.clusters.clusternet.io`
  );
  await parent.kubectlOk(["wait", "--for=condition=Established", "--timeout=30s", ...crds]);
}

/** Options of {@linkcode HubProcess.create}. */
export interface HubProcessOptions {
  /** @default {"hub"} */
  name?: string;
  /** Public port. @default {a free one} */
  port?: number;
  /** Where the parent's kube-apiserver finds it. @default {its own port} */
  servicePort?: number;
  /** More flags. */
  args?: readonly string[];
  /** Opens its inspector there. */
  inspectPort?: number;
  /** Where it finds the parent. @default {at its own URL} */
  parentUrl?: (parent: Cluster) => string | Promise<string>;
  /** A standby is never ready. @default {"/readyz"} */
  readyPath?: "/livez" | "/readyz";
}

/** A hub; its process can be killed, paused and started again. */
export class HubProcess {
  private constructor(
    /** The process itself. */
    readonly process: ManagedProcess,
    /** Public TLS port. */
    readonly port: number,
    /** Plain health and metrics port. */
    readonly healthPort: number,
  ) {}

  /** @returns a hub that is not started yet, with a token of ServiceAccount clusternet-hub */
  static async create(parent: Cluster, options: HubProcessOptions = {}): Promise<HubProcess> {
    const { name = "hub", readyPath = "/readyz", args = [] } = options;
    const [free, healthPort] = freePorts(2) as [number, number];
    const port = options.port ?? free;
    const token = await parent.kubectlOk(
      ["-n", "clusternet-system", "create", "token", "clusternet-hub", "--duration=24h"],
    );
    const server = await options.parentUrl?.(parent) ?? parent.server;
    const kubeconfig = await parent.kubeconfigFor({ name, token: token.trim(), server });
    const process = programProcess("hub", parent, {
      name,
      healthPort,
      readyPath,
      inspectPort: options.inspectPort,
      args: [
        `--kubeconfig=${kubeconfig}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${port}`,
        "--tls-server-names=localhost,127.0.0.1",
        "--verbosity=4",
        ...args,
      ],
    });
    return new HubProcess(process, port, healthPort);
  }
}

/** Waits until the parent's kube-apiserver passes requests on to the hub. */
export async function apiServiceAvailable(parent: Cluster, timeoutMs = 30_000): Promise<void> {
  await eventually("the APIService is available", timeoutMs, async () => {
    const path = "/apis/proxies.clusternet.io/v1alpha1";
    const { status } = await parent.api.request("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
  });
}
