/**
 * Tables, as kubectl shows them, and objects cut down to their metadata.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/response.go`
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { objectNotAcceptable } from "./accept.ts";
import { quoted } from "./label_syntax.ts";
import type { Printer } from "./printers/printer.ts";
import { printerOf } from "./printers/printers.ts";

/** How much of the object a row carries. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** How tables of one request are made. */
export interface TableStyle {
  /** Of the kind. */
  readonly printer: Printer;
  /** What rows carry beside their cells. */
  readonly include: IncludeObject;
  /** Of group meta.k8s.io. */
  readonly version: "v1" | "v1beta1";
  /** Clock, in milliseconds. */
  readonly now: () => number;
}

/** `metav1.PartialObjectMetadata` of an object. */
export function partialObject(object: Pick<ApiObject, "metadata">, version: string): ApiObject {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  };
}

/**
 * Reads how tables are wanted.
 *
 * @throws {StatusError} 400 for another `includeObject`, 406 for a kind that has no table
 */
export function tableStyle(options: {
  url: URL;
  kind: ApiKind;
  version: "v1" | "v1beta1";
  now: () => number;
}): TableStyle {
  const { url, kind, version, now } = options;
  const printer = printerOf(kind);
  if (printer === undefined) throw objectNotAcceptable();
  const include = url.searchParams.get("includeObject") || "Metadata";
  if (include !== "None" && include !== "Metadata" && include !== "Object") {
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${quoted(include)}` +
        ": must be 'Metadata', 'Object', 'None', or empty",
    );
  }
  return { printer, include, version, now };
}

/** `metav1.TableRow` of an object. */
export function tableRow(
  object: ApiObject,
  { printer, include, version, now }: TableStyle,
): { cells: unknown[]; object: unknown } {
  return {
    cells: printer.cells(object, now()),
    object: include === "None"
      ? null
      : include === "Object"
      ? object
      : partialObject(object, version),
  };
}

/**
 * A table without its rows.
 *
 * @param metadata of the list, or the version of the object
 * @param columns `false`: a later event of a watch, which does not repeat them
 */
export function tableHead(
  metadata: Readonly<Record<string, unknown>>,
  { printer, version }: TableStyle,
  columns = true,
): Record<string, unknown> {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: columns ? printer.columns : null,
  };
}

/** A table of one object. */
export function tableOf(
  object: ApiObject,
  style: TableStyle,
  columns = true,
): Record<string, unknown> {
  const { resourceVersion } = object.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  return { ...tableHead(metadata, style, columns), rows: [tableRow(object, style)] };
}
