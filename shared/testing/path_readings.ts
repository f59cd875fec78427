/**
 * How servers of the world read a path, written apart from the product's own reading: an oracle for
 * tests.
 *
 * @module
 */

/** Decodes once, bytes that are no UTF-8 as one char each; `undefined` where a server refuses. */
function unescape(path: string): string {
  return path.replace(
    /%([0-9a-f]{2})/gi,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
}

/** Go: `path.Clean` of `root + path`, an escape when the root is lost. */
function goEscapes(path: string): boolean {
  let depth = 0;
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    depth += segment === ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

/** Java servers: path parameters go first. */
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, "");

/** WHATWG: what `new URL` makes of it behind a root. */
function whatwgEscapes(path: string): boolean {
  // A slash that begins a host would be no path any more
  const url = new URL(`http://host.invalid/root1/root2${path}`);
  return !`${url.pathname}/`.startsWith("/root1/root2/");
}

const READINGS: readonly [name: string, escapes: (path: string) => boolean][] = [
  ["Go", goEscapes],
  ["WHATWG", whatwgEscapes],
  ["path parameters", (path) => goEscapes(withoutParameters(path))],
  ["backslashes", (path) => goEscapes(path.replaceAll("\\", "/"))],
  ["both", (path) => goEscapes(withoutParameters(path.replaceAll("\\", "/")))],
];

/**
 * Looks for a server that would take a path for one above its root: as it stands, decoded once,
 * decoded twice.
 *
 * @param path with its query
 * @returns which reading leads out, or `undefined`
 */
export function escapesAnyReading(path: string): string | undefined {
  let text = path.split("?", 1)[0]!;
  for (let decodings = 0; decodings <= 2; decodings++) {
    for (const [name, escapes] of READINGS) {
      if (escapes(text)) return `${name}, decoded ${decodings} times`;
    }
    text = unescape(text);
  }
  return undefined;
}
