/**
 * One of the two APIs that are compared: sends steps and reads answers.
 *
 * @module
 */
import { parse } from "yaml";
import { delay } from "../../shared/backoff.ts";
import type { Answer, Cell, Step } from "./cell.ts";
import type { Json } from "./fixtures.ts";

const STEP_MS = 30_000;
const UNTIL_MS = 20_000;

/** See the module text. */
export class Side implements Disposable {
  readonly #server: string;
  readonly #client: Deno.HttpClient;

  /**
   * @param name for messages
   * @param kubeconfig text of one with a client certificate in it
   */
  constructor(readonly name: string, kubeconfig: string) {
    const { clusters: [{ cluster }], users: [{ user }] } = parse(kubeconfig) as Json;
    const text = (base64: string): string =>
      new TextDecoder().decode(Uint8Array.fromBase64(base64));
    this.#server = cluster.server;
    this.#client = Deno.createHttpClient({
      caCerts: [text(cluster["certificate-authority-data"])],
      cert: text(user["client-certificate-data"]),
      key: text(user["client-key-data"]),
    });
  }

  /** Sends the steps of a cell. @returns the answer to the one that is judged */
  async judge({ setup, request, cleanup }: Cell): Promise<Answer> {
    const seen: Answer[] = [];
    try {
      for (const step of setup) seen.push(await this.send(step, seen));
      return await this.send(request, seen);
    } finally {
      for (const step of cleanup) await this.send(step, seen);
    }
  }

  /** Sends one step, again and again where it waits for something. */
  async send(step: Step, seen: readonly Answer[] = []): Promise<Answer> {
    const end = performance.now() + UNTIL_MS;
    for (;;) {
      const answer = await this.#once(step, seen);
      if (step.until === undefined || answer.status === step.until) return answer;
      if (performance.now() > end) {
        throw new Error(
          `${this.name}: ${step.method} ${step.path} answers ${answer.status}, not ${step.until}`,
        );
      }
      await delay(50);
    }
  }

  async #once(step: Step, seen: readonly Answer[]): Promise<Answer> {
    const path = typeof step.path === "function" ? step.path(seen) : step.path;
    const body = typeof step.body === "function" ? step.body(seen) : step.body;
    const headers = new Headers({ "User-Agent": "difference/1", "Accept": "application/json" });
    if (step.accept !== undefined) headers.set("Accept", step.accept);
    if (body !== undefined) headers.set("Content-Type", step.contentType ?? "application/json");
    if (step.as !== undefined) headers.set("Impersonate-User", step.as);
    for (const group of step.groups ?? []) headers.append("Impersonate-Group", group);
    const response = await fetch(this.#server + path, {
      method: step.method,
      headers,
      client: this.#client,
      signal: AbortSignal.timeout(STEP_MS),
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const type = (response.headers.get("content-type") ?? "").split(";")[0]!;
    const text = await response.text();
    return {
      status: response.status,
      type,
      warnings: warningsOf(response.headers.get("warning")),
      body: type === "application/json" ? json(text, path) : text,
    };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function json(text: string, path: string): Json {
  if (/[?&]watch=true/.test(path)) {
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Json);
  }
  return text === "" ? "" : JSON.parse(text);
}

function warningsOf(header: string | null): string[] {
  return [...(header ?? "").matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text!);
}
