/**
 * How Go prints values, strings and lists of errors, for the words of kube-apiserver.
 *
 * Source: Go `fmt`, `strconv.Quote`; k8s.io/apimachinery `pkg/util/errors/errors.go`
 *
 * @module
 */

const SHORT: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** Whether Go's `unicode.IsPrint` says yes. */
export function isPrintable(character: string): boolean {
  return character === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  if (isPrintable(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code < 0xe000) return "\\ufffd"; // No character of its own
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/**
 * A string as `%q` prints it.
 *
 * @returns with its quotes
 */
export function goQuote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return `"${Array.from(text, escaped).join("")}"`;
}

const MAX_DEPTH = 32;

/**
 * A value of JSON as `%v` prints it: `map[a:1 b:[x y]]`; deeper than 32 it is cut.
 *
 * @returns the text
 */
export function goValue(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value !== "object") return String(value);
  if (depth > MAX_DEPTH) return "...";
  if (Array.isArray(value)) return `[${value.map((item) => goValue(item, depth + 1)).join(" ")}]`;
  const fields = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return `map[${fields.map(([key, item]) => `${key}:${goValue(item, depth + 1)}`).join(" ")}]`;
}

/**
 * An instant as `metav1.Time` prints it.
 *
 * @param milliseconds since the epoch
 * @returns RFC 3339 in UTC, whole seconds
 */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/**
 * Quotes a list as `%q` does.
 *
 * @returns such as `["a" "b"]`
 */
export function goQuoteList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(" ")}]`;
}

/**
 * Says several errors at once, as `utilerrors.NewAggregate`: each text once.
 *
 * @returns the one text, or `[first, second]`; empty for none
 */
export function aggregateText(texts: readonly string[]): string {
  const unique = [...new Set(texts)];
  return unique.length > 1 ? `[${unique.join(", ")}]` : unique[0] ?? "";
}
