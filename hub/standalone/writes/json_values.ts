/**
 * What Go says of JSON values.
 *
 * @module
 */
import type { JsonText } from "../schema/json_text.ts";
import { goQuote } from "../go_text.ts";

const MAX_FOUND = 100;

/** The type's name as `encoding/json` tells it. */
export function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** Whether it is an object of JSON. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Finds keys that stand twice.
 *
 * @returns for each `duplicate field "data.a"`, at most 100
 */
export function repeatedKeys({ value, repeated }: JsonText): string[] {
  if (repeated.size === 0) return [];
  const found = new Set<string>();
  const open: [unknown, string][] = [[value, ""]];
  for (let next = open.pop(); next !== undefined && found.size < MAX_FOUND; next = open.pop()) {
    const [item, path] = next;
    if (typeof item !== "object" || item === null) continue;
    const at = (key: string): string => path === "" ? key : `${path}.${key}`;
    const seen = new Set<string>();
    for (const [key] of repeated.get(item) ?? []) {
      if (seen.has(key)) found.add(`duplicate field ${goQuote(at(key))}`);
      seen.add(key);
    }
    for (const [key, child] of Object.entries(item)) {
      open.push([child, Array.isArray(item) ? `${path}[${key}]` : at(key)]);
    }
  }
  return [...found];
}
