/**
 * A place between hub and parent that misbehaves on demand: it ends TLS with a certificate of the
 * parent's CA, passes everything on, and treats reviews (SubjectAccessReview, TokenReview) as it
 * is told.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Cluster } from "../cluster/cluster.ts";

/** How reviews are treated. */
export type ShimMode =
  /** Passed on. */
  | "pass"
  /** Taken, never answered. */
  | "silent"
  /** Answered with a byte every 200 ms. */
  | "slow"
  /** The connection is cut before the answer. */
  | "cut"
  /** The parent's own answer, cut in the middle of its body. */
  | "half"
  /** A whole answer that is no JSON. */
  | "garbled"
  /** HTTP 500. */
  | "error";

const REVIEW = /\/(subjectaccessreviews|tokenreviews)(\?|$)/;

/** See the module text. */
export class ParentShim implements AsyncDisposable {
  /** How reviews are treated from now on. */
  mode: ShimMode = "pass";
  readonly #upstream: string;
  readonly #client: Deno.HttpClient;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #timers = new Set<ReturnType<typeof setInterval>>();
  #port = 0;

  private constructor(parent: Cluster, pair: { cert: string; key: string }) {
    this.#upstream = parent.server;
    this.#client = Deno.createHttpClient({ caCerts: [parent.caPem], http2: false });
    this.#server = createServer(pair, (req, res) => this.#serve(req, res));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** @returns a shim that listens */
  static async start(parent: Cluster): Promise<ParentShim> {
    const pair = await parent.pki.ca.issue({
      commonName: "shim",
      usages: ["server"],
      ips: ["127.0.0.1"],
    });
    const shim = new ParentShim(parent, pair);
    await shim.up();
    return shim;
  }

  /** What the hub takes for the parent. */
  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Listens, at the same port as before. */
  async up(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections and cuts those that stand. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    req.on("error", () => {});
    res.on("error", () => {});
    const mode = REVIEW.test(req.url ?? "") ? this.mode : "pass";
    if (mode === "pass" || mode === "half") return void this.#pass(req, res, mode === "half");
    req.resume();
    if (mode === "cut") req.socket.destroy();
    if (mode === "error") res.writeHead(500).end("no");
    if (mode === "garbled") {
      res.writeHead(201, { "Content-Type": "application/json" }).end('{"status":{"allowed":true,');
    }
    if (mode === "slow") this.#drip(res);
  }

  #drip(res: ServerResponse): void {
    res.writeHead(201, { "Content-Type": "application/json", "Content-Length": "4096" });
    const timer = setInterval(() => res.write(" "), 200);
    this.#timers.add(timer);
    res.once("close", () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    });
  }

  async #pass(req: IncomingMessage, res: ServerResponse, cutInBody: boolean): Promise<void> {
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of req) chunks.push(chunk as Uint8Array);
      const headers = new Headers({ "accept-encoding": "identity" });
      for (const name of ["authorization", "content-type", "accept"]) {
        const value = req.headers[name];
        if (typeof value === "string") headers.set(name, value);
      }
      const answer = await fetch(this.#upstream + req.url!, {
        method: req.method!,
        headers,
        client: this.#client,
        signal: gone.signal,
        ...(chunks.length === 0 ? {} : { body: new Blob(chunks as Uint8Array<ArrayBuffer>[]) }),
      });
      res.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") ?? "" });
      res.flushHeaders(); // A watch may be silent for long
      for await (const chunk of answer.body ?? []) {
        if (cutInBody) {
          return void res.write(chunk.subarray(0, chunk.length >> 1), () => {
            req.socket.destroy();
          });
        }
        res.write(chunk);
      }
      res.end();
    } catch {
      res.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.down();
    for (const timer of this.#timers) clearInterval(timer);
    this.#client.close();
  }
}
