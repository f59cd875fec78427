/**
 * Nodes and pods of a child cluster: kwok plays them; exec runs commands on this machine, logs
 * and attach follow a file, port-forward dials a port that the test chooses.
 *
 * All "containers" share this machine's file system: each pod has a directory of its own
 * ({@linkcode Pod.dir}), and relative paths in exec and cp start at `<cluster>/pods`.
 *
 * @module
 */
import { stringify } from "yaml";
import { delay } from "../../shared/backoff.ts";
import type { Api } from "./api.ts";
import type { ClusterPorts } from "./components.ts";
import { TestBedError } from "./errors.ts";

const GROUP = "kwok.x-k8s.io";
const VERSION = `${GROUP}/v1alpha1`;

/** The kinds of which tests make one per pod: [kind, plural]. */
const PER_POD: readonly [kind: string, plural: string][] = [
  ["PortForward", "portforwards"],
  ["Logs", "logs"],
  ["Attach", "attaches"],
];

/**
 * kwok's configuration: its stages, and what exec, logs, attach and port-forward do in pods
 * that have no entry of their own.
 *
 * @param stages kwok_stages.yaml
 */
export function kwokConfig(stages: string, dir: string, ports: ClusterPorts): string {
  const metadata = { name: "testbed" };
  const logsFile = `${dir}/pods/default.log`;
  const documents = [
    {
      apiVersion: VERSION,
      kind: "ClusterExec",
      metadata,
      spec: { execs: [{ local: { workDir: `${dir}/pods` } }] },
    },
    {
      apiVersion: VERSION,
      kind: "ClusterLogs",
      metadata,
      spec: { logs: [{ logsFile, follow: true }] },
    },
    { apiVersion: VERSION, kind: "ClusterAttach", metadata, spec: { attaches: [{ logsFile }] } },
    {
      // kwok's own port answers plain HTTP at /healthz: something to see through any port.
      apiVersion: VERSION,
      kind: "ClusterPortForward",
      metadata,
      spec: { forwards: [{ target: { address: "127.0.0.1", port: ports.kubelet } }] },
    },
  ];
  return [stages.trimEnd(), ...documents.map((document) => stringify(document).trimEnd())]
    .join("\n---\n") + "\n";
}

/** @returns the definition of one of kwok's per-pod kinds, without its schema: the test bed writes them all */
function crd(kind: string, plural: string): Record<string, unknown> {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      }],
    },
  };
}

/** Creates kwok's definitions and waits until they are served. */
export async function installKwokCrds(api: Api): Promise<void> {
  await Promise.all(PER_POD.map(async ([kind, plural]) => {
    await api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd(kind, plural));
    await api.until(`${kind} to be served`, async () => {
      const response = await api.request("GET", `/apis/${VERSION}/${plural}`);
      return response.status === 200;
    });
  }));
}

/** Creates a node that kwok keeps Ready, and waits for its address. */
export async function createNode(api: Api, name: string): Promise<void> {
  await api.create("/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake" },
      labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", type: "kwok" },
    },
    status: { allocatable: RESOURCES, capacity: RESOURCES },
  });
}

const RESOURCES = { cpu: "4", memory: "8Gi", pods: "110", "ephemeral-storage": "32Gi" };

interface NodeObject {
  status?: { conditions?: { type: string; status: string }[]; addresses?: unknown[] };
}

/** Waits until kwok has made the node Ready. */
export async function nodeReady(api: Api, name: string): Promise<void> {
  await api.until(`node ${name} to be Ready`, async () => {
    const { status } = await api.get<NodeObject>(`/api/v1/nodes/${name}`);
    return (status?.addresses?.length ?? 0) > 0 &&
      status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ===
        true;
  });
}

/** What {@linkcode createPod} makes. */
export interface PodOptions {
  /** The pod's name. */
  name: string;
  /** Made when it is missing. @default {"default"} */
  namespace?: string;
  /** Its one container's name. @default {"main"} */
  container?: string;
  /** @default {the cluster's first node} */
  node?: string;
  /** Whether the container has a terminal, so that `kubectl attach -t` may. @default {false} */
  tty?: boolean;
  /** Labels. */
  labels?: Record<string, string>;
  /** What `kubectl port-forward` reaches: pod port to TCP port of 127.0.0.1. */
  forwards?: Record<number, number>;
}

/** A running pod. */
export interface Pod {
  /** The pod's name. */
  name: string;
  /** Its namespace. */
  namespace: string;
  /** Its container. */
  container: string;
  /** A directory of its own, for files that a test copies in and out. */
  dir: string;
  /** What `kubectl logs` and `attach` read, in CRI format. */
  logFile: string;
  /** Appends a line to the log, as the container's standard output (or error) would. */
  log(line: string, stream?: "stdout" | "stderr"): Promise<void>;
  /** Lets `kubectl port-forward` reach these ports, in place of the earlier ones. */
  setForwards(forwards: Record<number, number>): Promise<void>;
}

/** @returns a line as a container runtime writes it (CRI logging format) */
export function criLogLine(line: string, stream: "stdout" | "stderr", now: Date): string {
  return `${now.toISOString().replace("Z", "000000Z")} ${stream} F ${line}\n`;
}

/** @returns the port-forward entry of a pod */
export function forwardSpec(forwards: Record<number, number>): Record<string, unknown> {
  return {
    forwards: Object.entries(forwards).map(([podPort, port]) => ({
      ports: [Number(podPort)],
      target: { address: "127.0.0.1", port },
    })),
  };
}

interface PodObject {
  status?: { phase?: string };
}

/**
 * Creates a pod and waits until it is Running.
 *
 * @param api the cluster's API
 * @param podsDir `<cluster>/pods`
 * @throws {TestBedError} when it is not Running in time
 */
export async function startPod(
  api: Api,
  podsDir: string,
  options: PodOptions & { node: string },
): Promise<Pod> {
  const { name, namespace = "default", container = "main", tty = false } = options;
  const { node, labels, forwards } = options;
  await ensureNamespace(api, namespace);
  const dir = `${podsDir}/${namespace}/${name}`;
  const logFile = `${dir}/container.log`;
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(logFile, "");
  const metadata = { name, namespace };
  const perPod = async (kind: string, plural: string, spec: unknown): Promise<void> => {
    const path = `/apis/${VERSION}/namespaces/${namespace}/${plural}`;
    await api.remove(`${path}/${name}`);
    await api.create(path, { apiVersion: VERSION, kind, metadata, spec });
  };
  await Promise.all([
    perPod("Logs", "logs", { logs: [{ logsFile: logFile, follow: true }] }),
    perPod("Attach", "attaches", { attaches: [{ logsFile: logFile }] }),
    ...(forwards === undefined
      ? []
      : [perPod("PortForward", "portforwards", forwardSpec(forwards))]),
    api.create(`/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, ...(labels === undefined ? {} : { labels }) },
      spec: {
        nodeName: node,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: container, image: "testbed.invalid/shell:1", stdin: true, tty }],
      },
    }),
  ]);
  await api.until(`pod ${namespace}/${name} to be Running`, async () => {
    const pod = await api.get<PodObject>(`/api/v1/namespaces/${namespace}/pods/${name}`);
    return pod.status?.phase === "Running";
  });
  return {
    name,
    namespace,
    container,
    dir,
    logFile,
    async log(line, stream = "stdout"): Promise<void> {
      await Deno.writeTextFile(logFile, criLogLine(line, stream, new Date()), { append: true });
    },
    async setForwards(next): Promise<void> {
      await perPod("PortForward", "portforwards", forwardSpec(next));
      await delay(200); // kwok sees it by its watch
    },
  };
}

/** Makes a namespace where it is missing, and waits until pods can be created in it. */
export async function ensureNamespace(api: Api, namespace: string): Promise<void> {
  const response = await api.request("GET", `/api/v1/namespaces/${namespace}`);
  if (response.status === 404) {
    await api.create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
  } else if (response.status !== 200) {
    throw new TestBedError(`Cannot read namespace ${namespace}: HTTP ${response.status}`);
  }
  await api.until(`ServiceAccount default in ${namespace}`, async () => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    return (await api.request("GET", path)).status === 200;
  });
}
