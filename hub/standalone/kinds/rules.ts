/**
 * The shape of one kind's rules, beside what holds of every kind.
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import type { MetadataRules } from "./metadata.ts";

/** What one kind adds to the rules of all. */
export interface KindRules {
  /** What names look like. */
  readonly metadata: Pick<MetadataRules, "name" | "strictFinalizers">;
  /** An update is looked at as a new object is, too, before or after what is said of updates. */
  readonly revalidates?: "before" | "after";
  /** Metadata is looked at as the generic registry does it alone, after the rest. */
  readonly looseMetadata?: boolean;
  /** Sets what is absent, on every write. Changes the object. */
  default?(object: ApiObject): void;
  /** Clears what a creator may not set. Changes the object. */
  prepareForCreate?(object: ApiObject): void;
  /** Keeps what this (sub)resource may not change. Changes `object`. */
  prepareForUpdate?(object: ApiObject, old: ApiObject, subresource: string): void;
  /** Faults of a new object. */
  validate(object: ApiObject): FieldError[];
  /** Faults of a changed object. */
  validateUpdate(object: ApiObject, old: ApiObject, subresource: string): FieldError[];
}
