/**
 * Tables as kubectl prints them.
 *
 * Source: k8s.io/cli-runtime/pkg/printers/tableprinter.go (tabwriter with minwidth 6, padding 3)
 *
 * @module
 */

const MIN_WIDTH = 6;
const PADDING = 3;

/**
 * Makes a cell safe for a terminal: what a cluster says of itself must neither move the cursor nor
 * break the row.
 *
 * @returns one line without control characters; `<none>` for nothing
 */
export function cell(text: string | undefined): string {
  if (text === undefined || text === "") return "<none>";
  const line = text.search(/[\n\r\f]/);
  const first = line < 0 ? text : `${text.slice(0, line)}...`;
  // deno-lint-ignore no-control-regex
  return first.replaceAll("\x1b", "^[").replace(/[\x00-\x1f\x7f-\x9f]/g, " ");
}

/** Lays rows out; later rows keep to the widths of earlier ones, as `kubectl get -w` does. */
export class Table {
  readonly #widths: number[] = [];

  /**
   * Lays out some rows.
   *
   * @param rows cells that {@linkcode cell} made safe
   * @returns lines, each with its line feed
   */
  format(rows: readonly (readonly string[])[]): string {
    for (const row of rows) {
      row.forEach((text, index) => {
        const width = Math.max(MIN_WIDTH, widthOf(text) + PADDING);
        this.#widths[index] = Math.max(this.#widths[index] ?? 0, width);
      });
    }
    return rows.map((row) => `${this.#line(row)}\n`).join("");
  }

  #line(row: readonly string[]): string {
    return row.map((text, index) =>
      index === row.length - 1
        ? text
        : text + " ".repeat(Math.max(1, (this.#widths[index] ?? 0) - widthOf(text)))
    ).join("").trimEnd();
  }
}

/** As tabwriter counts: code points. */
function widthOf(text: string): number {
  let width = 0;
  for (const _ of text) width++;
  return width;
}
