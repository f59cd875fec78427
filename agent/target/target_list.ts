/**
 * Reads the list of targets of the agent's ConfigMap: strict YAML, so that a typo makes the whole
 * list void and never a wildcard of a name (the fault of OCM's cluster-proxy, CVE-2026-66794).
 *
 * Loaded only when there is a list to read: the libraries need not stand in an idle agent's memory.
 *
 * @module
 */
import * as v from "valibot";
import {
  type Document,
  isAlias,
  isDocument,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
} from "yaml";
import { type AllowEntry, allowEntry, formatAllowEntry, readAllowEntry } from "./allow_entry.ts";

/** Longest list, in bytes. */
export const MAX_LIST_BYTES = 64 * 1024;
/** Entries at most: each request looks at all of them. */
export const MAX_LIST_ENTRIES = 256;
/** Deeper texts are refused before the parser's own recursion could end the process. */
const MAX_DEPTH = 8;

/** Thrown for a list that is refused as a whole; its message is the rest of a sentence. */
export class TargetListError extends Error {
  /** Tells it from other errors. */
  override readonly name = "TargetListError";
}

const ENTRY = v.strictObject({
  host: v.pipe(v.string(), v.nonEmpty("it is empty"), v.maxLength(300, "it is too long")),
  port: v.optional(
    v.pipe(v.number(), v.integer("want a whole number"), v.minValue(1), v.maxValue(65_535)),
  ),
  scheme: v.optional(v.picklist(["http", "https"])),
});

const LIST = v.strictObject({
  // Nothing after "targets:" is what is left when every line below was taken out
  targets: v.nullable(v.pipe(
    v.array(v.union([v.pipe(v.string(), v.maxLength(300, "it is too long")), ENTRY])),
    v.maxLength(MAX_LIST_ENTRIES, `want at most ${MAX_LIST_ENTRIES} entries`),
  )),
});

/**
 * Reads a list.
 *
 * An entry is a mapping of `host`, `port` and `scheme`, or the string that `--allow-target` takes.
 * Refused are: what is no YAML 1.2 or more than one document, a key that stands twice or is unknown,
 * anchors, aliases and tags, a value of a wrong type, numbers that are not plain decimal, the same
 * entry twice, and what exceeds {@linkcode MAX_LIST_BYTES} or {@linkcode MAX_LIST_ENTRIES}.
 *
 * @param text YAML; nothing but comments is an empty list
 * @returns the entries
 * @throws {TargetListError} with the line
 *
 * @example
 * ```ts
 * import { readTargetList } from "./target_list.ts";
 * const [entry] = readTargetList("targets:\n  - host: grafana.monitoring.svc\n    port: 3000\n");
 * if (entry?.port !== 3000) throw new Error();
 * ```
 */
export function readTargetList(text: string): AllowEntry[] {
  if (new TextEncoder().encode(text).length > MAX_LIST_BYTES) {
    throw new TargetListError(`it has more than ${MAX_LIST_BYTES} bytes`);
  }
  if (isTooDeep(text)) throw new TargetListError("it is nested too deep");
  const lines = new LineCounter();
  const line = (at: number | undefined): string => `line ${lines.linePos(at ?? 0).line}: `;
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    strict: true,
    uniqueKeys: true,
    merge: false,
    stringKeys: true,
    lineCounter: lines,
    prettyErrors: false,
    // "silent" would also let a second document go unseen
    logLevel: "error",
  });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw new TargetListError(line(fault.pos[0]) + plain(fault.message));
  checkNodes(document, line);
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (value === null) return [];
  const parsed = v.safeParse(LIST, value);
  if (!parsed.success) throw new TargetListError(explain(worst(parsed.issues), document, line));
  const entries: AllowEntry[] = [];
  const seen = new Set<string>();
  for (const [index, item] of (parsed.output.targets ?? []).entries()) {
    const where = line(rangeOf(document, ["targets", index]));
    try {
      const entry = typeof item === "string"
        ? readAllowEntry(item)
        : allowEntry(item.host, item.scheme, item.port);
      const name = formatAllowEntry(entry);
      if (seen.has(name)) throw new RangeError(`${name} stands twice`);
      seen.add(name);
      entries.push(entry);
    } catch (error) {
      const said = JSON.stringify(item).slice(0, 120);
      throw new TargetListError(`${where}cannot read ${said}: ${(error as Error).message}`);
    }
  }
  return entries;
}

function checkNodes(document: Document, line: (at: number | undefined) => string): void {
  const { directives } = document;
  if (directives !== undefined && Object.keys(directives.tags).length > 1) {
    throw new TargetListError("line 1: %TAG is not taken");
  }
  visit(document, (_key, node) => {
    if (!isNode(node) || isDocument(node)) return;
    const at = line(node.range?.[0]);
    if (isAlias(node)) throw new TargetListError(`${at}aliases (*) are not taken; quote the text`);
    if (node.anchor) throw new TargetListError(`${at}anchors (&) are not taken; quote the text`);
    if (node.tag !== undefined) {
      throw new TargetListError(`${at}tags (!) are not taken; quote the text`);
    }
    if (isScalar(node) && typeof node.value === "number") {
      if (!/^(0|[1-9][0-9]*)$/.test(node.source ?? "")) {
        throw new TargetListError(`${at}write a number in plain decimal`);
      }
    }
  });
}

function rangeOf(document: Document, path: readonly unknown[]): number | undefined {
  const map: unknown = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
  const pair = isMap(map)
    ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
    : undefined;
  const node: unknown = pair?.key ?? document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

/** The first thing that is wrong, with its line; what a union says is what its mapping says. */
function explain(
  issue: v.BaseIssue<unknown>,
  document: Document,
  line: (at: number | undefined) => string,
): string {
  const path = (issue.path ?? []).map(({ key }) => key);
  let inner = issue;
  if (issue.type === "union" && typeof issue.input === "object" && issue.input !== null) {
    const { issues } = v.safeParse(ENTRY, issue.input);
    if (issues !== undefined) inner = worst(issues);
  }
  if (inner !== issue) path.push(...(inner.path ?? []).map(({ key }) => key));
  // A key that lacks has no place: its mapping has
  let at: number | undefined;
  for (let length = path.length; at === undefined && length >= 0; length--) {
    at = rangeOf(document, path.slice(0, length));
  }
  const name = path.length === 0 ? "" : `${path.join(".")}: `;
  if (inner.type === "strict_object" && inner.expected === "never") {
    return `${line(at)}the field ${path.join(".").slice(0, 80)} is unknown`;
  }
  if (inner.received === "undefined") return `${line(at)}the field ${path.join(".")} is missing`;
  return `${line(at)}${name}${plain(inner.message)}`;
}

/** A field that is misspelt also lacks: its wrong name tells more. */
function worst(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): v.BaseIssue<unknown> {
  return issues.find(({ type, expected }) => type === "strict_object" && expected === "never") ??
    issues[0];
}

/** The libraries' sentences, as a part of one of ours. */
function plain(message: string): string {
  const text = message.split("\n", 1)[0]!.replace(/[.:]+$/, "").slice(0, 200);
  return /^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}

/** Whether brackets or indentation nest deeper than a list does. Looks at each character once. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/[[\]{}]|^(?:- *)+/gm)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth = Math.max(0, depth - 1);
    else if (token.replaceAll(" ", "").length > MAX_DEPTH) return true;
    if (depth > MAX_DEPTH) return true;
  }
  return /^ {64}|(?:[-?:] +){9}/m.test(text);
}
