/**
 * What a defence is, for the tool that removes it.
 *
 * @module
 */

/** One line that stands between an abuse and its success. */
export interface Defence {
  /** Number of the abuse case, as in the names of the tests. */
  readonly case: number;
  /** What the removal does, in a few words. */
  readonly removes: string;
  /** Source file, from the root of the checkout. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  /** Takes its place. */
  readonly replace: string;
  /** Test file, from the root of the checkout; its case must fail then. */
  readonly test: string;
}
