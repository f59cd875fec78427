/**
 * Keeps `spec.caBundle` of the APIService at the CA that the hub serves with, so that the
 * parent's kube-apiserver verifies it: never `insecureSkipTLSVerify`.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import { kubeJson, type RawKubeClient } from "./kube_api.ts";
import type { Source } from "./source.ts";

/** Name of the APIService; the hub needs `get` and `update` on this one name. */
export const API_SERVICE = `${PROXIES_VERSION}.${PROXIES_GROUP}`;
const PATH = `/apis/apiregistration.k8s.io/v1/apiservices/${API_SERVICE}`;

interface ApiService {
  spec?: { caBundle?: string; insecureSkipTLSVerify?: boolean; service?: unknown };
  [field: string]: unknown;
}

/**
 * Sets the bundle when it differs.
 *
 * @param caPem PEM, one certificate or more
 * @returns `absent` when there is no such APIService
 * @throws {StatusError} for any other refusal of the parent
 */
export async function ensureApiServiceCaBundle(
  client: RawKubeClient,
  caPem: string,
  signal?: AbortSignal,
): Promise<"absent" | "unchanged" | "updated"> {
  const caBundle = new TextEncoder().encode(caPem).toBase64();
  const call = signal === undefined ? {} : { signal };
  for (let attempt = 0;; attempt++) {
    let current: ApiService;
    try {
      current = await kubeJson<ApiService>(client, PATH, call);
    } catch (error) {
      if (isStatus(error, 404)) return "absent";
      throw error;
    }
    const { insecureSkipTLSVerify: insecure, ...spec } = current.spec ?? {};
    if (spec.caBundle === caBundle && insecure !== true) return "unchanged";
    try {
      const body = { ...current, spec: { ...spec, caBundle } };
      await kubeJson(client, PATH, { method: "PUT", body, ...call });
      return "updated";
    } catch (error) {
      if (!isStatus(error, 409) || attempt >= 4) throw error; // Somebody wrote in between
    }
  }
}

/** Options of {@linkcode keepApiServiceCaBundle}. */
export interface KeepCaBundleOptions {
  /** Reaches the parent. */
  client: RawKubeClient;
  /** PEM; `undefined` leaves the APIService alone. */
  caBundle: Source<string | undefined>;
  /** Ends it. */
  signal: AbortSignal;
  /** Where changes and failures are written. */
  log: Log;
  /** How often it is looked at, beside each change of the bundle. @default {60_000} */
  everyMs?: number;
}

/**
 * Keeps the bundle right until the signal aborts, also when somebody applies a manifest without
 * it. Never rejects.
 */
export async function keepApiServiceCaBundle(options: KeepCaBundleOptions): Promise<void> {
  const { client, caBundle, signal, log, everyMs = 60_000 } = options;
  let told: string | undefined;
  while (!signal.aborted) {
    const changed = new AbortController();
    const unsubscribe = caBundle.subscribe(() => changed.abort());
    let wait = everyMs;
    try {
      if (caBundle.value !== undefined) {
        const result = await ensureApiServiceCaBundle(client, caBundle.value, signal);
        if (result === "updated") log.info("set caBundle of the APIService", { name: API_SERVICE });
        if (result === "absent" && told !== "absent") {
          log.warn("there is no such APIService yet: apply deploy/hub", { name: API_SERVICE });
        }
        if (result === "absent") wait = Math.min(everyMs, 5_000);
        told = result;
      }
    } catch (error) {
      if (signal.aborted) return unsubscribe();
      log.warn("caBundle of the APIService cannot be checked; will try again", { error });
      wait = Math.min(everyMs, 5_000);
    }
    await delay(wait, AbortSignal.any([signal, changed.signal])).catch(() => {});
    unsubscribe();
  }
}
