/**
 * The processes of a cluster: which program, with which arguments, and how one sees it is up.
 *
 * @module
 */
import type { Api } from "./api.ts";
import type { ClusterParts } from "./cluster_options.ts";
import { apiServerArgs, controllerManagerArgs, etcdArgs, kwokArgs } from "./components.ts";
import { ManagedProcess } from "./process.ts";

/** A cluster's processes; none is started. */
export interface ClusterProcesses {
  /** Its etcd. */
  etcd: ManagedProcess;
  /** Its kube-apiserver. */
  apiserver: ManagedProcess;
  /** Its kube-controller-manager. */
  controllerManager: ManagedProcess;
  /** Its kwok, where it has one. */
  kwok: ManagedProcess | undefined;
}

/** @returns the processes of a cluster, not yet started */
export function clusterProcesses(
  { options, dir, ports, programs, warden }: ClusterParts,
  api: Api,
): ClusterProcesses {
  const process = { dir, warden, detached: options.detached ?? false };
  const processEnv = { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: `${dir}/pods` };
  const etcd = new ManagedProcess({
    ...process,
    name: "etcd",
    command: programs.etcd,
    args: etcdArgs(dir, ports),
    ready: (signal) => plainOk(`http://127.0.0.1:${ports.etcd}/readyz`, signal),
  });
  const apiserver = new ManagedProcess({
    ...process,
    name: "kube-apiserver",
    command: programs["kube-apiserver"],
    args: apiServerArgs({
      dir,
      ports,
      audit: options.audit !== undefined,
      extra: options.extraApiServerArgs ?? [],
    }),
    ready: async (signal) =>
      (await api.request("GET", "/readyz", undefined, { signal })).status === 200,
  });
  const controllerManager = new ManagedProcess({
    ...process,
    name: "kube-controller-manager",
    command: programs["kube-controller-manager"],
    args: controllerManagerArgs(dir, options.extraControllerManagerArgs),
  });
  const kwok = options.kwok
    ? new ManagedProcess({
      ...process,
      name: "kwok",
      command: programs.kwok,
      args: kwokArgs(dir, ports),
      env: processEnv, // commands that tests exec see nothing of ours
      clearEnv: true,
      ready: (signal) => plainOk(`http://127.0.0.1:${ports.kubelet}/readyz`, signal),
    })
    : undefined;
  return { etcd, apiserver, controllerManager, kwok };
}

async function plainOk(url: string, signal: AbortSignal): Promise<boolean> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { client, signal });
  await response.body?.cancel();
  return response.ok;
}
