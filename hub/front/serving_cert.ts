/**
 * The serving certificate of the public port: from files, re-read when they change, or self-made
 * and renewed in time. Neither needs a restart. A CA may change too; see `serving_handover.ts`.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { delay } from "../../shared/backoff.ts";
import type { Log } from "../../shared/log.ts";
import { type CaStore, StoreConflictError, type StoredCa } from "./ca_store.ts";
import { createCa, issueServing, SERVING_LIFE_MS } from "./certificates.ts";
import { parseAnchors } from "./client_cert.ts";
import { checkPair, type ServingPair } from "./serving_pair.ts";
import { type HandoverTimes, ServingHandover } from "./serving_handover.ts";
import type { Source } from "./source.ts";

/** A serving certificate that looks after itself. */
export interface ServingCertificate {
  /** Certificate chain and key. */
  readonly pair: Source<ServingPair>;
  /** PEM for `spec.caBundle` of the APIService; `undefined` when files do not tell their CA. */
  readonly caBundle: Source<string | undefined>;
  /** Re-reads or renews until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Options of {@linkcode servingFromFiles}. */
export interface FileOptions extends HandoverTimes {
  /** PEM, leaf first. */
  certFile: string;
  /** PEM. */
  keyFile: string;
  /** Where changes and failures are written. */
  log: Log;
  /** How often the files are read. @default {10_000} */
  pollMs?: number;
}

async function readPair({ certFile, keyFile }: FileOptions): Promise<ServingPair> {
  const [cert, key] = await Promise.all([Deno.readTextFile(certFile), Deno.readTextFile(keyFile)]);
  checkPair({ cert, key });
  return { cert, key };
}

/** The last certificate of a chain when it is a CA, or the only one when it signed itself. */
function caOf(cert: string): string | undefined {
  const { certificates } = parseAnchors(cert);
  const last = certificates.at(-1);
  const selfSigned = last !== undefined && last.subject === last.issuer;
  return selfSigned ? last.toString() : undefined;
}

/**
 * Serves with a certificate from files. While they cannot be read, or do not belong together (one
 * of the two was replaced so far), the last good pair stays.
 *
 * @returns the certificate
 * @throws {TypeError} at the start, naming the flags
 */
export async function servingFromFiles(options: FileOptions): Promise<ServingCertificate> {
  const { certFile, keyFile, log, pollMs = 10_000 } = options;
  let first: ServingPair;
  try {
    first = await readPair(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `Cannot use --tls-cert-file ${certFile} with --tls-private-key-file ${keyFile}: ${why}`,
      { cause },
    );
  }
  const serving = new ServingHandover(first, caOf(first.cert), options);
  const { pair, bundle: caBundle } = serving;
  return {
    pair,
    caBundle,
    async run(signal: AbortSignal): Promise<void> {
      while (await waited(pollMs, signal)) {
        try {
          serving.publish();
          const next = await readPair(options);
          if (next.cert === pair.value.cert && next.key === pair.value.key) continue;
          await serving.to(next, caOf(next.cert), signal);
          log.info("the serving certificate was re-read", { certFile });
        } catch (error) {
          if (signal.aborted) return;
          log.warn("the serving certificate cannot be read; the last one stays", {
            certFile,
            error,
          });
        }
      }
    },
  };
}

/** Options of {@linkcode selfMadeServing}. */
export interface SelfMadeOptions extends HandoverTimes {
  /** Keeps the CA. */
  store: CaStore;
  /** DNS names and addresses to serve as. */
  names: readonly string[];
  /** Where changes and failures are written. */
  log: Log;
  /** How often lifetimes and the store are looked at. @default {600_000} */
  checkMs?: number;
}

/** Certificates of a bundle that are still valid, PEM. */
function alive(bundle: string, now: number): string {
  return parseAnchors(bundle).certificates.filter((cert) => cert.validToDate.getTime() > now)
    .map((cert) => cert.toString().trimEnd() + "\n").join("");
}

function expiry(pem: string): number {
  return new X509Certificate(pem).validToDate.getTime();
}

/**
 * Loads the CA, or makes one; of two hubs that start at once, one writes and the other adopts.
 * A CA that would not outlive two serving certificates is replaced, and stays trusted meanwhile.
 */
async function obtainCa(
  { store, now = Date.now, log }: SelfMadeOptions,
  signal?: AbortSignal,
): Promise<StoredCa> {
  for (let attempt = 0;; attempt++) {
    const kept = await store.load(signal);
    if (kept !== undefined && expiry(kept.certs) - now() > 2 * SERVING_LIFE_MS) return kept;
    const made = await createCa(now());
    const rest = kept === undefined ? "" : alive(kept.certs, now());
    const fresh: StoredCa = { certs: made.cert + rest, key: made.key };
    try {
      await store.save(fresh, kept, signal);
      log.info("made a certificate authority for serving", { replaced: kept !== undefined });
      return (await store.load(signal)) ?? fresh;
    } catch (error) {
      if (!(error instanceof StoreConflictError) || attempt >= 5) throw error;
    }
  }
}

/**
 * Serves with a certificate of the hub's own CA. The CA is kept, the certificate is made anew at
 * each start and after two thirds of its life.
 *
 * @returns the certificate
 * @throws whatever the store throws, at the start
 */
export async function selfMadeServing(options: SelfMadeOptions): Promise<ServingCertificate> {
  const { names, log, checkMs = 600_000, now = Date.now } = options;
  const issue = async (ca: StoredCa): Promise<ServingPair> =>
    await issueServing({ cert: ca.certs, key: ca.key }, names, now());
  let ca = await obtainCa(options);
  const serving = new ServingHandover(await issue(ca), alive(ca.certs, now()), options);
  const { pair, bundle: caBundle } = serving;
  let issuedAt = now();
  return {
    pair,
    caBundle,
    async run(signal: AbortSignal): Promise<void> {
      while (await waited(checkMs, signal)) {
        try {
          serving.publish();
          const next = await obtainCa(options, signal);
          const changed = next.certs !== ca.certs || next.key !== ca.key;
          const due = now() >= issuedAt + (expiry(pair.value.cert) - issuedAt) * 2 / 3;
          if (!changed && !due) continue;
          await serving.to(await issue(next), alive(next.certs, now()), signal);
          ca = next;
          issuedAt = now();
          log.info("the serving certificate was renewed", { newAuthority: changed });
        } catch (error) {
          if (signal.aborted) return;
          log.warn("the serving certificate could not be renewed; will try again", { error });
        }
      }
    },
  };
}

/** @returns `false` once the signal aborted */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, signal);
    return true;
  } catch {
    return false;
  }
}
