/**
 * What every write is handed.
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";
import type { User } from "../user.ts";

/** Refuses rights that the writer does not have; `auth/escalation.ts`. */
export interface WriteGuard {
  /** @throws {StatusError} 403 */
  checkWrite(o: { user: User; kind: ApiKind; object: ApiObject; old?: ApiObject }): void;
}

/** What writes work on. */
export interface WriteDeps {
  readonly store: Store;
  readonly rbac: WriteGuard;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** Which object is written, by whom and how. */
export interface WriteCall {
  readonly kind: ApiKind;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  /** Empty where the body names it. */
  readonly name: string;
  /** Empty when there is none. */
  readonly subresource: string;
  /** Manager of the fields that are written. */
  readonly manager: string;
  /** Whether nothing is written in the end. */
  readonly dryRun: boolean;
  /** Whose rights bound what roles they write; absent for controllers of this process. */
  readonly user?: User;
}

/** A copy of what is stored. */
export function objectOf(stored: Stored): ApiObject {
  return JSON.parse(stored.json) as ApiObject;
}

/** An object as it now stands, `metadata.resourceVersion` set. */
export function written(object: ApiObject, stored: Stored): ApiObject {
  object.metadata.resourceVersion = String(stored.version);
  return object;
}
