/**
 * Questions to the authorizer, and its answers.
 *
 * Source: k8s.io/apiserver `pkg/authorization/authorizer/interfaces.go`
 *
 * @module
 */
import type { User } from "../user.ts";

/** What somebody wants to do. */
export type Attributes =
  | {
    readonly isResource: true;
    readonly verb: string;
    readonly group: string;
    readonly version?: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
  }
  | { readonly isResource: false; readonly verb: string; readonly path: string };

/** May they? */
export interface Decision {
  readonly allowed: boolean;
  /** In RBAC's words: `RBAC: allowed by ...`; empty for a no without further word. */
  readonly reason: string;
}

/** Decides what a user may do; from memory, at once. */
export interface Authorizer {
  /** Asks for one thing. */
  authorize(user: User, attributes: Attributes): Decision;
}

/** Finds out whose a bearer token is. */
export interface TokenAuthenticator {
  /**
   * @param audiences for whom it must be meant; absent: the API server itself
   * @returns the user, or `undefined` when the token is not valid
   */
  authenticateToken(
    token: string,
    audiences?: readonly string[],
  ): Promise<{ user: User; audiences: readonly string[] } | undefined>;
}
