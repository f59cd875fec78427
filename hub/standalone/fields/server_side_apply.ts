/**
 * Server-side apply.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal`: `fieldmanager.go`,
 * `versioncheck.go`, `skipnonapplied.go`, `structuredmerge.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest } from "../errors.ts";
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { applyConflict } from "./conflicts.ts";
import { lastAppliedFields, syncLastApplied } from "./last_applied.ts";
import { decodeManaged, encodeManaged, type Managed, timeOf } from "./managed.ts";
import { type Author, authorId, stripped, trackedUpdate } from "./manager_chain.ts";
import { emptyObject, typeContext, typedView } from "./type_context.ts";
import { TypedError, validate } from "./typed.ts";
import { applyConfig, ConflictError, type TypeContext } from "./updater.ts";
import { isDeeperThan, isObject, MAX_DEPTH } from "./values.ts";

/** What {@linkcode serverSideApply} is told. */
export interface ServerSideApplyOptions {
  /** Of the object. */
  kind: ApiKind;
  /** Of the object. */
  schema: Schema;
  /** As it stands in the store; `undefined` when there is none, and one is made. */
  live: ApiObject | undefined;
  /** The request's body, as it came. */
  applied: ApiObject;
  /** `fieldManager` of the request. */
  manager: string;
  /** Takes fields of other managers. */
  force: boolean;
  /** Empty for the object itself. */
  subresource: string;
  /** Ms since 1970. */
  now: () => number;
}

/** The manager of `kubectl apply --server-side`, which takes over what kubectl applied before. */
const KUBECTL = "kubectl";

/** Whom the fields of an object belong to that nobody tracked until it was applied. */
const BEFORE_FIRST_APPLY = "before-first-apply";

/**
 * Applies a configuration: merges it into the live object, removes what its manager applied before
 * and applies no more, and writes down who owns what. Changes none of its arguments.
 *
 * @returns the object as it is to be defaulted, checked and written; with the times and all of
 *   `live` when nothing changed
 * @throws {StatusError} 409 with causes when fields with other values belong to others and `force`
 *   is not set; 400 for the wrong kind, or with `managedFields`; 500, as upstream, when it does not
 *   fit the schema
 */
export function serverSideApply(o: ServerSideApplyOptions): ApiObject {
  checkRequest(o);
  const type = typeContext(o.kind, o.schema, o.subresource);
  const author = { manager: o.manager, subresource: o.subresource, time: timeOf(o.now()) };
  const live = o.live ?? emptyObject(o.kind);
  const seen = typedView(o.kind, o.schema, live);
  const managed = managedOf(o, type, seen, author);
  const { object, managed: entries } = applyOrRefuse(o, type, live, seen, managed, author);
  const { managedFields: _, ...metadata } = object.metadata;
  const result: ApiObject = { ...object, metadata };
  if (o.manager === KUBECTL) syncLastApplied(result, o.applied);
  const encoded = encodeManaged(entries);
  if (encoded !== undefined) result.metadata["managedFields"] = encoded;
  return result;
}

function checkRequest({ kind, applied }: ServerSideApplyOptions): void {
  const apiVersion = typeof applied.apiVersion === "string" ? applied.apiVersion : "";
  const name = typeof applied.kind === "string" ? applied.kind : "";
  if (apiVersion !== apiVersionOf(kind) || name !== kind.kind) {
    throw badRequest(`invalid object type: ${kindText(apiVersion, name)}`);
  }
  if (isDeeperThan(applied, MAX_DEPTH)) {
    throw badRequest(`the object is nested deeper than ${MAX_DEPTH} levels`);
  }
  if (isObject(applied.metadata) && Array.isArray(applied.metadata["managedFields"])) {
    throw badRequest("metadata.managedFields must be nil");
  }
}

/** `schema.GroupVersionKind` as Go prints it. */
function kindText(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
}

function managedOf(
  o: ServerSideApplyOptions,
  type: TypeContext,
  seen: unknown,
  author: Author,
): Managed {
  let managed: Managed;
  try {
    managed = decodeManaged(o.live?.metadata["managedFields"]);
  } catch (error) {
    throw internal(`failed to decode managed fields: ${textOf(error)}`);
  }
  if (managed.size > 0 || o.live === undefined) return managed;
  const empty = typedView(o.kind, o.schema, emptyObject(o.kind));
  const before: Author = { ...author, manager: BEFORE_FIRST_APPLY };
  return orInternal(
    "failed to create manager for existing fields",
    () => trackedUpdate(type, empty, seen, managed, before),
  );
}

function applyOrRefuse(
  o: ServerSideApplyOptions,
  type: TypeContext,
  live: ApiObject,
  seen: unknown,
  managed: Managed,
  author: Author,
): { object: ApiObject; managed: Managed } {
  orInternal(
    `failed to create typed patch object (${identity(o.applied)})`,
    () => validate(type.atom, o.applied),
  );
  const attempt = (force: boolean): { object: ApiObject; managed: Managed } =>
    orInternal("failed to merge config", () => {
      const id = authorId(author, "Apply", type.apiVersion);
      const result = applyConfig(type, seen, o.applied, managed, id, force);
      const entries = stripped(result.managed, id);
      const mine = entries.get(id);
      const last = managed.get(id)?.time;
      if (mine !== undefined) {
        const time = result.object === undefined ? last : author.time;
        entries.set(id, { ...mine, ...(time === undefined ? {} : { time }) });
      }
      return { object: (result.object ?? live) as ApiObject, managed: entries };
    });
  try {
    return attempt(o.force);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const mine = o.manager === KUBECTL && o.live !== undefined
      ? lastAppliedFields(o.kind, o.schema, type, o.live)
      : undefined;
    const left = error.conflicts.filter(({ path }) => mine === undefined || !mine.has(path));
    if (left.length > 0) throw applyConflict(left);
    return attempt(true);
  }
}

/** `namespace/name; group/version, Kind=kind`. */
function identity({ metadata, apiVersion, kind }: ApiObject): string {
  const text = (name: string): string => {
    const value = isObject(metadata) ? metadata[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  return `${text("namespace")}/${text("name")}; ${kindText(apiVersion, kind)}`;
}

function orInternal<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypedError) throw internal(`${what}: ${error.message}`);
    throw error;
  }
}

/** An error of Go that is no Status: 500 without a reason. */
function internal(message: string): StatusError {
  return new StatusError(failure(500, message, undefined, ""));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
