/**
 * Inputs that are kept: made by hand, and everything that ever failed.
 *
 * @module
 */

const FOLDER = new URL("corpus/", import.meta.url);

/** One input. */
export interface CorpusEntry {
  /** File name. */
  name: string;
  input: Uint8Array;
}

/** Reads a target's corpus, in the order of its names. */
export async function readCorpus(target: string): Promise<CorpusEntry[]> {
  const folder = new URL(`${target}/`, FOLDER);
  const entries: CorpusEntry[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) entries.push({ name, input: await Deno.readFile(new URL(name, folder)) });
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Keeps an input that failed.
 *
 * @returns its file's path
 */
export async function keepFailure(
  target: string,
  { seed, index, input }: { seed: number; index: number; input: Uint8Array },
): Promise<string> {
  const file = new URL(`${target}/failed-${seed}-${index}`, FOLDER);
  await Deno.writeFile(file, input);
  return file.pathname;
}
