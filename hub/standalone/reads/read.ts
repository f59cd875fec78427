/**
 * Reads: get, list and watch of stored kinds.
 *
 * @module
 */
import { notFound, pathNotFound } from "../errors.ts";
import { resourceKey } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { negotiate } from "./accept.ts";
import { objectHeaders, objectResponse } from "./encode.ts";
import { serveList } from "./list.ts";
import type { ReadOptions } from "./options.ts";
import { objectVersion, versionTooLarge } from "./versions.ts";
import { serveWatch } from "./watch.ts";

export type { ReadOptions } from "./options.ts";

function serveGet({ request, url, info, kind, store, now }: ReadOptions): Response {
  if (info.subresource !== "" && info.subresource !== "status") throw pathNotFound();
  const form = negotiate(request, "object");
  const version = objectVersion(url.searchParams.get("resourceVersion") ?? "");
  if (version > store.version) throw versionTooLarge(version, store.version);
  const namespace = kind.namespaced ? info.namespace : "";
  const stored = store.get(resourceKey(kind), namespace, info.name);
  if (stored === undefined) throw notFound(kind, info.name);
  if (form.as === "Object" && !form.yaml && !form.pretty) {
    return new Response(stored.json, { headers: objectHeaders(form) });
  }
  return objectResponse({ request, kind, object: JSON.parse(stored.json) as ApiObject, now });
}

/**
 * Answers a get, list or watch of a stored kind. `get` of `status` gives the whole object.
 *
 * @param options `info.verb` says which of the three it is
 * @returns the response; a list or a watch may be a stream, which ends with the request's signal
 * @throws {StatusError} (rejects) in kube-apiserver's words
 */
export async function serveRead(options: ReadOptions): Promise<Response> {
  switch (options.info.verb) {
    case "watch":
      return serveWatch(options);
    case "list":
      return await serveList(options);
    default:
      return serveGet(options);
  }
}
