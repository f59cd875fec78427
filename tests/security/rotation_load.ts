/**
 * Load that notices every request that is lost, and a way to the parent that can be cut.
 *
 * @module
 */
import type { KeyPair } from "../cluster/pki.ts";
import { type Fleet, USER } from "../e2e/fleet.ts";

/** What ran while something was rotated. */
export interface LoadResult {
  requests: number;
  /** One line for each request that had no good answer. */
  lost: string[];
}

/** More at once than kube-apiserver keeps idle connections (25): each burst makes it dial the hub. */
const BURST = 40;
const BURST_EVERY_MS = 700;

/** GETs without a pause from several clients, bursts of GETs, and one watch, as {@linkcode USER}. */
export class RotationLoad implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #stop = new AbortController();
  readonly #client: Deno.HttpClient;
  readonly #running: Promise<void>[] = [];
  readonly #seen = new Set<string>();
  #requests = 0;
  #lost: string[] = [];

  /** @param cas PEM of all CAs that the parent's server may have */
  constructor(fleet: Fleet, cas: readonly string[], certificate: KeyPair) {
    this.#fleet = fleet;
    this.#client = Deno.createHttpClient({ caCerts: [...cas], http2: false, ...certificate });
  }

  /** Starts all. */
  start(clients = 8): void {
    for (let i = 0; i < clients; i++) this.#running.push(this.#get());
    this.#running.push(this.#bursts(), this.#watch());
  }

  /** One GET, as {@linkcode USER}. */
  async status(path: string): Promise<number> {
    const response = await fetch(this.#fleet.parent.server + path, {
      client: this.#client,
      signal: AbortSignal.timeout(10_000),
    });
    await response.text();
    return response.status;
  }

  async #get(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#one(`${this.#fleet.proxyPath}/api/v1/namespaces/default`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #bursts(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const path = `${this.#fleet.proxyPath}/version`;
      await Promise.all(Array.from({ length: BURST }, () => this.#one(path)));
      await new Promise((resolve) => setTimeout(resolve, BURST_EVERY_MS));
    }
  }

  async #one(path: string): Promise<void> {
    this.#requests++;
    try {
      const status = await this.status(path);
      if (status !== 200) this.#lose(`GET: ${status}`);
    } catch (error) {
      this.#lose(`GET: ${error}`);
    }
  }

  async #watch(): Promise<void> {
    const path = `${this.#fleet.proxyPath}/api/v1/namespaces/default/configmaps?watch=1`;
    try {
      const response = await fetch(this.#fleet.parent.server + path, {
        client: this.#client,
        signal: this.#stop.signal,
      });
      for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
        for (const [, name] of text.matchAll(/"name":"(turn-[0-9]+)"/g)) this.#seen.add(name!);
      }
      this.#lose("the watch ended");
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#lose(`the watch: ${error}`);
    }
  }

  #lose(what: string): void {
    this.#lost.push(`${new Date().toISOString()} ${what}`);
  }

  /** Whether the watch, always the same one, told of an object. */
  sees(name: string): boolean {
    return this.#seen.has(name);
  }

  /** What happened since the last call. */
  take(): LoadResult {
    const result = { requests: this.#requests, lost: this.#lost };
    this.#requests = 0;
    this.#lost = [];
    return result;
  }

  /** Lets what is under way end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#client.close();
  }
}

/** A port before another that can cut all connections: whoever comes again shakes hands anew. */
export class Cutter implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  /** Connections that were taken. */
  taken = 0;

  /** @param target port that new connections lead to */
  constructor(public target: number) {
    this.#accepting = this.#accept();
  }

  /** What leads to the target. */
  get url(): string {
    return `https://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const conn of [...this.#conns]) this.#close(conn);
  }

  async #accept(): Promise<void> {
    const pumps: Promise<void>[] = [];
    try {
      for await (const near of this.#listener) {
        this.taken++;
        const far = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
        this.#conns.add(near).add(far);
        pumps.push(this.#pump(near, far), this.#pump(far, near));
      }
    } finally {
      this.cut();
      await Promise.all(pumps);
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (
        let length = await from.read(buffer);
        length !== null;
        length = await from.read(buffer)
      ) {
        for (let at = 0; at < length;) at += await to.write(buffer.subarray(at, length));
      }
    } catch {
      // Cut
    }
    this.#close(from);
    this.#close(to);
  }

  #close(conn: Deno.Conn): void {
    if (!this.#conns.delete(conn)) return;
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }
}

/** @returns the certificate of {@linkcode USER} for the fleet's parent */
export async function userCertificate(fleet: Fleet): Promise<KeyPair> {
  return await fleet.parent.mintClientCert(USER.name, USER.groups);
}
