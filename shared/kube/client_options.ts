/**
 * What the calls of the client take and give.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Transport } from "./transport.ts";

/** Options of {@linkcode KubeClient}. */
export interface KubeClientOptions {
  /** The way to the API server. */
  transport: Transport;
  /** How it names itself. @default {"clusternet/<version>"} */
  userAgent?: string;
  /** Deadline of a call with the reading of its answer, in milliseconds. @default {15_000} */
  timeoutMs?: number;
  /** Longest answer, in bytes, unpacked. @default {64 MiB} */
  maxBodyBytes?: number;
  /** Where it says what happened. @default {silent} */
  log?: Log;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call. */
  signal?: AbortSignal | undefined;
  /** In place of the client's. */
  timeoutMs?: number | undefined;
}

/** Which object. */
export interface ObjectOptions extends CallOptions {
  /** Needed for a namespaced kind. */
  namespace?: string | undefined;
  /** Such as `status`. */
  subresource?: string | undefined;
}

/** Options of {@linkcode KubeClient.list}. */
export interface ListOptions extends CallOptions {
  /** All namespaces without it. */
  namespace?: string | undefined;
  /** Such as `a=b,c`. */
  labelSelector?: string | undefined;
  /** Such as `metadata.name=a`. */
  fieldSelector?: string | undefined;
  /** Objects per page. @default {500} */
  limit?: number | undefined;
}

/** Options of calls that write. */
export interface WriteOptions extends ObjectOptions {
  /** Name of the object, where `obj` does not say it. */
  name?: string | undefined;
  /** The server checks and does nothing. */
  dryRun?: boolean | undefined;
  /** Who writes, for `managedFields`. */
  fieldManager?: string | undefined;
}

/** Options of {@linkcode KubeClient.patch}. */
export interface PatchOptions extends ObjectOptions {
  /** `merge` RFC 7396, `json` RFC 6902, `strategic` built-in kinds only, `apply` server side. */
  type: "merge" | "json" | "strategic" | "apply";
  /** Needed for `apply`. */
  fieldManager?: string | undefined;
  /** `apply`: takes fields over from other managers. */
  force?: boolean | undefined;
  /** The server checks and does nothing. */
  dryRun?: boolean | undefined;
}

/** Options of {@linkcode KubeClient.delete}. */
export interface DeleteOptions extends CallOptions {
  /** Needed for a namespaced kind. */
  namespace?: string | undefined;
  /** Only if the object is still this one. */
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
  /** What becomes of the objects it owns. */
  propagationPolicy?: "Background" | "Foreground" | "Orphan" | undefined;
  /** The server checks and does nothing. */
  dryRun?: boolean | undefined;
}

/** Options of {@linkcode KubeClient.json}, {@linkcode KubeClient.raw}, {@linkcode KubeClient.open}. */
export type RawInit = RequestInit & { timeoutMs?: number | undefined };

/** All objects, and the resource version from which a watch goes on. */
export interface ListResult<T> {
  /** The objects, complete. */
  items: T[];
  /** A watch from here misses nothing. */
  resourceVersion: string;
}
