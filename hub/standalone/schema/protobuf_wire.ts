/**
 * Checks that bytes are what Go's generated code would read, since protobufjs takes a field of a
 * wrong wire type for another one.
 *
 * Source: `generated.pb.go` of k8s.io/api
 *
 * @module
 */
import type protobuf from "protobufjs";

/** How deep messages may nest. */
export const MAX_DEPTH = 100;
/** More messages than any object has; two bytes are enough for one, and each becomes an object. */
export const MAX_MESSAGES = 262_144;

const VARINT = 0;
const BYTES = 2;
const END_GROUP = 4;
const NUMBERS: readonly string[] = ["bool", "int32", "int64"];

/** Counts over a whole body. */
interface Walk {
  readonly reader: protobuf.Reader;
  messages: number;
}

/** `metadata` is `ObjectMeta` in Go. */
function goName({ name }: protobuf.Field): string {
  return name === "metadata" ? "ObjectMeta" : name.charAt(0).toUpperCase() + name.slice(1);
}

function innerType({ resolvedType }: protobuf.Field): protobuf.Type | undefined {
  return (resolvedType as protobuf.Type | null) ?? undefined;
}

/** Skips a value of a known length, and looks into it when it is a message. */
function skipField(
  walk: Walk,
  type: string,
  inner: protobuf.Type | undefined,
  depth: number,
): void {
  const { reader } = walk;
  if (NUMBERS.includes(type)) {
    reader.int64();
    return;
  }
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError("unexpected EOF");
  if (inner === undefined) reader.skip(length);
  else walkMessage(walk, inner, end, depth + 1);
}

function walkMapEntry(walk: Walk, field: protobuf.Field, depth: number): void {
  const { reader } = walk;
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError("unexpected EOF");
  while (reader.pos < end) {
    const tag = reader.uint32();
    const id = tag >>> 3;
    // Keys and values of Kubernetes' maps all have a length
    if ((id === 1 || id === 2) && (tag & 7) === BYTES) {
      const inner = id === 2 ? innerType(field) : undefined;
      skipField(walk, "string", inner, depth);
    } else if (id === 1 || id === 2) {
      throw new Error(`proto: wrong wireType = ${tag & 7} for field ${goName(field)}`);
    } else {
      reader.skipType(tag & 7);
    }
  }
  if (reader.pos !== end) throw new RangeError("unexpected EOF");
}

function walkMessage(walk: Walk, type: protobuf.Type, end: number, depth: number): void {
  const { reader } = walk;
  if (depth > MAX_DEPTH) throw new Error(`proto: messages nest deeper than ${MAX_DEPTH}`);
  if (++walk.messages > MAX_MESSAGES) {
    throw new Error(`proto: more than ${MAX_MESSAGES} messages`);
  }
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    const id = tag >>> 3;
    if (wire === END_GROUP) {
      throw new Error(`proto: ${type.name}: wiretype end group for non-group`);
    }
    if (id === 0) throw new Error(`proto: ${type.name}: illegal tag 0 (wire type ${wire})`);
    const field = type.fieldsById[id];
    if (field === undefined) {
      if (wire > 5) throw new Error(`proto: illegal wireType ${wire}`);
      reader.skipType(wire);
      continue;
    }
    if (wire !== (NUMBERS.includes(field.type) && !field.map ? VARINT : BYTES)) {
      throw new Error(`proto: wrong wireType = ${wire} for field ${goName(field)}`);
    }
    if (field.map) walkMapEntry(walk, field, depth);
    else skipField(walk, field.type, innerType(field), depth);
  }
  if (reader.pos !== end) throw new RangeError("unexpected EOF");
}

/**
 * Walks over a message and all within it.
 *
 * @param reader at the start of the message, which fills it
 * @throws {Error} in the words of Go's decoder; `RangeError` when the bytes end too early
 */
export function checkWire(reader: protobuf.Reader, type: protobuf.Type): void {
  walkMessage({ reader, messages: 0 }, type, reader.len, 0);
}
