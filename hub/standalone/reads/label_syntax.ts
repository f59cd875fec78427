/**
 * What label keys and values may look like, as selectors say it.
 *
 * Source: k8s.io/apimachinery `pkg/util/validation/validation.go`
 *
 * @module
 */
const NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_WORDS =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " +
  "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const SUBDOMAIN_WORDS =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
  "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used " +
  "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const VALUE_WORDS =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or " +
  "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " +
  " or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_LIMIT = 63;
const SUBDOMAIN_LIMIT = 253;

const GO_ESCAPES: Readonly<Record<string, string>> = { "\x07": "\\a", "\v": "\\v" };

function goEscape(char: string): string {
  const code = char.codePointAt(0)!;
  const hex = (digits: number): string => code.toString(16).padStart(digits, "0");
  return GO_ESCAPES[char] ??
    (code < 0x80 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
}

/** As Go's `%q` writes a text. */
export function quoted(text: string): string {
  // What both escape alike, and what is printed as it is, JSON does right
  const inner = text.split(/([\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs})/u).map((part, i) =>
    i % 2 === 1 && !"\b\f\n\r\t".includes(part) ? goEscape(part) : JSON.stringify(part).slice(1, -1)
  ).join("");
  return `"${inner}"`;
}

function longer(text: string, limit: number): boolean {
  return text.length > limit || new TextEncoder().encode(text).length > limit;
}

/** What is wrong with a label key; empty when nothing is. */
export function labelKeyFaults(key: string): string[] {
  const parts = key.split("/");
  if (parts.length > 2) {
    return [
      `a valid label key ${NAME_WORDS} with an optional DNS subdomain prefix and '/' ` +
      "(e.g. 'example.com/MyName')",
    ];
  }
  const faults: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === "") faults.push("prefix part must be non-empty");
    else {
      if (longer(prefix, SUBDOMAIN_LIMIT)) {
        faults.push(`prefix part must be no more than ${SUBDOMAIN_LIMIT} bytes`);
      }
      // Only what is short: the expression may look twice at each dot
      if (prefix.length > 4096 || !SUBDOMAIN.test(prefix)) {
        faults.push(`prefix part ${SUBDOMAIN_WORDS}`);
      }
    }
  }
  if (name === "") faults.push("name part must be non-empty");
  else if (longer(name, NAME_LIMIT)) {
    faults.push(`name part must be no more than ${NAME_LIMIT} bytes`);
  }
  if (!NAME.test(name)) faults.push(`name part ${NAME_WORDS}`);
  return faults;
}

/** What is wrong with a label value; empty when nothing is. */
export function labelValueFaults(value: string): string[] {
  const faults: string[] = [];
  if (longer(value, NAME_LIMIT)) faults.push(`must be no more than ${NAME_LIMIT} bytes`);
  if (value !== "" && !NAME.test(value)) faults.push(VALUE_WORDS);
  return faults;
}
