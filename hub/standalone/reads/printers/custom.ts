/**
 * Columns of our own kinds, from `additionalPrinterColumns` of their CustomResourceDefinitions.
 *
 * Source: k8s.io/apiextensions-apiserver
 * `pkg/registry/customresource/tableconvertor/tableconvertor.go`
 *
 * @module
 */
import { parse } from "yaml";
import registrationRequests from "../../../../deploy/hub/01-crd-clusterregistrationrequests.yaml" with {
  type: "text",
};
import managedClusters from "../../../../deploy/hub/02-crd-managedclusters.yaml" with {
  type: "text",
};
import { compileJsonPath } from "../json_path.ts";
import { since } from "./since.ts";
import { type Cell, type Column, column, nameColumn, type Printer, text } from "./printer.ts";

interface Definition {
  spec: {
    names: { plural: string };
    versions: {
      name: string;
      additionalPrinterColumns?: {
        name: string;
        type: Column["type"];
        format?: string;
        description?: string;
        priority?: number;
        jsonPath: string;
      }[];
    }[];
  };
}

/** As Go prints a value in a column of text. */
function printed(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function cell(value: unknown, type: Column["type"], now: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "string":
      return printed(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      if (typeof value !== "string") return null;
      return Number.isNaN(Date.parse(value)) ? "<invalid>" : since(value, now);
  }
}

/**
 * Makes the printer of a CustomResourceDefinition.
 *
 * @param yaml of the definition
 * @returns the plural name of the kind, and its printer
 */
export function customPrinter(yaml: string): { plural: string; printer: Printer } {
  const { spec } = parse(yaml) as Definition;
  const own = (spec.versions[0]?.additionalPrinterColumns ?? []).map((each) => ({
    path: compileJsonPath(each.jsonPath),
    column: {
      ...column(
        each.name,
        each.description ||
          `Custom resource definition column (in JSONPath format): ${each.jsonPath}`,
        each.priority ?? 0,
      ),
      type: each.type,
      format: each.format ?? "",
    },
  }));
  return {
    plural: spec.names.plural,
    printer: {
      columns: [nameColumn(), ...own.map(({ column }) => column)],
      cells: (object, now) => [
        text(object, "metadata", "name"),
        ...own.map(({ path, column: { type } }) => cell(path(object)[0], type, now)),
      ],
    },
  };
}

/** Printers of our own kinds, by plural name. */
export const CUSTOM_PRINTERS: ReadonlyMap<string, Printer> = new Map(
  [registrationRequests, managedClusters].map(customPrinter)
    .map(({ plural, printer }) => [plural, printer]),
);
