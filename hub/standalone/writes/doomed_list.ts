/**
 * The answer to the deletion of a collection: the objects as they were found.
 *
 * @module
 */
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import { listBody } from "../reads/list_body.ts";
import type { Page } from "../reads/pages.ts";
import type { Stored } from "../store/types.ts";
import { objectOf } from "./write_call.ts";

/** Items of built-in lists do not say their kind. */
function untyped(stored: Stored): string {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = objectOf(stored);
  return JSON.stringify(rest);
}

/**
 * Makes a list of what was found, as a list request shows it.
 *
 * @returns 200; JSON, written piece by piece
 */
export function doomedList(kind: ApiKind, page: Page): Response {
  const head = {
    kind: `${kind.kind}List`,
    apiVersion: apiVersionOf(kind),
    metadata: {
      ...(kind.custom || page.continue !== "" ? { continue: page.continue } : {}),
      ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
      resourceVersion: String(page.version),
    },
  };
  const body = listBody(page.objects, {
    head: `${JSON.stringify(head).slice(0, -1)},"items":[`,
    item: kind.custom ? ({ json }) => json : untyped,
    separator: ",",
    tail: "]}",
  });
  return new Response(body, { headers: { "Content-Type": "application/json" } });
}
