/**
 * Changes inputs: bits, bytes, numbers, words of a dictionary, pieces of other inputs.
 *
 * @module
 */
import type { Random } from "./random.ts";
import { join } from "./target.ts";

const ODD_BYTES = [0, 1, 9, 10, 13, 0x20, 0x2e, 0x2f, 0x3b, 0x5c, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
const ODD_NUMBERS = [0, 1, 2, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0xffffffff];

type Mutator = (input: Uint8Array, random: Random, others: Mutation) => Uint8Array;

/** What mutations draw on. */
export interface Mutation {
  dictionary: readonly Uint8Array[];
  corpus: readonly Uint8Array[];
}

/** Replaces `cut` bytes at `at`. */
function splice(input: Uint8Array, at: number, cut: number, insert: Uint8Array): Uint8Array {
  return join([input.subarray(0, at), insert, input.subarray(at + cut)]);
}

const mutators: readonly Mutator[] = [
  (input, random) => {
    const changed = input.slice();
    const at = random.below(changed.length);
    if (changed.length > 0) changed[at] = changed[at]! ^ (1 << random.below(8));
    return changed;
  },
  (input, random) =>
    splice(input, random.below(input.length), 1, Uint8Array.of(random.pick(ODD_BYTES))),
  (input, random) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, random.pick(ODD_NUMBERS) + random.below(3) - 1);
    const width = 1 + random.below(4);
    return splice(input, random.below(input.length), width, bytes.subarray(4 - width));
  },
  (input, random, { dictionary }) =>
    dictionary.length === 0 ? input : splice(
      input,
      random.below(input.length + 1),
      random.oneIn(2) ? 0 : random.size(12),
      random.pick(dictionary),
    ),
  (input, random) => splice(input, random.below(input.length), random.size(input.length), NONE),
  (input, random) => {
    const at = random.below(input.length);
    const piece = input.subarray(at, at + 1 + random.size(64));
    const times = 1 + random.size(random.oneIn(20) ? 400 : 6);
    return splice(input, random.below(input.length + 1), 0, join(new Array(times).fill(piece)));
  },
  (input, random, { corpus }) => {
    if (corpus.length === 0) return input;
    const other = random.pick(corpus);
    const from = random.below(other.length);
    const piece = other.subarray(from, from + 1 + random.size(other.length));
    return splice(input, random.below(input.length + 1), random.size(piece.length), piece);
  },
  (input, random) =>
    splice(input, random.below(input.length + 1), 0, random.bytes(1 + random.size(16))),
];
const NONE = new Uint8Array(0);

/**
 * Changes an input, mostly a little.
 *
 * @returns a new input of at most `maxBytes`
 */
export function mutate(
  input: Uint8Array,
  random: Random,
  others: Mutation,
  maxBytes: number,
): Uint8Array {
  let mutated = input;
  for (let steps = 1 + random.size(6); steps > 0; steps--) {
    mutated = random.pick(mutators)(mutated, random, others);
  }
  return mutated.subarray(0, maxBytes);
}
