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

/** More than this in a bundle is somebody's accident. */
const MAX_CERTIFICATES = 16;

/** Both bundles; only the second where they would be too many together. */
function union(theirs: string, ours: string): string {
  const others = certificatesOf(theirs);
  const all = new Set([...certificatesOf(ours), ...others]);
  return others.length === 0 || all.size > MAX_CERTIFICATES ? ours : [...all].join("\n") + "\n";
}

function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function decode(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch {
    return "";
  }
}

/** Whether one bundle has all that the other has. */
function covers(theirs: string, ours: string): boolean {
  const known = certificatesOf(theirs);
  const wanted = certificatesOf(ours);
  return wanted.length > 0 && known.length <= MAX_CERTIFICATES &&
    wanted.every((pem) => known.includes(pem));
}

/** Options of {@linkcode ensureApiServiceCaBundle}. */
export interface EnsureOptions {
  signal?: AbortSignal;
  /**
   * Adds what is missing and leaves the rest: another hub may be on its way to another CA.
   * @default {false}
   */
  addOnly?: boolean;
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
  { signal, addOnly = false }: EnsureOptions = {},
): Promise<"absent" | "unchanged" | "updated"> {
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
    const theirs = addOnly ? decode(spec.caBundle ?? "") : "";
    if (covers(theirs, caPem) && insecure !== true) return "unchanged";
    const caBundle = new TextEncoder().encode(addOnly ? union(theirs, caPem) : caPem).toBase64();
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
  let written: string | undefined;
  while (!signal.aborted) {
    const changed = new AbortController();
    const unsubscribe = caBundle.subscribe(() => changed.abort());
    let wait = everyMs;
    try {
      if (caBundle.value !== undefined) {
        const { value } = caBundle;
        // At a change of ours exactly ours; in between a standby must not undo what the leader did
        const addOnly = value === written;
        const result = await ensureApiServiceCaBundle(client, value, { signal, addOnly });
        if (result !== "absent") written = value;
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
