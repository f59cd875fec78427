/**
 * Sequences of writes that `record.ts` sends to a real kube-apiserver; what it answered is kept in
 * `../testdata/*.json`.
 *
 * @module
 */
import { APPLIED_LISTS } from "./applied_lists.ts";
import { APPLIES } from "./applies.ts";
import { BUILT_IN } from "./built_in.ts";
import { CUSTOM } from "./custom.ts";
import { PATCHES } from "./patches.ts";
import type { Sequence } from "./sequence.ts";

/** All of them. */
export const SEQUENCES: readonly Sequence[] = [
  ...PATCHES,
  ...APPLIES,
  ...APPLIED_LISTS,
  ...BUILT_IN,
  ...CUSTOM,
];
