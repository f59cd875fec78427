/**
 * `resourceVersion` in requests, and the refusals of those that cannot be had.
 *
 * Source: k8s.io/apiserver `pkg/storage/api_object_versioner.go`, `pkg/storage/errors.go`
 *
 * @module
 */
import { failure, type Status, StatusError } from "../../../shared/kube/status.ts";
import { badRequest } from "../errors.ts";
import { quoted } from "./label_syntax.ts";

const UINT64 = 2n ** 64n - 1n;

/** What Go's `strconv.ParseUint` says of a text; `undefined` when it is a number. */
function fault(text: string): string | undefined {
  const why = !/^\d+$/.test(text)
    ? "invalid syntax"
    : text.length > 32 || BigInt(text) > UINT64
    ? "value out of range"
    : undefined;
  if (why === undefined) return undefined;
  const parsing = `strconv.ParseUint: parsing ${quoted(text)}: ${why}`;
  return `resourceVersion: Invalid value: ${quoted(text)}: ${parsing}`;
}

/**
 * Reads the version of a list.
 *
 * @returns 0 when it is empty
 * @throws {StatusError} 400
 */
export function listVersion(text: string): number {
  const why = text === "" ? undefined : fault(text);
  if (why !== undefined) throw badRequest(`invalid resource version: ${why}`);
  return Number(text);
}

/**
 * Reads the version of a get or a watch; kube-apiserver answers 500 there.
 *
 * @returns 0 when it is empty
 * @throws {StatusError} 500 without a reason
 */
export function objectVersion(text: string): number {
  const why = text === "" ? undefined : fault(text);
  if (why === undefined) return Number(text);
  const { reason: _, ...status } = failure(500, why);
  throw new StatusError(status as Status);
}

/** 504: the version is yet to come. */
export function versionTooLarge(wanted: number, current: number): StatusError {
  return new StatusError(failure(
    504,
    `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  ));
}
