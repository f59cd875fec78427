/**
 * How the agent talks to the parent's API: which CAs it trusts, through which proxy, with which
 * token.
 *
 * Whom it trusts: without a pinned CA the system's, and the one that the hub sealed. With one, that
 * alone until credentials came over a connection that it vouched for: the CA in them counts beside
 * it from then on, so that the parent's CA can be changed without a visit to each child. A CA that
 * was stored before the pin was set, or under another pin, does not count: it came over a
 * connection that this pin did not vouch for. The first registration has the pin alone. A pin in a
 * file may change: it counts as it is then, and what came under the former one counts no more until
 * the hub says it again.
 *
 * @module
 */
import { getCACertificates } from "node:tls";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { type KubeConnection, kubeTransport, type Transport } from "../../shared/kube/transport.ts";
import { fingerprint } from "./parent_ca.ts";
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
  #sealedCa = "";
  #sealedUnder: string | undefined;
  /** What `caPin` is of. */
  #pinned: string | undefined;
  #caPin: string | undefined;
  #open: Open | undefined;

  constructor(options: ParentAccessOptions) {
    this.#options = options;
  }

  /** Fingerprint of the pinned CA in use; `undefined` without one, and before it is known. */
  get caPin(): string | undefined {
    return this.#caPin;
  }

  /**
   * Takes the hub's word on the parent's CA; see the module on when it counts.
   *
   * @param pem may be empty
   * @param caPin what `caPin` was when it came
   */
  trust(pem: string, caPin: string | undefined): void {
    this.#sealedCa = pem.trim();
    this.#sealedUnder = caPin;
  }

  /**
   * @returns PEM of the CAs to trust, and no others; `undefined` for the system's
   * @throws what the search for the pinned CA threw
   */
  async ca(signal?: AbortSignal): Promise<string | undefined> {
    const pinned = await this.#readPinned(signal);
    if (this.#sealedCa === "") return pinned;
    if (pinned !== undefined) {
      if (this.#sealedUnder !== this.#caPin) return pinned;
      return pinned.includes(this.#sealedCa) ? pinned : `${pinned.trim()}\n${this.#sealedCa}\n`;
    }
    // Registered through a server that the system's roots vouch for, or the flag is gone since
    const roots = [...getCACertificates("bundled"), ...getCACertificates("system")];
    return [...roots, this.#sealedCa].join("\n");
  }

  async #readPinned(signal?: AbortSignal): Promise<string | undefined> {
    const pinned = await this.#options.pinnedCa?.(this.#sealedCa, signal);
    if (pinned === this.#pinned) return pinned;
    this.#pinned = pinned;
    this.#caPin = pinned === undefined ? undefined : fingerprint(pinned);
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
