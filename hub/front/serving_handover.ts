/**
 * From one serving certificate to the next without a moment in which a client trusts neither.
 *
 * The parent's kube-apiserver verifies the hub against `spec.caBundle` of the APIService, which it
 * learns a moment after it was written. So where the next certificate has another CA, the bundle
 * holds both first, the certificate follows, and the former CA goes last.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import { parseAnchors } from "./client_cert.ts";
import type { ServingPair } from "./serving_pair.ts";
import { type Source, ValueSource } from "./source.ts";

/** How long the steps of a {@linkcode ServingHandover} take. */
export interface HandoverTimes {
  /** From the bundle with both CAs to the certificate of the new one, in milliseconds. @default {5_000} */
  settleMs?: number;
  /**
   * The former CA stays in the bundle for so long, in milliseconds: a standby may get its files
   * later.
   * @default {600_000}
   */
  formerMs?: number;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
}

/** A pair and the bundle that vouches for it. */
export class ServingHandover {
  readonly #pair: ValueSource<ServingPair>;
  readonly #bundle: ValueSource<string | undefined>;
  readonly #settleMs: number;
  readonly #formerMs: number;
  readonly #now: () => number;
  #current: string | undefined;
  #former: { bundle: string; until: number } | undefined;

  /**
   * Serves at once.
   *
   * @param bundle PEM of the CA of `pair`, the one that signed it first; `undefined` when it is not
   * known
   */
  constructor(pair: ServingPair, bundle: string | undefined, times: HandoverTimes = {}) {
    this.#pair = new ValueSource(pair);
    this.#bundle = new ValueSource(bundle);
    this.#current = bundle;
    this.#settleMs = times.settleMs ?? 5_000;
    this.#formerMs = times.formerMs ?? 600_000;
    this.#now = times.now ?? Date.now;
  }

  /** What to serve with. */
  get pair(): Source<ServingPair> {
    return this.#pair;
  }

  /** What clients are to trust. */
  get bundle(): Source<string | undefined> {
    return this.#bundle;
  }

  /** Serves with another pair: at once where its CA is trusted already. */
  async to(pair: ServingPair, bundle: string | undefined, signal: AbortSignal): Promise<void> {
    const before = this.#bundle.value;
    this.#current = bundle;
    const signer = certificates(bundle)[0];
    if (before !== undefined && signer !== undefined && !certificates(before).includes(signer)) {
      this.#former = { bundle: before, until: Infinity };
      this.publish();
      await delay(this.#settleMs, signal);
      this.#former.until = this.#now() + this.#formerMs;
    } else this.publish();
    this.#pair.set(pair);
  }

  /** Takes a former CA out of the bundle when its time is over; to be called from time to time. */
  publish(): void {
    if (this.#former !== undefined && this.#now() >= this.#former.until) this.#former = undefined;
    const current = this.#current;
    if (current === undefined || this.#former === undefined) return this.#set(current);
    const known = certificates(current);
    const former = certificates(this.#former.bundle).filter((pem) => !known.includes(pem));
    this.#set([current.trimEnd(), ...former].join("\n") + "\n");
  }

  #set(bundle: string | undefined): void {
    if (bundle !== this.#bundle.value) this.#bundle.set(bundle);
  }
}

/** The certificates of a bundle, each in one spelling. */
function certificates(bundle: string | undefined): string[] {
  return parseAnchors(bundle ?? "").certificates.map((cert) => cert.toString().trimEnd());
}
