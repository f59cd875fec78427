/**
 * The little that the front asks of the parent's API, over `KubeClient.raw`.
 *
 * @module
 */
import { statusErrorOf } from "../../shared/kube/body.ts";

/** What is needed of `KubeClient` of `shared/kube`. */
export interface RawKubeClient {
  /** Sends a request to a path of the parent. */
  raw(path: string, init?: RequestInit & { timeoutMs?: number }): Promise<Response>;
}

/** A call to the parent. */
export interface KubeCall {
  /** HTTP method. @default {"GET"} */
  method?: "GET" | "POST" | "PUT";
  /** Sent as JSON. */
  body?: unknown;
  /** Ends the call. */
  signal?: AbortSignal;
}

/**
 * Calls the parent and reads the answer as JSON.
 *
 * @param path starts with `/`
 * @returns the object
 * @throws {StatusError} for an answer other than 2xx; whatever the transport throws
 */
export async function kubeJson<T>(
  client: RawKubeClient,
  path: string,
  { method = "GET", body, signal }: KubeCall = {},
): Promise<T> {
  const response = await client.raw(path, {
    method,
    headers: {
      "Accept": "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw statusErrorOf(`${method} ${path.split("?")[0]}`, response, text);
}
