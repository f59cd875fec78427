/**
 * Lists of stored kinds.
 *
 * @module
 */
import { stringify } from "yaml";
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import type { ApiObject, Stored } from "../store/types.ts";
import { negotiate, type Representation } from "./accept.ts";
import { goType, objectHeaders, render } from "./encode.ts";
import { listBody, type ListWriter } from "./list_body.ts";
import { parseListOptions, validateListOptions } from "./list_options.ts";
import type { ReadOptions } from "./options.ts";
import { findPage, type Page } from "./pages.ts";
import { parseSelectors } from "./selectors.ts";
import { partialObject, tableHead, tableRow, type TableStyle, tableStyle } from "./table.ts";

/** `metadata` of a list; custom resources always write `continue`. */
function metadataOf(page: Page, always: boolean): Record<string, unknown> {
  return {
    resourceVersion: String(page.version),
    ...(page.continue === "" && !always ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

function parsed({ json }: Stored): ApiObject {
  return JSON.parse(json) as ApiObject;
}

/**
 * Cuts `apiVersion` and `kind` off an object's JSON: kube-apiserver leaves them out of the items of
 * built-in lists.
 */
function untyped(kind: ApiKind): (stored: Stored) => string {
  const { apiVersion, kind: name } = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  const prefix = JSON.stringify({ apiVersion, kind: name }).slice(0, -1) + ",";
  return (stored) => {
    if (stored.json.startsWith(prefix)) return "{" + stored.json.slice(prefix.length);
    const { apiVersion: _, kind: __, ...rest } = parsed(stored);
    return JSON.stringify(rest);
  };
}

/** What stands around the items, and each item as an object. */
interface Shape {
  readonly head: Record<string, unknown>;
  readonly key: "items" | "rows";
  readonly value: (stored: Stored) => unknown;
  /** Shortcut for plain JSON. */
  readonly text?: (stored: Stored) => string;
}

function shapeOf(
  kind: ApiKind,
  page: Page,
  form: Representation,
  style: TableStyle | undefined,
): Shape {
  if (style !== undefined) {
    const head = tableHead(metadataOf(page, false), style);
    return { head, key: "rows", value: (stored) => tableRow(parsed(stored), style) };
  }
  if (form.as === "PartialObjectMetadataList") {
    const apiVersion = `meta.k8s.io/${form.version}`;
    return {
      head: { kind: form.as, apiVersion, metadata: metadataOf(page, false) },
      key: "items",
      value: (stored) => partialObject(parsed(stored), form.version),
    };
  }
  const head = {
    kind: `${kind.kind}List`,
    apiVersion: apiVersionOf(kind),
    metadata: metadataOf(page, kind.custom),
  };
  if (kind.custom) return { head, key: "items", value: parsed, text: ({ json }) => json };
  const text = untyped(kind);
  return { head, key: "items", value: (stored) => JSON.parse(text(stored)), text };
}

function indent(text: string, by: string): string {
  return by + text.replaceAll("\n", `\n${by}`);
}

function writerOf(shape: Shape, form: Representation, empty: boolean): ListWriter {
  const { head, key, value, text } = shape;
  if (form.yaml) {
    const start = render(head, form);
    const item = (stored: Stored): string => render([value(stored)], form);
    return {
      head: start + (empty ? stringify({ [key]: [] }) : `${key}:\n`),
      item,
      separator: "",
      tail: "",
    };
  }
  if (empty && form.as === "PartialObjectMetadataList") {
    // As Go writes a list that was never made
    return {
      head: render({ ...head, [key]: null }, form),
      item: () => "",
      separator: "",
      tail: "",
    };
  }
  if (form.pretty && !empty) {
    const start = `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "${key}": [\n`;
    const item = (stored: Stored): string => indent(JSON.stringify(value(stored), null, 2), "    ");
    return { head: start, item, separator: ",\n", tail: "\n  ]\n}" };
  }
  const start = `${JSON.stringify(head).slice(0, -1)},"${key}":[`;
  const item = text ?? ((stored: Stored): string => JSON.stringify(value(stored)));
  return { head: start, item, separator: ",", tail: "]}" };
}

/**
 * Answers a list.
 *
 * @throws {StatusError} 400, 406, 410, 422 or 504 in kube-apiserver's words
 */
export async function serveList(options: ReadOptions): Promise<Response> {
  const { request, url, kind, now } = options;
  const form = negotiate(request, "list");
  const list = parseListOptions(url);
  const selectors = parseSelectors(url, kind, () => validateListOptions(list, false));
  const style = form.as === "Table"
    ? tableStyle({ url, kind, version: form.version, now })
    : undefined;
  const page = await findPage(options, list, selectors);
  if (form.as === "PartialObjectMetadata") {
    throw new StatusError(failure(
      406,
      `you requested PartialObjectMetadata, but the requested object is a list (${
        goType(kind, true)
      })`,
    ));
  }
  const writer = writerOf(shapeOf(kind, page, form, style), form, page.objects.length === 0);
  return new Response(listBody(page.objects, writer), { headers: objectHeaders(form) });
}
