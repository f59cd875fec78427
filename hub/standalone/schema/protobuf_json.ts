/**
 * Protobuf messages as the JSON that Go would write of them.
 *
 * A field's options in `data/protobuf.json` say how Go's struct tags differ from the usual
 * `omitempty` of a value: `json` is its name, `pointer` says that a zero was set on purpose, `always`
 * that it is written even when it is empty.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/{time,micro_time}{,_proto}.go`,
 * `pkg/api/resource/quantity_proto.go`, `pkg/util/intstr/intstr.go`; `encoding/json`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type protobuf from "protobufjs";
import { MAX_DEPTH } from "./protobuf_wire.ts";

type Json = Record<string, unknown>;
type Message = Readonly<Json>;

/** Years 0 to 9999, in seconds: what RFC 3339 can say. */
const FIRST_SECOND = -62_167_219_200;
const LAST_SECOND = 253_402_300_799;

/** An int64, as protobufjs gives it, as a number; digits over 2^53 are lost. */
function toNumber(value: unknown): number {
  return Number(String(value ?? 0));
}

function timeText(message: Message, fraction: (nanos: number) => string): string | null {
  if (!Object.hasOwn(message, "seconds") && !Object.hasOwn(message, "nanos")) return null;
  const nanos = toNumber(message.nanos);
  const seconds = toNumber(message.seconds) + Math.floor(nanos / 1e9);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
    throw new Error("Time.MarshalJSON: year outside of range [0,9999]");
  }
  const text = new Date(seconds * 1000).toISOString().slice(0, "2026-01-02T15:04:05".length);
  return `${text}${fraction(((nanos % 1e9) + 1e9) % 1e9)}Z`;
}

function microseconds(nanos: number): string {
  return `.${String(Math.floor(nanos / 1000)).padStart(6, "0")}`;
}

function checkDepth(value: unknown, left: number): void {
  if (typeof value !== "object" || value === null) return;
  if (left === 0) throw new Error("exceeded max depth");
  for (const child of Object.values(value)) checkDepth(child, left - 1);
}

function rawJson(raw: unknown): unknown {
  const bytes = raw as Uint8Array | undefined;
  if (bytes === undefined || bytes.length === 0) return null;
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  checkDepth(value, MAX_DEPTH);
  return value;
}

/** Types that have a JSON of their own, by name. */
const SPECIAL: Readonly<Record<string, (message: Message) => unknown>> = {
  Time: (message) => timeText(message, () => ""),
  MicroTime: (message) => timeText(message, microseconds),
  Quantity: ({ string }) => string || "0",
  IntOrString: ({ type, intVal, strVal }) => toNumber(type) === 1 ? strVal ?? "" : intVal ?? 0,
  FieldsV1: ({ Raw }) => rawJson(Raw),
  RawExtension: ({ raw }) => rawJson(raw),
  ExtraValue: ({ items }) => items ?? [],
};

/** Value of one field, or one element of a list or map. */
function valueToJson(field: protobuf.Field, value: unknown): unknown {
  const type = field.resolvedType as protobuf.Type | null;
  if (type !== null) {
    const special = Object.hasOwn(SPECIAL, type.name) ? SPECIAL[type.name] : undefined;
    const message = (value ?? {}) as Message;
    return special === undefined ? messageToJson(type, message) : special(message);
  }
  switch (field.type) {
    case "string":
      return value ?? "";
    case "bool":
      return value ?? false;
    case "bytes":
      return Buffer.from((value ?? []) as Uint8Array).toString("base64");
    default:
      return toNumber(value);
  }
}

function mapToJson(field: protobuf.Field, value: unknown): Json | null {
  const entries = Object.entries(value ?? {});
  if (entries.length === 0) return null;
  // fromEntries defines its keys, so that one named __proto__ stays a key
  return Object.fromEntries(entries.map(([key, one]) => [key, valueToJson(field, one)]));
}

function fieldToJson(field: protobuf.Field, message: Message): unknown {
  const sent = Object.hasOwn(message, field.name);
  const value = sent ? message[field.name] : undefined;
  if (field.map) return mapToJson(field, value);
  if (field.repeated) {
    return sent ? (value as unknown[]).map((one) => valueToJson(field, one)) : null;
  }
  if (!sent && field.options?.pointer) return null;
  return valueToJson(field, value);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || value === 0 || value === false;
}

/**
 * Writes a message as Go's JSON.
 *
 * @param message as protobufjs decodes it, own properties being those that were sent
 * @returns fields in the order of the proto file
 * @throws {Error} when a time is none or embedded JSON is none
 */
export function messageToJson(type: protobuf.Type, message: Message): Json {
  const json: Json = {};
  for (const field of type.fieldsArray) {
    const options = field.options ?? {};
    const kept = options.always || (options.pointer && Object.hasOwn(message, field.name));
    if (!kept && !Object.hasOwn(message, field.name)) continue;
    const value = fieldToJson(field, message);
    if (kept || !isEmpty(value)) json[String(options.json ?? field.name)] = value;
  }
  return json;
}
