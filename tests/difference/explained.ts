/**
 * Where the embedded API differs from kube-apiserver on purpose, cell by cell, with the reason. A
 * cell that stands here and agrees all the same fails the test: the table stays true.
 *
 * @module
 */

/** How much of a cell still has to agree. */
export interface Explanation {
  /** Why it differs. */
  readonly why: string;
  /** The HTTP status has to agree all the same. @default {true} */
  readonly sameStatus?: boolean;
}

/** By cell. */
export const EXPLAINED: Readonly<Record<string, Explanation>> = {};
