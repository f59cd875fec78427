/**
 * What names may look like.
 *
 * Source: k8s.io/apimachinery `pkg/util/validation/validation.go`,
 * `pkg/api/validation/path/name.go`
 *
 * @module
 */

/** Faults of a name; with `prefix`, of the start of a name that is yet to be made. */
export type NameRule = (name: string, prefix: boolean) => readonly string[];

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_PATTERN = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_PATTERN = new RegExp(`^${SUBDOMAIN}$`);
const LABEL_WORDS =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must " +
  "start and end with an alphanumeric character";
const SUBDOMAIN_WORDS =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character";

/** `must be ... (e.g. 'a',  or 'b', regex used for validation is '...')`. */
export function regexWords(words: string, pattern: string, ...examples: string[]): string {
  const list = examples.map((one) => `'${one}', `).join(" or ");
  return `${words} (e.g. ${list}regex used for validation is '${pattern}')`;
}

/** `must be no more than 63 characters`. */
export function lengthWords(limit: number): string {
  return `must be no more than ${limit} characters`;
}

/** Faults of a DNS subdomain (RFC 1123), such as `example.com`. */
export function subdomainFaults(value: string): string[] {
  const faults = [];
  if (value.length > 253) faults.push(lengthWords(253));
  if (!SUBDOMAIN_PATTERN.test(value)) {
    faults.push(regexWords(SUBDOMAIN_WORDS, SUBDOMAIN, "example.com"));
  }
  return faults;
}

/** Faults of a DNS label (RFC 1123), such as `my-name`. */
export function labelFaults(value: string): string[] {
  const faults = [];
  if (value.length > 63) faults.push(lengthWords(63));
  if (!LABEL_PATTERN.test(value)) {
    faults.push(
      SUBDOMAIN_PATTERN.test(value)
        ? "must not contain dots"
        : regexWords(LABEL_WORDS, LABEL, "my-name", "123-abc"),
    );
  }
  return faults;
}

/** A trailing dash of a prefix is no fault: something follows. */
function masked(name: string, prefix: boolean): string {
  return prefix && name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}

/** Names of most kinds. */
export const subdomainName: NameRule = (name, prefix) => subdomainFaults(masked(name, prefix));

/** Names of namespaces. */
export const labelName: NameRule = (name, prefix) => labelFaults(masked(name, prefix));

/** Names of roles and bindings: anything that fits into a path. */
export const pathSegmentName: NameRule = (name, prefix) => {
  if (!prefix && (name === "." || name === "..")) return [`may not be '${name}'`];
  return ["/", "%"].filter((char) => name.includes(char)).map((char) =>
    `may not contain '${char}'`
  );
};
