/**
 * Reads YAML as kube-apiserver does: the first document, YAML 1.1's scalars, keys made strings.
 *
 * Source: sigs.k8s.io/yaml `yaml.go`
 *
 * @module
 */
import { isAlias, isMap, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { readJson } from "./json_text.ts";

/** Aliases may stand for no more than this many nodes in all. */
const MAX_ALIASES = 100;
/** Deeper documents are refused before the parser's own recursion could end the process. */
const MAX_DEPTH = 200;
/**
 * Longer documents are refused: 1 MiB takes 430 ms, in which nobody else is served. JSON sent as
 * YAML, as kubectl does, is not concerned.
 */
const MAX_LENGTH = 256 * 1024;

/** A YAML text, read. */
export interface YamlText {
  /** As JSON would have it. */
  readonly value: unknown;
  /** Keys that stand twice: `line 5: key "name" already set in map`. */
  readonly duplicates: readonly string[];
}

/** A fault of the text: `yaml: line 1: did not find expected node content`. */
export class YamlSyntaxError extends Error {
  /** Tells it from other errors. */
  override readonly name = "YamlSyntaxError";
}

/** The parser's messages in go-yaml's words, and whether go-yaml names the line before. */
const WORDS: readonly (readonly [pattern: RegExp, words: string, before: boolean])[] = [
  [/compact mappings|implicit key/i, "mapping values are not allowed in this context", false],
  [/tab/i, "found character that cannot start any token", false],
  [/end with a \}/, "did not find expected ',' or '}'", true],
  [/end with a \]/, "did not find expected node content", true],
  [/closing .*quote/i, "found unexpected end of stream", false],
  [/indented/i, "did not find expected key", true],
  [/./, "did not find expected key", false],
];

function describe(message: string, line: number): string {
  const found = WORDS.find(([pattern]) => pattern.test(message));
  const [, words = message, before = false] = found ?? [];
  const place = before ? Math.max(1, line - 1) : line;
  return place > 1 || before ? `line ${place}: ${words}` : words;
}

/** Go knows neither timestamps nor numbers of base 60 here: they stay texts. */
function isTime({ tag, format }: { tag: string; format?: string }): boolean {
  return tag === "tag:yaml.org,2002:timestamp" || format === "TIME";
}

/** Whether brackets or indentation nest deeper than is read. Looks at each character once. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const match of text.matchAll(/[[\]{}]|^[ -]+/gm)) {
    const token = match[0];
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth = Math.max(0, depth - 1);
    else if (token.length > 2 * MAX_DEPTH) return true;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/**
 * Reads a YAML text.
 *
 * @throws {YamlSyntaxError} in words near to go-yaml's
 */
export function readYaml(text: string): YamlText {
  if (/^\s*\{/.test(text)) {
    try {
      const { value } = readJson(text);
      return { value, duplicates: [] };
    } catch {
      // Flow style with YAML's liberties: below.
    }
  }
  if (text.length > MAX_LENGTH) {
    throw new YamlSyntaxError(`yaml: document is longer than ${MAX_LENGTH} bytes: send it as JSON`);
  }
  if (isTooDeep(text)) throw new YamlSyntaxError("yaml: exceeded max depth");
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: "1.1",
    schema: "yaml-1.1",
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "silent",
    customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !isTime(tag)),
  });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new YamlSyntaxError(`yaml: ${describe(error.message, line)}`);
  }
  const duplicates: string[] = [];
  const anchors = new Set<string>();
  visit(document, (_key, node) => {
    if (isMap(node)) {
      const seen = new Set<unknown>();
      for (const { key } of node.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && duplicates.length < MAX_ALIASES) {
          const { line } = lines.linePos(key.range?.[0] ?? 0);
          duplicates.push(
            `line ${line}: key ${JSON.stringify(key.value)} already set in map`,
          );
        }
        seen.add(key.value);
      }
    }
    if (isAlias(node) && !anchors.has(node.source)) {
      throw new YamlSyntaxError(`yaml: unknown anchor '${node.source}' referenced`);
    }
    if (typeof node === "object" && node !== null && "anchor" in node && node.anchor) {
      anchors.add(String(node.anchor));
    }
  });
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { value: JSON.parse(JSON.stringify(value) ?? "null"), duplicates };
  } catch (cause) {
    if (cause instanceof YamlSyntaxError) throw cause;
    throw new YamlSyntaxError("yaml: document contains excessive aliasing");
  }
}
