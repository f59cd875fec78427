/**
 * What the embedded API serves: one {@linkcode ApiKind} for each resource.
 *
 * @module
 */

/** Verbs of resources, as discovery lists them. */
export type Verb =
  | "create"
  | "delete"
  | "deletecollection"
  | "get"
  | "list"
  | "patch"
  | "update"
  | "watch";

/** A subresource such as `status`. */
export interface Subresource {
  readonly name: "status" | "token" | "finalize";
  /** Group of the kind it takes and gives; absent: that of the resource. */
  readonly group?: string;
  /** Version of that kind. */
  readonly version?: string;
  /** Kind it takes and gives. */
  readonly kind: string;
  /** In the order of the alphabet. */
  readonly verbs: readonly Verb[];
}

/** A resource and its kind. */
export interface ApiKind {
  /** Empty for the core group. */
  readonly group: string;
  /** Such as `v1`. */
  readonly version: string;
  /** Lower case, as in paths. */
  readonly plural: string;
  /** Lower case. */
  readonly singular: string;
  /** CamelCase. */
  readonly kind: string;
  /** Whether objects live in namespaces. */
  readonly namespaced: boolean;
  /** In the order of the alphabet. Only `create` for reviews, which are never stored. */
  readonly verbs: readonly Verb[];
  /** Such as `ns`. */
  readonly shortNames: readonly string[];
  /** Such as `all`. */
  readonly categories: readonly string[];
  /** `status` and the like. */
  readonly subresources: readonly Subresource[];
  /** Field selectors beside `metadata.name` and `metadata.namespace`, such as `type`. */
  readonly selectableFields: readonly string[];
  /** One of ours, defined by a CRD in deploy/: no strategic merge patch, `metadata.generation`. */
  readonly custom: boolean;
}

/** Key of a resource in the store: `secrets` or `leases.coordination.k8s.io`. */
export function resourceKey({ group, plural }: Pick<ApiKind, "group" | "plural">): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** `v1` or `group/version`. */
export function apiVersionOf({ group, version }: Pick<ApiKind, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}
