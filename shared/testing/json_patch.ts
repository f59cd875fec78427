/**
 * JSON merge patch (RFC 7396) and the part of JSON patch (RFC 6902) that tests need.
 *
 * @module
 */

/** One operation of a JSON patch. */
export interface PatchOperation {
  op: "add" | "remove" | "replace" | "test";
  path: string;
  value?: unknown;
}

/**
 * Applies a JSON merge patch.
 *
 * @returns the patched value; the original is left as it is
 */
export function mergePatch(value: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(value) ? { ...value } : {};
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) delete result[name];
    else result[name] = mergePatch(result[name], part);
  }
  return result;
}

/**
 * Applies a JSON patch.
 *
 * @returns the patched value; the original is left as it is
 * @throws {TypeError} when a `test` fails or a path leads nowhere
 */
export function jsonPatch(value: unknown, operations: readonly PatchOperation[]): unknown {
  const root = structuredClone(value);
  for (const { op, path, value: operand } of operations) {
    const steps = path.split("/").slice(1)
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = steps.pop();
    let parent: unknown = root;
    for (const step of steps) parent = (parent as Record<string, unknown> | undefined)?.[step];
    if (last === undefined || typeof parent !== "object" || parent === null) {
      throw new TypeError(`Cannot apply "${op}" at "${path}": no such place`);
    }
    const record = parent as Record<string, unknown>;
    if (op === "test") {
      if (JSON.stringify(record[last]) !== JSON.stringify(operand)) {
        throw new TypeError(`Cannot apply the patch: the test at "${path}" failed`);
      }
    } else if (op === "remove") {
      if (Array.isArray(parent)) parent.splice(Number(last), 1);
      else delete record[last];
    } else if (Array.isArray(parent) && op === "add") {
      parent.splice(last === "-" ? parent.length : Number(last), 0, operand);
    } else {
      record[last] = operand;
    }
  }
  return root;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
