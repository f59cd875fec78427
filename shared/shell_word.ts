/**
 * Words in commands that are printed to be pasted.
 *
 * @module
 */

/**
 * A word as one types it into a shell.
 *
 * @returns the word, in single quotes where it needs them
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
