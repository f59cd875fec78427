/**
 * How the agent talks to the parent's API: which CAs it trusts, through which proxy, with which
 * token.
 *
 * @module
 */
import { getCACertificates } from "node:tls";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { type KubeConnection, kubeTransport, type Transport } from "../../shared/kube/transport.ts";
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
  /** What it trusts. */
  ca: string | undefined;
}

/** Clients of the parent over one connection pool. */
export class ParentAccess {
  readonly #options: ParentAccessOptions;
  #pinned: Promise<string | undefined> | undefined;
  #sealedCa = "";
  #open: Open | undefined;

  constructor(options: ParentAccessOptions) {
    this.#options = options;
  }

  /** The hub's word on the parent's CA: trusted beside what the operator pinned. */
  set sealedCa(pem: string) {
    this.#sealedCa = pem.trim();
  }

  /**
   * @returns PEM of the CAs to trust, and no others; `undefined` for the system's
   * @throws what the search for the pinned CA threw
   */
  async ca(signal?: AbortSignal): Promise<string | undefined> {
    const pinned = await this.#readPinned(signal);
    if (this.#sealedCa === "") return pinned;
    if (pinned !== undefined) {
      return pinned.includes(this.#sealedCa) ? pinned : `${pinned.trim()}\n${this.#sealedCa}\n`;
    }
    // Registered through a server that the system's roots vouch for, or the flag is gone since
    const roots = [...getCACertificates("bundled"), ...getCACertificates("system")];
    return [...roots, this.#sealedCa].join("\n");
  }

  async #readPinned(signal?: AbortSignal): Promise<string | undefined> {
    this.#pinned ??= this.#options.pinnedCa?.(this.#sealedCa, signal) ?? Promise.resolve(undefined);
    try {
      return await this.#pinned;
    } catch (error) {
      this.#pinned = undefined; // The next try asks again
      throw error;
    }
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
        // Through the pool of the moment: a new CA replaces it while clients live on
        const { transport } = await this.#ensure();
        return clock.observe(await transport(request));
      },
    });
  }

  async #ensure(signal?: AbortSignal): Promise<Open> {
    const ca = await this.ca(signal);
    if (this.#open !== undefined && this.#open.ca === ca) return this.#open;
    const { parentUrl, proxyUrl, connect = kubeTransport } = this.#options;
    this.#open?.close();
    const opened = connect({
      server: parentUrl,
      ...(ca === undefined ? {} : { ca }),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
    });
    const { transport } = opened;
    this.#open = { transport, close: () => opened.close(), ca };
    return this.#open;
  }

  /** Closes all connections. */
  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }
}
