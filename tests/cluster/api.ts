/**
 * The test bed's own way to a kube-apiserver, as its admin: a few verbs over `fetch`.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import { messageOf, TestBedError } from "./errors.ts";
import type { KeyPair } from "./pki.ts";

/** An answer, its body read. */
export interface ApiResponse {
  /** HTTP status. */
  status: number;
  /** Body, as text. */
  text: string;
}

/** See the module text. */
export class Api implements Disposable {
  readonly #server: string;
  readonly #client: Deno.HttpClient;

  /**
   * @param server URL, as `https://127.0.0.1:6443`
   * @param caPem the server's CA
   * @param pair the admin's client certificate
   */
  constructor(server: string, caPem: string, pair: KeyPair) {
    this.#server = server;
    this.#client = Deno.createHttpClient({ caCerts: [caPem], cert: pair.cert, key: pair.key });
  }

  /**
   * Sends one request.
   *
   * @param body sent as JSON
   * @returns the answer, whatever its status
   * @throws when there is none within `timeoutMs` (default 15 s)
   */
  async request(
    method: string,
    path: string,
    body?: unknown,
    options: { contentType?: string; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<ApiResponse> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(new TestBedError(`${method} ${path}: no answer`));
    const timer = setTimeout(abort, options.timeoutMs ?? 15_000);
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      const response = await fetch(this.#server + path, {
        method,
        client: this.#client,
        signal: controller.signal,
        ...(body === undefined ? {} : {
          body: JSON.stringify(body),
          headers: { "content-type": options.contentType ?? "application/json" },
        }),
      });
      return { status: response.status, text: await response.text() };
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }

  async #ok(method: string, path: string, body?: unknown, contentType?: string): Promise<string> {
    const options = contentType === undefined ? {} : { contentType };
    const { status, text } = await this.request(method, path, body, options);
    if (status < 200 || status > 299) {
      throw new TestBedError(`${method} ${path}: HTTP ${status}: ${text.slice(0, 500)}`);
    }
    return text;
  }

  /** @returns the object; throws {@linkcode TestBedError} on any status but 2xx */
  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.#ok("GET", path)) as T;
  }

  /** Creates an object. @returns it as stored */
  async create<T>(path: string, object: unknown): Promise<T> {
    return JSON.parse(await this.#ok("POST", path, object)) as T;
  }

  /** Merge-patches an object. @returns it as stored */
  async patch<T>(path: string, patch: unknown): Promise<T> {
    return JSON.parse(await this.#ok("PATCH", path, patch, "application/merge-patch+json")) as T;
  }

  /** Deletes an object; one that is not there is deleted already. */
  async remove(path: string): Promise<void> {
    const { status, text } = await this.request("DELETE", path);
    if (status > 299 && status !== 404) {
      throw new TestBedError(`DELETE ${path}: HTTP ${status}: ${text.slice(0, 500)}`);
    }
  }

  /**
   * Asks until the answer is yes; errors count as no.
   *
   * @throws {TestBedError} after `timeoutMs` (default 60 s), with the last error
   */
  async until(what: string, ask: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    let last = "the answer stayed no";
    for (let wait = 20;; wait = Math.min(wait * 1.5, 500)) {
      try {
        if (await ask()) return;
      } catch (error) {
        last = messageOf(error);
      }
      if (performance.now() > end) {
        throw new TestBedError(`Waited ${timeoutMs / 1000} s for ${what}: ${last}`);
      }
      await delay(wait);
    }
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.#client.close();
  }
}
