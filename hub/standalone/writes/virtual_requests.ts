/**
 * POSTs whose objects are answered and never kept: reviews, and tokens of service accounts.
 *
 * @module
 */
import { notFound } from "../errors.ts";
import { trackUpdate } from "../fields/track_update.ts";
import { type ApiKind, resourceKey } from "../kinds/kind.ts";
import { checkAccept } from "../reads/encode.ts";
import { schemaOf } from "../schema/schemas.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject, Stored } from "../store/types.ts";
import type { User } from "../user.ts";
import { bodyType, readBody } from "./body.ts";
import { decodeRequest } from "./decode_request.ts";
import { matchNamespace } from "./metadata.ts";
import { admitCreate } from "./namespace_lifecycle.ts";
import { managerOf, readOptions } from "./options.ts";
import { answerWith, type WriteRequest } from "./write_request.ts";

/** Answers one sort of review. */
export type Review = (
  o: { object: ApiObject; user: User; namespace: string },
) => Promise<ApiObject>;

/** Makes tokens. */
export interface TokenMaker {
  /** Answers a TokenRequest. */
  createToken(o: { serviceAccount: Stored; request: ApiObject; user: User }): Promise<ApiObject>;
}

/** Whether objects of a kind are questions that are never kept. */
export function isReview({ verbs }: ApiKind): boolean {
  return verbs.length === 1 && verbs[0] === "create";
}

/** `spec` is a struct that is always there: nobody owns it, only what is in it. */
function forgetSpecItself({ metadata }: ApiObject): void {
  const entries = metadata.managedFields as { fieldsV1?: Record<string, unknown> }[] | undefined;
  for (const { fieldsV1 } of entries ?? []) {
    const spec = fieldsV1?.["f:spec"] as Record<string, unknown> | undefined;
    delete spec?.["."];
  }
}

/** What is not said stands as `null` in it, and is nobody's. */
function setTokenDefaults(object: ApiObject): void {
  const said = Object.entries(object.spec ?? {}).filter(([, value]) => value !== null);
  object.spec = { expirationSeconds: 3600, ...Object.fromEntries(said) };
}

async function readVirtual(
  write: WriteRequest,
  kind: ApiKind,
  schema: Schema,
): Promise<{ object: ApiObject; warnings: readonly string[] }> {
  const { request, url, info, share, deps: { now } } = write;
  checkAccept(request);
  const mediaType = bodyType(request);
  const body = await readBody(request, share);
  const options = readOptions(url, "CreateOptions");
  const { fieldValidation } = options;
  const { object, warnings } = await decodeRequest({
    body,
    mediaType,
    kind,
    schema,
    fieldValidation,
  });
  matchNamespace(kind, object, info.namespace);
  delete object.status; // Ours to say
  if (info.subresource === "token") setTokenDefaults(object);
  const manager = managerOf(request, options);
  const { subresource } = info;
  trackUpdate({ kind, schema, live: undefined, next: object, manager, subresource, now });
  forgetSpecItself(object);
  return { object, warnings };
}

/** POST of a review. */
export async function reviewRequest(write: WriteRequest, review: Review): Promise<Response> {
  const { kind, user, info } = write;
  const { object, warnings } = await readVirtual(write, kind, schemaOf(kind));
  return answerWith(
    write,
    await review({ object, user, namespace: info.namespace }),
    201,
    warnings,
  );
}

/** POST of `serviceaccounts/token`. */
export async function tokenRequest(write: WriteRequest, tokens: TokenMaker): Promise<Response> {
  const { kind: account, info: { name, namespace }, user, deps: { store } } = write;
  const token = { ...account, group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" };
  // Its schema stands among those of the group that serves it
  const schema = schemaOf({ ...account, kind: token.kind });
  const { object, warnings } = await readVirtual(write, token, schema);
  admitCreate(store, account, object, namespace, name);
  const serviceAccount = store.get(resourceKey(account), namespace, name);
  if (serviceAccount === undefined) throw notFound(account, name);
  const { managedFields } = object.metadata;
  const made = await tokens.createToken({ serviceAccount, request: object, user });
  if (managedFields !== undefined) made.metadata.managedFields = managedFields;
  return answerWith({ ...write, kind: token }, made, 201, warnings);
}
