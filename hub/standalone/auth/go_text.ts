/**
 * How Go prints strings and lists of errors, for the words of kube-apiserver.
 *
 * Source: Go `strconv.Quote`; k8s.io/apimachinery `pkg/util/errors/errors.go`
 *
 * @module
 */

const SHORT: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};
// Printable by Go: letters, marks, numbers, punctuation, symbols and the ASCII space
const SPECIAL = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code < 0xe000) return "\\ufffd";
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/**
 * Quotes as `%q` does.
 *
 * @returns such as `"a\"b"`
 */
export function goQuote(text: string): string {
  return `"${text.replace(SPECIAL, escaped)}"`;
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
