/**
 * A whole embedded API in memory, for tests.
 *
 * @module
 */
import { generateKeyPairSync } from "node:crypto";
import type { HeaderList } from "../../../shared/headers.ts";
import { createLog } from "../../../shared/log.ts";
import { withLines } from "../../../shared/request_lines.ts";
import { startEmbedded } from "../start_embedded.ts";
import type { ApiObject, Store } from "../store/types.ts";
import { LOOPBACK_USER, type User } from "../user.ts";

const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
  .export({ type: "pkcs8", format: "pem" }).toString();

/** An answer, its body read. */
export interface Answer {
  status: number;
  body: ApiObject;
  headers: Headers;
}

/** What a test asks. */
export interface TestApi extends AsyncDisposable {
  readonly store: Store;
  /** Sends a request; an object as body becomes JSON. */
  send(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
    as?: User,
    headers?: Record<string, string> | HeaderList,
  ): Promise<Response>;
  /** The same, and reads the answer as JSON. */
  json(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
    as?: User,
    headers?: Record<string, string> | HeaderList,
  ): Promise<Answer>;
}

/** Somebody without a right. */
export function user(name: string, groups: readonly string[] = ["system:authenticated"]): User {
  return { name, groups, extra: {} };
}

/** Starts one. */
export async function embeddedApi(): Promise<TestApi> {
  const lines: string[] = [];
  const embedded = await startEmbedded({
    path: ":memory:",
    signingKeyPem: KEY,
    issuer: "https://issuer.test",
    rootCaPem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    gitVersion: "v1.36.3+embedded",
    now: () => Date.now(),
    random: () => Math.random(),
    log: createLog({
      format: "text",
      level: "error",
      component: "test",
      write: (line) => {
        lines.push(line);
      },
    }),
  });
  const send: TestApi["send"] = (method, path, body, contentType, as = LOOPBACK_USER, more) => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const headers = new Headers(more);
    headers.set("User-Agent", "test/1");
    if (text !== undefined) headers.set("Content-Type", contentType ?? "application/json");
    const request = new Request(`http://api.test${path}`, {
      method,
      headers,
      ...(text === undefined ? {} : { body: text }),
    });
    return embedded.api.handle(Array.isArray(more) ? withLines(request, more) : request, as);
  };
  return {
    store: embedded.store,
    send,
    async json(...args): Promise<Answer> {
      const response = await send(...args);
      const text = await response.text();
      if (response.status === 500) throw new Error(`500: ${text}\n${lines.join("")}`);
      return { status: response.status, body: JSON.parse(text), headers: response.headers };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await embedded.stop();
      if (lines.length > 0) throw new Error(`The log says: ${lines.join("")}`);
    },
  };
}
