/**
 * A write as it came over HTTP.
 *
 * @module
 */
import type { ResourceRequest } from "../api/request_info.ts";
import type { Authorizer } from "../auth/types.ts";
import type { ApiKind } from "../kinds/kind.ts";
import { objectResponse } from "../reads/encode.ts";
import type { ApiObject } from "../store/types.ts";
import type { User } from "../user.ts";
import type { Share } from "./body_budget.ts";
import { managerOf, type WriteOptions } from "./options.ts";
import type { WriteCall, WriteDeps } from "./write_call.ts";

/** A write that is authorized. */
export interface WriteRequest {
  readonly request: Request;
  readonly url: URL;
  readonly info: ResourceRequest;
  readonly kind: ApiKind;
  readonly user: User;
  readonly authorizer: Authorizer;
  readonly deps: WriteDeps;
  /** What it holds of the budget. */
  readonly share: Share;
}

/** What the functions behind HTTP are told of it. */
export function callOf({ kind, info, user, request }: WriteRequest, o: WriteOptions): WriteCall {
  return {
    kind,
    namespace: kind.namespaced ? info.namespace : "",
    name: info.name,
    subresource: info.subresource,
    manager: managerOf(request, o),
    dryRun: o.dryRun,
    user,
  };
}

/** Answers with an object. */
export function answerWith(
  { request, kind, deps: { now } }: Pick<WriteRequest, "request" | "kind" | "deps">,
  object: ApiObject,
  status: number,
  warnings: readonly string[] = [],
): Response {
  return objectResponse({ request, kind, object, now, status, warnings });
}
