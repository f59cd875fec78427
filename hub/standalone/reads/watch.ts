/**
 * Watches of stored kinds.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/get.go`, `watch.go`; KEP-3157
 *
 * @module
 */
import type { Status } from "../../../shared/kube/status.ts";
import { expired } from "../errors.ts";
import { VersionExpiredError } from "../store/types.ts";
import { negotiate } from "./accept.ts";
import { objectHeaders } from "./encode.ts";
import { parseListOptions, validateListOptions } from "./list_options.ts";
import { placeOf, type ReadOptions } from "./options.ts";
import { parseSelectors } from "./selectors.ts";
import { tableStyle } from "./table.ts";
import { objectVersion, versionTooLarge } from "./versions.ts";
import { errorLine, eventEncoder } from "./watch_events.ts";
import { openWatchStream } from "./watch_stream.ts";

/** `--min-request-timeout` of kube-apiserver: watches end after so long to twice as long. */
const MIN_TIMEOUT_SECONDS = 1800;
/** Longer ones a timer cannot wait for. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function timeoutMs(seconds: number | undefined, random: () => number): number {
  const wanted = seconds === undefined || seconds === 0
    ? MIN_TIMEOUT_SECONDS * (1 + random())
    : seconds;
  return Math.min(Math.max(0, wanted * 1000), MAX_TIMEOUT_MS);
}

function refuse(status: Status): Response {
  const body = errorLine(status) as Uint8Array<ArrayBuffer>;
  return new Response(body, { headers: objectHeaders({ yaml: false }) });
}

/**
 * Answers a watch. A version that is not kept any more is an `ERROR` event with code 410, as from
 * kube-apiserver.
 *
 * @returns a stream of events
 * @throws {StatusError} 400, 406, 422, or 500 for a version that is no number
 */
export function serveWatch(options: ReadOptions): Response {
  const { request, url, kind, store, now, random = () => 0.5 } = options;
  const form = negotiate(request, "watch");
  const list = parseListOptions(url);
  const selectors = parseSelectors(url, kind, () => validateListOptions(list, true));
  const style = form.as === "Table"
    ? tableStyle({ url, kind, version: form.version, now })
    : undefined;
  const version = objectVersion(list.resourceVersion);
  const wantsInitial = list.sendInitialEvents ?? version === 0;
  if (list.sendInitialEvents === true && version > store.version) {
    return refuse(versionTooLarge(version, store.version).status);
  }
  const place = placeOf(options);
  const snapshot = !wantsInitial
    ? undefined
    : place.namespace === undefined
    ? store.list(place.resource)
    : store.list(place.resource, place.namespace);
  try {
    const body = openWatchStream({
      store,
      place,
      selectors,
      encoder: eventEncoder(kind, form, style),
      initial: snapshot?.objects ?? [],
      since: snapshot?.version ?? (version === 0 ? store.version : version),
      bookmarks: list.allowWatchBookmarks,
      initialEnd: list.sendInitialEvents === true && list.allowWatchBookmarks,
      timeoutMs: timeoutMs(list.timeoutSeconds, random),
      signal: request.signal,
    });
    return new Response(body as BodyInit, { headers: objectHeaders(form) });
  } catch (error) {
    if (!(error instanceof VersionExpiredError)) throw error;
    return refuse(expired(error.message).status);
  }
}
