/**
 * One output from those of many clusters.
 *
 * @module
 */
import { formatValue, listOf } from "../../output/objects.ts";
import { Table } from "../../output/table.ts";
import { parseTables, type Wanted } from "./columns.ts";
import type { Outcome } from "./run_all.ts";

/** Annotation on each object of a combined List: the cluster that it comes from. */
export const CLUSTER_ANNOTATION = "clusternet.io/cluster";

/**
 * Combines what kubectl printed.
 *
 * @param outcomes in the order in which they are to appear; one whose output cannot be read as it
 * must be is marked as failed
 * @param headers whether tables have one
 * @returns text for standard output
 */
export function combine(outcomes: readonly Outcome[], wanted: Wanted, headers: boolean): string {
  if (wanted.objects !== undefined) return combineObjects(outcomes, wanted.objects);
  return wanted.table ? combineTables(outcomes, headers) : outcomes.map(prefixed).join("");
}

/** Every line behind the name of its cluster. */
function prefixed({ name, stdout }: Outcome): string {
  return prefixLines(name, stdout);
}

/** @returns each line behind `<name>: ` */
export function prefixLines(name: string, text: string): string {
  if (text === "") return "";
  const lines = text.replace(/\n$/, "").split("\n");
  return lines.map((line) => `${name}: ${line}\n`).join("");
}

/** Tables with the same columns become one, whatever other columns other clusters have. */
function combineTables(outcomes: readonly Outcome[], headers: boolean): string {
  const byHeader = new Map<string, { header: string[]; rows: string[][] }>();
  const rest: Outcome[] = [];
  for (const outcome of outcomes) {
    const tables = parseTables(outcome.stdout);
    if (tables === undefined) {
      rest.push(outcome);
      continue;
    }
    for (const { header, rows } of tables) {
      const key = header.join("\t");
      const table = byHeader.get(key) ?? { header: ["CLUSTER", ...header], rows: [] };
      byHeader.set(key, table);
      for (const row of rows) table.rows.push([outcome.name, ...row]);
    }
  }
  const texts = [...byHeader.values()].map(({ header, rows }) =>
    new Table().format(headers ? [header, ...rows] : rows)
  );
  return [...texts, ...rest.map(prefixed)].filter((text) => text !== "").join("\n");
}

/** One List; each object is annotated with its cluster. */
function combineObjects(outcomes: readonly Outcome[], format: "json" | "yaml"): string {
  const items: unknown[] = [];
  for (const outcome of outcomes) {
    if (outcome.stdout.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(outcome.stdout);
    } catch {
      outcome.failure ??= "its output is not JSON";
      continue;
    }
    for (const item of itemsOf(value)) items.push(annotated(item, outcome.name));
  }
  return formatValue(listOf(items), format);
}

function itemsOf(value: unknown): unknown[] {
  const { kind, items } = (value ?? {}) as { kind?: unknown; items?: unknown };
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)
    ? items
    : [value];
}

function annotated(item: unknown, cluster: string): unknown {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
  const { metadata } = item as { metadata?: { annotations?: Record<string, string> } };
  const annotations = { ...metadata?.annotations, [CLUSTER_ANNOTATION]: cluster };
  return { ...item, metadata: { ...metadata, annotations } };
}
