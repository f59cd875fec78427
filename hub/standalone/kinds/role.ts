/**
 * Roles and ClusterRoles.
 *
 * Source: k8s.io/kubernetes `pkg/apis/rbac/validation/validation.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { invalidValue, required } from "./field_errors.ts";
import type { ApiKind } from "./kind.ts";
import { validateSelector } from "./labels.ts";
import { pathSegmentName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { type Fields, fieldsOf, listOf, objectsOf } from "./values.ts";

function ruleFaults(rule: Fields, namespaced: boolean, field: string): FieldError[] {
  const has = (key: string): boolean => listOf(rule[key]).length > 0;
  const faults: FieldError[] = [];
  if (!has("verbs")) {
    faults.push(required(`${field}.verbs`, "verbs must contain at least one value"));
  }
  if (has("nonResourceURLs")) {
    const at = `${field}.nonResourceURLs`;
    if (namespaced) {
      const words = "namespaced rules cannot apply to non-resource URLs";
      faults.push(invalidValue(at, rule.nonResourceURLs, words));
    }
    if (has("apiGroups") || has("resources") || has("resourceNames")) {
      const words = "rules cannot apply to both regular resources and non-resource URLs";
      faults.push(invalidValue(at, rule.nonResourceURLs, words));
    }
    return faults;
  }
  const words = "resource rules must supply at least one";
  if (!has("apiGroups")) faults.push(required(`${field}.apiGroups`, `${words} api group`));
  if (!has("resources")) faults.push(required(`${field}.resources`, `${words} resource`));
  return faults;
}

function aggregationFaults(aggregation: unknown): FieldError[] {
  if (aggregation === undefined || aggregation === null) return [];
  const field = "aggregationRule.clusterRoleSelectors";
  const selectors = objectsOf(fieldsOf(aggregation).clusterRoleSelectors);
  if (selectors.length === 0) {
    const words = "at least one clusterRoleSelector required if aggregationRule is non-nil";
    return [required(field, words)];
  }
  return selectors.flatMap((selector, index) => {
    const at = `${field}[${index}]`;
    const faults = validateSelector(selector, at);
    if (faults.length === 0) return [];
    return [...faults, invalidValue(at, null, "invalid label selector.")];
  });
}

/** Rules of Roles and ClusterRoles. */
export function roleRules({ namespaced }: ApiKind): KindRules {
  return {
    metadata: { name: pathSegmentName, strictFinalizers: true },
    revalidates: "before",
    validate({ rules, aggregationRule }): FieldError[] {
      return [
        ...objectsOf(rules).flatMap((rule, index) =>
          ruleFaults(rule, namespaced, `rules[${index}]`)
        ),
        ...(namespaced ? [] : aggregationFaults(aggregationRule)),
      ];
    },
    validateUpdate: (): FieldError[] => [],
  };
}
