/**
 * What a default role or binding lost and gets back. What somebody added stays.
 *
 * Source: k8s.io/component-helpers `auth/rbac/reconciliation/reconcile_role.go`,
 * `reconcile_rolebindings.go`
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";
import { parseRoleRef } from "./rbac_objects.ts";
import { parseRules, ruleJson, uncovered } from "./rbac_rules.ts";

const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";

type Texts = Readonly<Record<string, string>>;

function textsOf(value: unknown): Texts {
  return typeof value === "object" && value !== null ? value as Texts : {};
}

function isProtected({ metadata }: ApiObject): boolean {
  return textsOf(metadata.annotations)[AUTOUPDATE] === "false";
}

/** @returns metadata with the wanted labels and annotations that it lacks; values there stay */
function mergedMetadata(existing: ApiObject, wanted: ApiObject): ApiObject["metadata"] | undefined {
  const metadata = { ...existing.metadata };
  let changed = false;
  for (const map of ["labels", "annotations"]) {
    const [has, wants] = [textsOf(metadata[map]), textsOf(wanted.metadata[map])];
    if (Object.keys(wants).every((key) => Object.hasOwn(has, key))) continue;
    metadata[map] = { ...wants, ...has };
    changed = true;
  }
  return changed ? metadata : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** JSON of a value, its keys sorted: equal texts for equal selectors and subjects. */
function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1))
        : inner,
  );
}

function lacking(has: readonly unknown[], wants: readonly unknown[]): readonly unknown[] {
  const known = new Set(has.map(canonical));
  return wants.filter((one) => !known.has(canonical(one)));
}

function selectorsOf({ aggregationRule }: ApiObject): readonly unknown[] {
  return listOf(
    (aggregationRule as { clusterRoleSelectors?: unknown } | null | undefined)
      ?.clusterRoleSelectors,
  );
}

/**
 * Compares a role with its default.
 *
 * @returns the object to write, or `undefined` when it stays as it is
 */
export function reconcileRole(existing: ApiObject, wanted: ApiObject): ApiObject | undefined {
  if (isProtected(existing)) return undefined;
  const metadata = mergedMetadata(existing, wanted);
  const missing = uncovered(parseRules(existing.rules), parseRules(wanted.rules));
  const selectors = lacking(selectorsOf(existing), selectorsOf(wanted));
  const unwanted = (existing.aggregationRule ?? undefined) !== undefined &&
    wanted.aggregationRule === undefined;
  if (metadata === undefined && missing.length === 0 && selectors.length === 0 && !unwanted) {
    return undefined;
  }
  const { aggregationRule, ...rest } = existing;
  const kept = unwanted ? undefined : selectors.length === 0 ? aggregationRule : {
    clusterRoleSelectors: [...selectorsOf(existing), ...selectors],
  };
  return {
    ...rest,
    metadata: metadata ?? existing.metadata,
    ...(missing.length === 0
      ? {}
      : { rules: [...listOf(existing.rules), ...missing.map(ruleJson)] }),
    ...(kept === undefined ? {} : { aggregationRule: kept }),
  } as ApiObject;
}

/**
 * Compares a binding with its default.
 *
 * @returns the object to write, `"replace"` when it names another role, which cannot be changed, or
 *   `undefined` when it stays as it is
 */
export function reconcileBinding(
  existing: ApiObject,
  wanted: ApiObject,
): ApiObject | "replace" | undefined {
  if (isProtected(existing)) return undefined;
  const [has, wants] = [parseRoleRef(existing.roleRef), parseRoleRef(wanted.roleRef)];
  if (canonical(has) !== canonical(wants)) return "replace";
  const metadata = mergedMetadata(existing, wanted);
  const missing = lacking(listOf(existing.subjects), listOf(wanted.subjects));
  if (metadata === undefined && missing.length === 0) return undefined;
  return {
    ...existing,
    metadata: metadata ?? existing.metadata,
    subjects: [...listOf(existing.subjects), ...missing],
  };
}
