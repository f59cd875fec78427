/**
 * Writes as they come over HTTP: reads body and options in kube-apiserver's order, writes, answers.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/{create,update,patch,delete}.go`
 *
 * @module
 */
import { authorize } from "../api/authorize.ts";
import { successAnswer } from "../api/respond.ts";
import { APPLY_PATCH, checkPatchType, JSON_PATCH } from "../patch/patch.ts";
import { checkAccept } from "../reads/encode.ts";
import { parseListOptions, validateListOptions } from "../reads/list_options.ts";
import { findPage } from "../reads/pages.ts";
import { parseSelectors } from "../reads/selectors.ts";
import { schemaOf } from "../schema/schemas.ts";
import type { ApiObject } from "../store/types.ts";
import { applyTo, readApplied } from "./apply.ts";
import { bodyText, bodyType, readBody } from "./body.ts";
import { checkBody, MAX_PATCH_VALUES, MAX_VALUES } from "./complexity.ts";
import { createObject } from "./create.ts";
import { decodeRequest } from "./decode_request.ts";
import { deleteAll } from "./delete_collection.ts";
import { deleteObject } from "./delete.ts";
import { type DeleteOptions, readDeleteOptions } from "./delete_options.ts";
import { doomedList } from "./doomed_list.ts";
import { returnsDeleted } from "./kind_rules.ts";
import { matchName, matchNamespace, metaText } from "./metadata.ts";
import { readOptions, type WriteOptions } from "./options.ts";
import { applyPatch, readPatch } from "./patch.ts";
import { type Change, updateObject } from "./update.ts";
import type { WriteCall } from "./write_call.ts";
import { answerWith, callOf, type WriteRequest } from "./write_request.ts";

const NO_OPTIONS: WriteOptions = {
  dryRun: false,
  fieldManager: "",
  fieldValidation: "Warn",
  force: false,
};

/** What an update does not find it makes, if its user may do that as well. */
function admitCreate({ authorizer, user, info }: WriteRequest): () => void {
  const { group, version, resource, subresource, namespace, name } = info;
  const asked = { group, version, resource, subresource, namespace, name };
  return () => authorize(authorizer, user, { isResource: true, verb: "create", ...asked });
}

/** POST to a collection. */
export async function createRequest(write: WriteRequest): Promise<Response> {
  const { request, url, kind, deps, share } = write;
  checkAccept(request);
  const mediaType = bodyType(request);
  const body = await readBody(request, share);
  const options = readOptions(url, "CreateOptions");
  const call = { ...callOf(write, options), name: "" };
  const { fieldValidation } = options;
  const schema = schemaOf(kind);
  const decoded = await decodeRequest({ body, mediaType, kind, schema, fieldValidation });
  const object = await createObject(deps, call, decoded.object);
  return answerWith(write, object, 201, decoded.warnings);
}

/** PUT of an object or a subresource. */
export async function updateRequest(write: WriteRequest): Promise<Response> {
  const { request, url, kind, info, deps, share } = write;
  checkAccept(request);
  const body = await readBody(request, share);
  const options = readOptions(url, "UpdateOptions");
  const mediaType = bodyType(request);
  const { fieldValidation } = options;
  const schema = schemaOf(kind);
  const { object, warnings } = await decodeRequest({
    body,
    mediaType,
    kind,
    schema,
    fieldValidation,
  });
  matchNamespace(kind, object, info.namespace);
  matchName(object, info.name);
  const sent = JSON.stringify(object);
  const { object: result, created } = await updateObject(deps, callOf(write, options), {
    // What a first try made of it is no longer what was sent
    next: () => JSON.parse(sent) as ApiObject,
    uid: metaText(object, "uid"),
    admitCreate: admitCreate(write),
  });
  return answerWith(write, result, created ? 201 : 200, warnings);
}

/** A change that tells its warnings. */
interface Warned {
  readonly change: Change;
  warnings: readonly string[];
}

function applyChange(write: WriteRequest, call: WriteCall, text: string, o: WriteOptions): Warned {
  const applied = readApplied(text, o.fieldValidation);
  return {
    warnings: applied.duplicates,
    change: {
      apply: true,
      tracked: true,
      admitCreate: admitCreate(write),
      next: (live) => applyTo(write.deps, call, applied, live, o.force).object,
    },
  };
}

function patchChange({ kind }: WriteRequest, type: string, text: string, o: WriteOptions): Warned {
  const patch = readPatch(type, text);
  const warned: Warned = {
    warnings: [],
    change: {
      next: (live) => {
        if (live === undefined) return undefined;
        const patched = applyPatch(kind, patch, live, o.fieldValidation);
        warned.warnings = patched.warnings;
        return patched.object;
      },
    },
  };
  return warned;
}

/** PATCH of an object or a subresource, of all four sorts. */
export async function patchRequest(write: WriteRequest): Promise<Response> {
  const { request, url, kind, deps, share } = write;
  const type = checkPatchType(kind, request.headers.get("Content-Type") ?? "");
  checkAccept(request);
  const body = await readBody(request, share);
  const options = readOptions(url, "PatchOptions", type === APPLY_PATCH);
  const call = callOf(write, options);
  const isApply = type === APPLY_PATCH;
  const limit = type === JSON_PATCH ? MAX_PATCH_VALUES : MAX_VALUES;
  checkBody(body, isApply ? "application/yaml" : "application/json", limit);
  const text = bodyText(body);
  const warned = isApply
    ? applyChange(write, call, text, options)
    : patchChange(write, type, text, options);
  const { object, created } = await updateObject(deps, call, warned.change);
  return answerWith(write, object, created ? 201 : 200, warned.warnings);
}

async function deletion(write: WriteRequest): Promise<[WriteCall, DeleteOptions]> {
  const { request, url, share } = write;
  const body = await readBody(request, share);
  const options = await readDeleteOptions(url, body, () => bodyType(request));
  return [{ ...callOf(write, NO_OPTIONS), dryRun: options.dryRun }, options];
}

/** DELETE of an object. */
export async function deleteRequest(write: WriteRequest): Promise<Response> {
  const { request, kind, info, deps } = write;
  checkAccept(request);
  const [call, options] = await deletion(write);
  const { object, gone } = await deleteObject(deps, call, options);
  if (!gone || returnsDeleted(kind)) return answerWith(write, object, 200);
  const { group, plural } = kind;
  return successAnswer({ name: info.name, group, kind: plural, uid: metaText(object, "uid") });
}

/** DELETE of a collection. */
export async function deleteCollectionRequest(write: WriteRequest): Promise<Response> {
  const { request, url, kind, info, deps } = write;
  checkAccept(request);
  const list = parseListOptions(url);
  const selectors = parseSelectors(url, kind);
  validateListOptions(list, false);
  const [call, options] = await deletion(write);
  const { store, now } = deps;
  const page = await findPage({ request, url, info, kind, store, now }, list, selectors);
  await deleteAll(deps, call, page.objects, options);
  return doomedList(kind, page);
}
