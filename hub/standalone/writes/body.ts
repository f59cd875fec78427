/**
 * Reads the body of a write: bounded in length and time, and its media type.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/rest.go` (limitedReadBody),
 * `pkg/endpoints/handlers/negotiation/negotiate.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { unsupportedMediaType } from "../errors.ts";
import type { Share } from "./body_budget.ts";

/** Longer bodies are refused; kube-apiserver's limit. */
export const MAX_BODY = 3 * 1024 * 1024;
/** A body must have come within it, in milliseconds. */
const READ_MS = 30_000;

/** Media types of objects. */
export type BodyType = (typeof ACCEPTED)[number];

/** Kubernetes' own, of built-in kinds. */
export const PROTOBUF = "application/vnd.kubernetes.protobuf";
const ACCEPTED = ["application/json", "application/yaml", PROTOBUF] as const;

/**
 * Finds out how a body is written; nothing said means JSON.
 *
 * @throws {StatusError} 415
 */
export function bodyType(request: Request): BodyType {
  const header = request.headers.get("Content-Type") ?? "";
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim());
  const mediaType = type.toLowerCase();
  if (mediaType === "" && parameters.length === 0) return "application/json";
  const sound = parameters.every((parameter, index) =>
    /^[^\s=]+=.+$/.test(parameter) || parameter === "" && index === parameters.length - 1
  );
  const known = ACCEPTED.find((one) => one === mediaType);
  if (known === undefined || !sound) throw unsupportedMediaType(ACCEPTED);
  return known;
}

function tooLarge(): StatusError {
  return new StatusError(failure(413, `Request entity too large: limit is ${MAX_BODY}`));
}

function tooSlow(): StatusError {
  return new StatusError(
    failure(408, `the body of the request did not arrive within ${READ_MS / 1000} s`),
  );
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Reads on, or rejects at the deadline or when the caller goes. */
async function readAll(
  body: ReadableStream<Uint8Array>,
  share: Share,
  readMs: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = body.getReader();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {});
  const timer = setTimeout(() => late.reject(tooSlow()), readMs);
  let length = 0;
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return concat(chunks, length);
      length += value.byteLength;
      if (length > MAX_BODY) throw tooLarge();
      share.take(value.byteLength);
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    if (error instanceof StatusError) throw error;
    throw StatusError.of(400, "the body of the request broke off");
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

/**
 * Reads a body to its end.
 *
 * @param share is told of every byte that is kept
 * @throws {StatusError} 413 when it is longer than 3 MiB, 408 when it takes more than 30 s, 429 when
 * too much is under way, 400 when it breaks off
 */
export async function readBody(
  request: Request,
  share: Share,
  readMs = READ_MS,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const announced = Number(request.headers.get("Content-Length") ?? 0);
  if (announced > MAX_BODY) {
    request.body.cancel().catch(() => {});
    throw tooLarge();
  }
  return await readAll(request.body, share, readMs);
}

/**
 * The text of a body.
 *
 * @returns what is no UTF-8 is replaced, as Go does
 */
export function bodyText(body: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
}
