/**
 * Puts a hub behind a parent's kube-apiserver (API aggregation), and stands in for kube-proxy.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Api } from "./api.ts";
import { TestBedError } from "./errors.ts";
import { ensureNamespace } from "./kwok.ts";

const APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices";

/** Options of {@linkcode registerApiService}. */
export interface ApiServiceOptions {
  /** Where the hub (or a `serviceProxy`) listens on localhost. */
  port: number;
  /** PEM of the CA of the hub's serving certificate, which names `<service>.<namespace>.svc`. */
  caBundle: string;
  /** @default {"clusternet-system"} */
  namespace?: string;
  /** Name of the Service. @default {"clusternet-hub"} */
  service?: string;
  /** API group. @default {"proxies.clusternet.io"} */
  group?: string;
  /** Waits until kube-apiserver finds it Available, up to this long. @default {60_000} */
  waitMs?: number;
}

/** @returns the Service (ExternalName localhost: no kube-proxy is needed) and the APIService */
export function aggregationObjects(
  options: ApiServiceOptions,
): { service: Record<string, unknown>; apiService: Record<string, unknown> } {
  const { port, caBundle, namespace = "clusternet-system", service = "clusternet-hub" } = options;
  const group = options.group ?? "proxies.clusternet.io";
  return {
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: service, namespace },
      spec: {
        type: "ExternalName",
        externalName: "localhost",
        ports: [{ name: "https", port, protocol: "TCP" }],
      },
    },
    apiService: {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `v1alpha1.${group}` },
      spec: {
        group,
        version: "v1alpha1",
        groupPriorityMinimum: 1000,
        versionPriority: 100,
        service: { name: service, namespace, port },
        caBundle: Buffer.from(caBundle).toString("base64"),
      },
    },
  };
}

interface ApiServiceObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/**
 * Registers `v1alpha1.proxies.clusternet.io` in the parent, or changes it to these options, and
 * waits until kube-apiserver finds it Available.
 *
 * @param parent the parent cluster
 * @throws {TestBedError} with kube-apiserver's own words, when it does not become Available
 */
export async function registerApiService(
  parent: { api: Api },
  options: ApiServiceOptions,
): Promise<void> {
  const { api } = parent;
  const { service, apiService } = aggregationObjects(options);
  const namespace = options.namespace ?? "clusternet-system";
  await ensureNamespace(api, namespace);
  await put(api, `/api/v1/namespaces/${namespace}/services`, service);
  await put(api, APISERVICES, apiService);
  const waitMs = options.waitMs ?? 60_000;
  if (waitMs > 0) await apiServiceAvailable(parent, waitMs, options.group);
}

/** Waits until the APIService is Available; throws with the reason when it is not in time. */
export async function apiServiceAvailable(
  { api }: { api: Api },
  timeoutMs = 60_000,
  group = "proxies.clusternet.io",
): Promise<void> {
  const name = `v1alpha1.${group}`;
  await api.until(`APIService ${name} to be Available`, async () => {
    const { status } = await api.get<ApiServiceObject>(`${APISERVICES}/${name}`);
    const condition = status?.conditions?.find(({ type }) => type === "Available");
    if (condition?.status === "True") return true;
    throw new TestBedError(condition?.message ?? "kube-apiserver has not looked at it yet");
  }, timeoutMs);
}

/** Removes the APIService: while it is unavailable, no namespace of the parent can be deleted. */
export async function unregisterApiService(
  { api }: { api: Api },
  group = "proxies.clusternet.io",
): Promise<void> {
  await api.remove(`${APISERVICES}/v1alpha1.${group}`);
}

async function put(api: Api, path: string, object: Record<string, unknown>): Promise<void> {
  const { name } = object.metadata as { name: string };
  const { status, text } = await api.request("POST", path, object);
  if (status === 409) await api.patch(`${path}/${name}`, object);
  else if (status > 299) throw new TestBedError(`POST ${path}: HTTP ${status}: ${text}`);
}
