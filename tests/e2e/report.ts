/**
 * Figures that a test measured, for the one who reads its output.
 *
 * @module
 */

/** Writes a line to standard error. */
export function report(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`  figure: ${line}\n`));
}
