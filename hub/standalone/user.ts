/**
 * Who calls the embedded API.
 *
 * @module
 */

/** A caller, as authentication found it; `user.Info` of k8s.io/apiserver. */
export interface User {
  /** Never empty; `system:anonymous` without a credential. */
  readonly name: string;
  /** Unique over time, where the credential says it. */
  readonly uid?: string;
  /** All groups, `system:authenticated` or `system:unauthenticated` among them. */
  readonly groups: readonly string[];
  /** Further attributes, by key. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Group whose members may do anything, before RBAC is asked. */
export const MASTERS = "system:masters";

/** Whom the process itself is towards its own API, as kube-apiserver's loopback client. */
export const LOOPBACK_USER: User = {
  name: "system:apiserver",
  groups: [MASTERS, "system:authenticated"],
  extra: {},
};

/** A caller without a credential. */
export const ANONYMOUS: User = {
  name: "system:anonymous",
  groups: ["system:unauthenticated"],
  extra: {},
};
