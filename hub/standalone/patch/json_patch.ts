/**
 * JSON patch (RFC 6902) as kube-apiserver understands it. Its library is laxer than the RFC, and so
 * than rfc6902 of npm: it replaces what is not there, tests what is not there for null, copies
 * nothing as null, counts indexes from the end, takes an operation without a value for null; and
 * names such as `constructor` are names of fields like any other.
 *
 * Source: gopkg.in/evanphx/json-patch.v4 `patch.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import {
  isDeeperThan,
  isObject,
  type JsonObject,
  MAX_DEPTH,
  member,
  sameValue,
  setMember,
} from "../fields/values.ts";
import { badRequest } from "../errors.ts";

/** Operations of one patch. */
const MAX_OPERATIONS = 10_000;

/** Bytes of JSON that all `copy` of one patch may copy; upstream's `JSONPatchMaxCopyBytes`. */
const MAX_COPIED = 3 * 1024 * 1024;

/** Values that all `copy` of one patch may copy: an object may hold half of them. */
const MAX_COPIED_VALUES = 20_000;

/** Thrown inside for whatever makes the patch inapplicable; callers see a 422. */
class Inapplicable extends Error {}

/**
 * Applies a JSON patch.
 *
 * @param target changed, so it must be a copy
 * @param patch the request's body, parsed; null is a patch without operations
 * @returns the patched document: an object, or whatever the root was replaced with
 * @throws {StatusError} 400 for something that is no patch, 413 for too many operations, 422 when it
 *   does not apply
 */
export function applyJsonPatch(target: JsonObject, patch: unknown): unknown {
  const operations = read(patch);
  let root: unknown = target;
  const budget: Budget = { copied: 0, values: 0 };
  for (const operation of operations) {
    try {
      root = apply(root, operation, budget);
    } catch (error) {
      if (!(error instanceof Inapplicable)) throw error;
      // Upstream's sentence says no more than this, whatever was wrong
      throw new StatusError(
        failure(422, "the server rejected our request due to an error in our request", {}),
      );
    }
  }
  return root;
}

/** What was copied so far. */
interface Budget {
  /** Characters of JSON. */
  copied: number;
  values: number;
}

/** Counts a value and all that is in it, or refuses; its depth was looked at. */
function countCopied(value: unknown, budget: Budget): void {
  if (++budget.values > MAX_COPIED_VALUES) throw new Inapplicable("copied too many values");
  if (typeof value !== "object" || value === null) return;
  for (const item of Object.values(value)) countCopied(item, budget);
}

function read(patch: unknown): JsonObject[] {
  if (patch === null || patch === undefined) return [];
  if (!Array.isArray(patch)) throw unreadable(`${jsonType(patch)} into Go value of type []`, "");
  if (patch.length > MAX_OPERATIONS) {
    throw new StatusError(failure(
      413,
      "Request entity too large: The allowed maximum operations in a JSON patch is " +
        `${MAX_OPERATIONS}, got ${patch.length}`,
    ));
  }
  return patch.map(readOperation);
}

function readOperation(operation: unknown): JsonObject {
  if (operation === null) return {};
  if (!isObject(operation)) {
    throw unreadable(`${jsonType(operation)} into Go value of type `, "");
  }
  for (const name of ["op", "path", "from"]) {
    const value = member(operation, name);
    if (value !== undefined && value !== null && typeof value !== "string") {
      throw unreadable(`${jsonType(value)} into Go struct field `, `.${name} of type string`);
    }
  }
  return operation;
}

function unreadable(what: string, field: string): StatusError {
  const type = field === "" ? "handlers.jsonPatchOp" : "jsonPatchOp";
  return badRequest(`error decoding patch: json: cannot unmarshal ${what}${type}${field}`);
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function apply(root: unknown, operation: JsonObject, budget: Budget): unknown {
  switch (member(operation, "op")) {
    case "add":
      return add(root, pathOf(operation, "path"), valueOf(operation));
    case "remove":
      remove(root, pathOf(operation, "path"));
      return root;
    case "replace":
      return replace(root, pathOf(operation, "path"), valueOf(operation));
    case "move": {
      const from = pathOf(operation, "from");
      const value = get(root, from);
      remove(root, from);
      return add(root, pathOf(operation, "path"), value);
    }
    case "copy": {
      const value = get(root, pathOf(operation, "from")) ?? null;
      if (isDeeperThan(value, MAX_DEPTH)) throw new Inapplicable("nested too deep");
      countCopied(value, budget);
      // A few operations that copy copies would fill the memory
      const text = JSON.stringify(value);
      budget.copied += text.length;
      if (budget.copied > MAX_COPIED) throw new Inapplicable("copied too much");
      return add(root, pathOf(operation, "path"), JSON.parse(text));
    }
    case "test":
      test(root, pathOf(operation, "path"), valueOf(operation));
      return root;
    default:
      throw new Inapplicable("unexpected kind of operation");
  }
}

function pathOf(operation: JsonObject, name: "from" | "path"): string {
  const path = member(operation, name);
  if (typeof path !== "string") throw new Inapplicable(`operation without ${name}`);
  return path;
}

function valueOf(operation: JsonObject): unknown {
  // The same patch may be applied again, so its values are not handed out
  return structuredClone(member(operation, "value") ?? null);
}

type Container = JsonObject | unknown[];

/** Where a path leads: what holds it, and under which name. */
function find(root: unknown, path: string): { holder: Container; key: string } {
  const [, ...parts] = path.split("/").map((part) =>
    part.replaceAll(/~[01]/g, (escape) => escape === "~1" ? "/" : "~")
  );
  const key = parts.pop();
  if (key === undefined) throw new Inapplicable("the root has no holder");
  let holder: unknown = root;
  for (const part of parts) {
    holder = Array.isArray(holder)
      ? holder[indexOf(part, holder.length, holder.length - 1)]
      : isObject(holder)
      ? member(holder, part)
      : undefined;
  }
  if (!Array.isArray(holder) && !isObject(holder)) throw new Inapplicable("missing path");
  return { holder, key };
}

/** An index, also counted from the end; at most `last`. */
function indexOf(text: string, length: number, last: number): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new Inapplicable("not an index");
  const index = Number(text);
  if (index > last || index < -length) throw new Inapplicable("index out of range");
  return index < 0 ? index + length : index;
}

function get(root: unknown, path: string): unknown {
  const { holder, key } = find(root, path);
  return Array.isArray(holder)
    ? holder[indexOf(key, holder.length, holder.length - 1)]
    : member(holder, key);
}

function add(root: unknown, path: string, value: unknown): unknown {
  const { holder, key } = find(root, path);
  if (!Array.isArray(holder)) setMember(holder, key, value ?? null);
  else if (key === "-") holder.push(value ?? null);
  else holder.splice(indexOf(key, holder.length + 1, holder.length), 0, value ?? null);
  return root;
}

function remove(root: unknown, path: string): void {
  const { holder, key } = find(root, path);
  if (Array.isArray(holder)) holder.splice(indexOf(key, holder.length, holder.length - 1), 1);
  else if (Object.hasOwn(holder, key)) delete holder[key];
  else throw new Inapplicable("nothing to remove");
}

function replace(root: unknown, path: string, value: unknown): unknown {
  if (path === "") {
    if (typeof value !== "object") throw new Inapplicable("a root is an object or a list");
    return value ?? {};
  }
  const { holder, key } = find(root, path);
  if (Array.isArray(holder)) holder[indexOf(key, holder.length, holder.length - 1)] = value;
  else setMember(holder, key, value);
  return root;
}

function test(root: unknown, path: string, value: unknown): void {
  const found = path === "" ? root : get(root, path);
  if (!sameValue(found ?? null, value)) throw new Inapplicable("test failed");
}
