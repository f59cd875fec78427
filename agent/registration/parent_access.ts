/**
 * How the agent talks to the parent's API: which CAs it trusts, through which proxy, with which
 * token.
 *
 * Whom it trusts with a pinned CA (a file or a hash): that, and of what the hub sealed only the CAs
 * that lead to it (see `vetCa`). A hub that is hostile for a while thus plants no CA that outlives
 * it. The parent's CA is changed by way of the pin: a file is followed while the agent runs and may
 * hold the old and the new one.
 *
 * Without a pin: the system's roots, which vouched for the first registration, and the CA that the
 * hub sealed last, so that the parent's CA can be changed without a visit to each child. Nothing can
 * tell such a change from a CA that a hostile hub plants. What keeps that small: the last word alone
 * counts, so that a clean hub's next token takes the planted one back, and each change is an Event
 * in the child. Who does not want to rely on that pins.
 *
 * @module
 */
import { getCACertificates } from "node:tls";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { type KubeConnection, kubeTransport, type Transport } from "../../shared/kube/transport.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import type { WriteEvent } from "../events.ts";
import { type CaCertificate, vetCa, type VettedCa } from "./parent_ca.ts";
import type { ParentClock } from "./parent_clock.ts";

/** Options of {@linkcode ParentAccess}. */
export interface ParentAccessOptions {
  /** URL of the parent's API server; a path prefix is kept. */
  parentUrl: string;
  /** Brings the CA that the operator pinned, given what the hub said; see `AgentOptions`. */
  pinnedCa?: (known: string, signal?: AbortSignal) => Promise<string | undefined>;
  /** HTTP proxy on the way. */
  proxyUrl?: string;
  /** Learns the parent's time from each answer. */
  clock: ParentClock;
  userAgent: string;
  /** Opens connections. @default {kubeTransport} */
  connect?: (config: ClusterConfig) => KubeConnection;
  /** @default {silentLog} */
  log?: Log;
}

interface Open {
  transport: Transport;
  close: () => void;
  /** Whether it was given CAs, and trusts no others. */
  given: boolean;
}

/** Clients of the parent over one connection pool. */
export class ParentAccess {
  readonly #options: ParentAccessOptions;
  readonly #log: Log;
  #sealedCa = "";
  /** As it was read last. */
  #pinned: string | undefined;
  /** Of `#sealedCa` beside `#pinned`, which are asked about before each request. */
  #vetted: VettedCa = { counts: [], ignored: [] };
  /** What was last said to be ignored. */
  #saidIgnored = "";
  #open: Open | undefined;

  constructor(options: ParentAccessOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /**
   * Looks at the CA that the hub sealed, and says when something in it does not count.
   *
   * @param pem may be empty
   * @param event where to say it
   * @returns PEM of what counts of it beside the pin in use
   */
  vet(pem: string, event: WriteEvent): string {
    const { counts, ignored } = vetCa(pem, this.#pinned, this.#options.clock.now());
    const key = keyOf(ignored);
    if (key !== "" && key !== this.#saidIgnored) {
      const message = "The hub names a CA of the parent that does not lead to the pinned one: it " +
        "is ignored. If the parent's CA is to change, add the new one to the file of " +
        "--cluster-reg-parent-ca-file (or set --cluster-reg-parent-ca-hash anew). If it is not, " +
        `the hub may be in other hands. SHA-256: ${namesOf(ignored)}`;
      this.#log.warn(message);
      event("Warning", "ParentCAIgnored", message);
    }
    this.#saidIgnored = key;
    return pemOf(counts);
  }

  /**
   * Takes the hub's word on the parent's CA; see the module on when it counts.
   *
   * @param pem may be empty
   * @param event where to say that it changes whom the agent trusts; absent for what was stored
   */
  trust(pem: string, event?: WriteEvent): void {
    const former = this.#besidePin();
    this.#sealedCa = pem.trim();
    this.#vet();
    const now = this.#besidePin();
    if (event === undefined || keyOf(now) === keyOf(former)) return;
    const message = now.length === 0
      ? "The hub names no other CA for the parent any more"
      : "The hub names another CA for the parent, which the agent trusts from now on beside " +
        `${this.#pinned === undefined ? "the system's" : "the pinned one"}. SHA-256: ${
          namesOf(now)
        }`;
    this.#log.info(message);
    event("Normal", "ParentCAChanged", message);
  }

  #vet(): void {
    this.#vetted = vetCa(this.#sealedCa, this.#pinned, this.#options.clock.now());
  }

  /** What the hub's word adds. */
  #besidePin(): CaCertificate[] {
    return this.#vetted.counts.filter(({ pinned }) => !pinned);
  }

  /**
   * @returns PEM of the CAs to trust, and no others; `undefined` for the system's
   * @throws what the search for the pinned CA threw
   */
  async ca(signal?: AbortSignal): Promise<string | undefined> {
    const pinned = await this.#readPinned(signal);
    const others = this.#besidePin();
    if (others.length === 0) return pinned;
    if (pinned !== undefined) return `${pinned.trim()}\n${pemOf(others)}`;
    const roots = [...getCACertificates("bundled"), ...getCACertificates("system")];
    return [...roots, pemOf(others)].join("\n");
  }

  async #readPinned(signal?: AbortSignal): Promise<string | undefined> {
    const pinned = await this.#options.pinnedCa?.(this.#sealedCa, signal);
    if (pinned === this.#pinned) return pinned;
    this.#pinned = pinned;
    this.#vet();
    return pinned;
  }

  /**
   * Makes a client; all share connections.
   *
   * @param token read for each request
   * @returns the client
   * @throws what the search for the pinned CA threw
   */
  async client(token: () => string | undefined, signal?: AbortSignal): Promise<KubeClient> {
    await this.#ensure(signal);
    const { clock, userAgent } = this.#options;
    return new KubeClient({
      userAgent,
      transport: async (request) => {
        const bearer = token();
        if (bearer !== undefined) request.headers.set("Authorization", `Bearer ${bearer}`);
        // Where a CA takes the place of the system's, the pool is another while clients live on
        const { transport } = await this.#ensure();
        return clock.observe(await transport(request));
      },
    });
  }

  async #ensure(signal?: AbortSignal): Promise<Open> {
    const ca = await this.ca(signal);
    const given = ca !== undefined;
    if (this.#open !== undefined && this.#open.given === given) return this.#open;
    const { parentUrl, proxyUrl, connect = kubeTransport } = this.#options;
    this.#open?.close();
    const opened = connect({
      server: parentUrl,
      // A CA that changes later cuts no request that is under way
      ...(ca === undefined ? {} : { ca, readCa: async () => await this.ca() ?? ca }),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
    });
    const { transport } = opened;
    this.#open = { transport, close: () => opened.close(), given };
    return this.#open;
  }

  /** Closes all connections. */
  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }
}

function pemOf(certificates: readonly CaCertificate[]): string {
  return certificates.map(({ pem }) => `${pem}\n`).join("");
}

/** An Event takes a kilobyte, and a bundle may hold many. */
const MAX_NAMED = 5;

/** Tells one set from another. */
function keyOf(certificates: readonly CaCertificate[]): string {
  return certificates.map(({ fingerprint }) => fingerprint).sort().join();
}

function namesOf(certificates: readonly CaCertificate[]): string {
  const names = certificates.map(({ fingerprint }) => fingerprint);
  const more = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
