/**
 * Bodies in Kubernetes' protobuf, as kubectl sends them of built-in kinds.
 *
 * Source: k8s.io/apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`, k8s.io/apiserver
 * `pkg/endpoints/handlers/rest.go` (transformDecodeError)
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type protobuf from "protobufjs";
import type { StatusError } from "../../../shared/kube/status.ts";
import { badRequest } from "../errors.ts";
import { messageToJson } from "./protobuf_json.ts";
import { loadMessages, type Messages } from "./protobuf_messages.ts";
import { checkWire } from "./protobuf_wire.ts";

/** The kind that a path takes. */
export interface Wanted {
  /** Such as `v1` or `rbac.authorization.k8s.io/v1`. */
  readonly apiVersion: string;
  /** CamelCase. */
  readonly kind: string;
}

/** `runtime.Unknown`, decoded. */
interface Unknown {
  readonly typeMeta?: { readonly apiVersion?: string; readonly kind?: string };
  readonly raw?: Uint8Array;
  readonly contentEncoding?: string;
}

const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
const SUMMARY = 30;

function unrecognized(bytes: Uint8Array, why: string, wanted: Wanted | undefined): StatusError {
  const start = Buffer.from(bytes.subarray(0, SUMMARY)).toString("hex");
  const shown = bytes.length > SUMMARY ? `${start} ...` : start || "<empty>";
  const type = wanted === undefined ? "" : ` (must be of type ${wanted.kind})`;
  return badRequest(`the object provided is unrecognized${type}: ${why} (${shown})`);
}

/** Go's words for what protobufjs says. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return `invalid JSON within the message: ${error.message}`;
  if (error instanceof RangeError) return "unexpected EOF";
  const message = error instanceof Error ? error.message : String(error);
  return message === "invalid varint encoding" ? "proto: integer overflow" : message;
}

function decodeMessage(messages: Messages, type: protobuf.Type, bytes: Uint8Array): object {
  checkWire(messages.reader(bytes), type);
  return type.decode(messages.reader(bytes));
}

function prefixFault(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "empty data";
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    return "provided data does not appear to be a protobuf message, expected prefix " +
      `[${MAGIC.join(" ")}]`;
  }
  return bytes.length === MAGIC.length ? "empty body" : undefined;
}

function unwrap(messages: Messages, bytes: Uint8Array, wanted: Wanted | undefined): Unknown {
  const fault = prefixFault(bytes);
  if (fault !== undefined) throw unrecognized(bytes, fault, wanted);
  let unknown: Unknown;
  try {
    unknown = decodeMessage(messages, messages.unknown, bytes.subarray(MAGIC.length));
  } catch (error) {
    throw unrecognized(bytes, reasonOf(error), wanted);
  }
  if (unknown.contentEncoding) {
    const quoted = JSON.stringify(unknown.contentEncoding);
    throw unrecognized(bytes, `contentEncoding ${quoted} is not supported`, wanted);
  }
  return unknown;
}

/** What the body says it is; what it leaves open is as wanted. */
function typeMetaOf(bytes: Uint8Array, { typeMeta }: Unknown, wanted: Wanted | undefined): Wanted {
  const apiVersion = typeMeta?.apiVersion || wanted?.apiVersion;
  const kind = typeMeta?.kind || wanted?.kind;
  if (kind !== undefined && apiVersion !== undefined) return { apiVersion, kind };
  const shown = `runtime.TypeMeta{APIVersion:${JSON.stringify(typeMeta?.apiVersion ?? "")}, ` +
    `Kind:${JSON.stringify(typeMeta?.kind ?? "")}}`;
  const missing = kind === undefined ? "Kind" : "apiVersion";
  throw unrecognized(bytes, `Object '${missing}' is missing in '${shown}'`, wanted);
}

/**
 * Reads a body.
 *
 * The first call loads protobufjs. Fields that the message does not know are left out, as Go does.
 *
 * @param bytes the whole body, `k8s\0` and a `runtime.Unknown`
 * @param wanted kind of the path: stands in for what the body does not say, and is named in refusals;
 * that the body is of this kind is not checked
 * @returns the object as Go writes it in JSON, `apiVersion` and `kind` first, nothing defaulted
 * @throws {StatusError} 400 when it is malformed, of a kind that is not served, or has too many or
 * too deep messages
 */
export async function decodeProtobuf(
  bytes: Uint8Array,
  wanted?: Wanted,
): Promise<Record<string, unknown>> {
  const messages = await loadMessages();
  const unknown = unwrap(messages, bytes, wanted);
  const { apiVersion, kind } = typeMetaOf(bytes, unknown, wanted);
  const refuse = (why: string): StatusError => {
    const version = apiVersion.slice(apiVersion.indexOf("/") + 1);
    return badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ` +
        `${wanted?.kind ?? kind}: ${why}`,
    );
  };
  const type = messages.typeOf(apiVersion, kind);
  if (type === undefined) {
    throw refuse(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} ` +
        'in scheme "pkg/runtime/scheme.go:111"',
    );
  }
  try {
    const raw = unknown.raw ?? new Uint8Array();
    const message = decodeMessage(messages, type, raw) as Record<string, unknown>;
    return { apiVersion, kind, ...messageToJson(type, message) };
  } catch (error) {
    throw refuse(reasonOf(error));
  }
}
