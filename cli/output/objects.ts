/**
 * Objects for programs: `-o json`, `-o yaml`, `-o name`.
 *
 * @module
 */
import { stringify } from "yaml";
import type { KubeObject } from "../../shared/kube/types.ts";

/** Formats for programs. */
export type ObjectFormat = "json" | "yaml" | "name";

/**
 * What `kubectl get` makes of several objects.
 *
 * @returns a core v1 `List`
 */
export function listOf(items: readonly unknown[]): Record<string, unknown> {
  return { apiVersion: "v1", items, kind: "List", metadata: { resourceVersion: "" } };
}

/**
 * Writes any value.
 *
 * @returns the text with its last line feed
 */
export function formatValue(value: unknown, format: "json" | "yaml"): string {
  return format === "json"
    ? `${JSON.stringify(value, null, 4)}\n`
    : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * An object's name as `kubectl get -o name` writes it.
 *
 * @param singular of the resource, as `managedcluster`
 * @param group empty for the core
 * @returns `<singular>.<group>/<name>`
 */
export function nameLine(object: KubeObject, singular: string, group: string): string {
  const prefix = group === "" ? singular : `${singular}.${group}`;
  return `${prefix}/${object.metadata.name ?? ""}\n`;
}

/**
 * Leaves out what kubectl leaves out unless asked.
 *
 * @returns a copy without `metadata.managedFields`
 */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}
