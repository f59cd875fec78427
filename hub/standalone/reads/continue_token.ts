/**
 * Tokens that lead to the next page of a list.
 *
 * Source: k8s.io/apiserver `pkg/storage/continue.go`
 *
 * @module
 */
import { failure, type Status, StatusError } from "../../../shared/kube/status.ts";
import { badRequest } from "../errors.ts";

const VERSION = "meta.k8s.io/v1";
const BASE64 = /[^A-Za-z0-9_-]/;

/** Where a list goes on. */
export interface ContinueToken {
  /** Version of the whole list; negative: go on with what is there now. */
  readonly version: number;
  /** The first key that is wanted, `namespace/name` or `name`; a NUL at its end means: after it. */
  readonly start: string;
}

/**
 * Renders a token.
 *
 * @param last key of the last object that was given
 * @returns base64url of kube-apiserver's JSON
 */
export function encodeContinue(version: number, last: string): string {
  return encode(version, `${last}\0`);
}

function encode(rv: number, start: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ v: VERSION, rv, start: `/${start}` }));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function invalid(why: string): StatusError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

function decodeBase64(text: string): string {
  const wrong = text.search(BASE64);
  if (wrong >= 0) throw invalid(`illegal base64 data at input byte ${wrong}`);
  if (text.length % 4 === 1) {
    throw invalid(`illegal base64 data at input byte ${text.length - 1}`);
  }
  return Uint8Array.fromBase64(text, { alphabet: "base64url" })
    .reduce((bytes, byte) => bytes + String.fromCharCode(byte), "");
}

/** Bytes, one in each char, as the text that they are in UTF-8. */
function utf8(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
}

/** The first byte of a text, as Go quotes it. */
function shown(bytes: string): string {
  const [first = ""] = bytes.trimStart();
  const code = first.charCodeAt(0);
  return code < 0x20 || code > 0x7e ? `\\u${code.toString(16).padStart(4, "0")}` : first;
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function parseJson(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8(text));
  } catch {
    const first = text.trimStart()[0];
    if (first === undefined || /[[{"\-0-9tfn]/.test(first)) {
      throw invalid("unexpected end of JSON input");
    }
    throw invalid(`invalid character '${shown(text)}' looking for beginning of value`);
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw invalid(
      `json: cannot unmarshal ${goType(value)} into Go value of type storage.continueToken`,
    );
  }
  return value as Record<string, unknown>;
}

/**
 * Reads a token.
 *
 * @throws {StatusError} 400 in kube-apiserver's words
 */
export function decodeContinue(text: string): ContinueToken {
  const { v = "", rv = 0, start = "" } = parseJson(decodeBase64(text));
  const types = [["v", v, "string"], ["rv", rv, "int64"], ["start", start, "string"]] as const;
  for (const [field, value, type] of types) {
    const right = type === "string" ? typeof value === "string" : Number.isSafeInteger(value);
    if (right) continue;
    const found = typeof value === "number" ? `number ${value}` : goType(value);
    throw invalid(
      `json: cannot unmarshal ${found} into Go struct field continueToken.${field} of type ${type}`,
    );
  }
  if (v !== VERSION) throw invalid(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw invalid(`incorrect encoded start resourceVersion (version ${VERSION})`);
  if (start === "") throw invalid(`encoded start key empty (version ${VERSION})`);
  const key = start as string;
  // A key that climbs out of its resource would be another's
  const absolute = key.startsWith("/") ? key : `/${key}`;
  const steps = absolute.split("/").slice(1);
  const odd = steps.some((step, i) =>
    step === "." || step === ".." || (step === "" && i < steps.length - 1)
  );
  if (odd) throw invalid(key);
  return { version: rv as number, start: absolute.slice(1) };
}

/**
 * 410: the pages before are of a version that is not kept any more. The answer carries a token that
 * goes on with what is there now.
 *
 * @param token the one that came
 */
export function continueExpired({ start }: ContinueToken): StatusError {
  const status: Status = failure(
    410,
    "The provided continue parameter is too old to display a consistent list result. You can " +
      "start a new list without the continue parameter, or use the continue token in this " +
      "response to retrieve the remainder of the results. Continuing with the provided token " +
      "results in an inconsistent list - objects that were created, modified, or deleted between " +
      "the time the first chunk was returned and now may show up in the list.",
  );
  status.metadata = { continue: encode(-1, start) };
  return new StatusError(status);
}

/** The words for a `resourceVersion` that is not kept any more. */
export const LIST_EXPIRED = "The resourceVersion for the provided list is too old.";
