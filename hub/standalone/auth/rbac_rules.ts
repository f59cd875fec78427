/**
 * What a rule of RBAC allows, and whether some rules cover others.
 *
 * Source: k8s.io/kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`; k8s.io/component-helpers
 * `auth/rbac/validation/policy_comparator.go`
 *
 * @module
 */
import { goQuoteList } from "../go_text.ts";
import type { Attributes } from "./types.ts";

/** `rbac.authorization.k8s.io/v1` `PolicyRule`; absent lists are empty. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/**
 * Reads `rules` of a role, whatever is in it.
 *
 * @returns the rules; none when it is no list
 */
export function parseRules(value: unknown): readonly PolicyRule[] {
  if (!Array.isArray(value)) return [];
  return value.filter((rule) => typeof rule === "object" && rule !== null).map((rule) => ({
    verbs: strings(rule.verbs),
    apiGroups: strings(rule.apiGroups),
    resources: strings(rule.resources),
    resourceNames: strings(rule.resourceNames),
    nonResourceURLs: strings(rule.nonResourceURLs),
  }));
}

/**
 * Writes a rule without its empty lists, in the order of the Go struct.
 *
 * @returns a new object
 */
export function ruleJson(rule: PolicyRule): Record<string, string[]> {
  const json: Record<string, string[]> = { verbs: [...rule.verbs] };
  if (rule.apiGroups.length > 0) json.apiGroups = [...rule.apiGroups];
  if (rule.resources.length > 0) json.resources = [...rule.resources];
  if (rule.resourceNames.length > 0) json.resourceNames = [...rule.resourceNames];
  if (rule.nonResourceURLs.length > 0) json.nonResourceURLs = [...rule.nonResourceURLs];
  return json;
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes("*") || list.includes(wanted);
}

/** Whether a path of a rule, maybe with `*` at its end, stands for a path. */
function urlMatches(ours: string, path: string): boolean {
  return ours === "*" || ours === path ||
    (ours.endsWith("*") && path.startsWith(ours.replace(/\*+$/, "")));
}

/**
 * Asks one rule.
 *
 * @returns whether it allows the request
 */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (!attributes.isResource) {
    return rule.nonResourceURLs.some((url) => urlMatches(url, attributes.path));
  }
  const { group, resource, subresource, name } = attributes;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  return has(rule.apiGroups, group) &&
    (has(rule.resources, combined) ||
      (subresource !== "" && rule.resources.includes(`*/${subresource}`))) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(name));
}

function hasAll(list: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length < 8) return wanted.every((one) => list.includes(one));
  const set = new Set(list);
  return wanted.every((one) => set.has(one));
}

function resourcesCover(ours: readonly string[], theirs: readonly string[]): boolean {
  if (ours.includes("*") || hasAll(ours, theirs)) return true;
  return theirs.every((resource) => {
    if (ours.includes(resource)) return true;
    const slash = resource.indexOf("/");
    return slash >= 0 && ours.includes(`*${resource.slice(slash)}`);
  });
}

function urlsCover(ours: readonly string[], theirs: readonly string[]): boolean {
  return theirs.every((path) => ours.some((url) => urlMatches(url, path)));
}

/** Whether the first rule alone gives all that the second gives. */
function ruleCovers(ours: PolicyRule, theirs: PolicyRule): boolean {
  const namesCover = ours.resourceNames.length === 0 ||
    (theirs.resourceNames.length > 0 && hasAll(ours.resourceNames, theirs.resourceNames));
  return namesCover &&
    (ours.verbs.includes("*") || hasAll(ours.verbs, theirs.verbs)) &&
    (ours.apiGroups.includes("*") || hasAll(ours.apiGroups, theirs.apiGroups)) &&
    resourcesCover(ours.resources, theirs.resources) &&
    urlsCover(ours.nonResourceURLs, theirs.nonResourceURLs);
}

const NONE: PolicyRule = {
  verbs: [],
  apiGroups: [],
  resources: [],
  resourceNames: [],
  nonResourceURLs: [],
};

/**
 * Takes a rule apart into rules of one verb, one group, one resource and at most one name, or one
 * verb and one path.
 *
 * @returns their product, one by one
 */
export function* breakdownRule(rule: PolicyRule): Generator<PolicyRule> {
  const names = rule.resourceNames.length === 0 ? [undefined] : rule.resourceNames;
  for (const group of rule.apiGroups) {
    for (const resource of rule.resources) {
      for (const verb of rule.verbs) {
        for (const name of names) {
          yield {
            ...NONE,
            apiGroups: [group],
            resources: [resource],
            verbs: [verb],
            resourceNames: name === undefined ? [] : [name],
          };
        }
      }
    }
  }
  for (const url of rule.nonResourceURLs) {
    for (const verb of rule.verbs) yield { ...NONE, nonResourceURLs: [url], verbs: [verb] };
  }
}

/** Thrown by {@linkcode uncovered} when rules multiply to more than is looked at. */
export class TooManyRulesError extends Error {
  /** Tells it from other errors. */
  override readonly name = "TooManyRulesError";

  /** @param limit how many single rules are looked at */
  constructor(readonly limit: number) {
    super(`Cannot compare the rules: they stand for more than ${limit} single permissions`);
  }
}

/** Single permissions that {@linkcode uncovered} compares: a request of 3 MB could stand for 10^15. */
export const MAX_SINGLE_RULES = 20_000;

/**
 * Finds what is missing.
 *
 * @param owned what somebody holds
 * @param wanted what they want to give
 * @returns those parts of `wanted` that no rule of `owned` covers
 * @throws {TooManyRulesError} when `wanted` stands for too many single permissions
 */
export function uncovered(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] {
  const missing: PolicyRule[] = [];
  let count = 0;
  for (const rule of wanted) {
    // One rule that covers it all covers each part, too: cheap for those who hold "*"
    if (owned.some((ours) => ruleCovers(ours, rule))) continue;
    for (const part of breakdownRule(rule)) {
      if (++count > MAX_SINGLE_RULES) throw new TooManyRulesError(MAX_SINGLE_RULES);
      if (!owned.some((ours) => ruleCovers(ours, part))) missing.push(part);
    }
  }
  return missing;
}

/**
 * Joins single permissions that differ in the verb alone.
 *
 * @param rules as {@linkcode breakdownRule} makes them
 * @returns fewer rules; those of paths stay as they are
 */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule & { verbs: string[] }>();
  const compacted: PolicyRule[] = [];
  for (const rule of rules) {
    if (rule.nonResourceURLs.length > 0) {
      compacted.push(rule);
      continue;
    }
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames]);
    const known = joined.get(key);
    if (known === undefined) joined.set(key, { ...rule, verbs: [...rule.verbs] });
    else known.verbs.push(...rule.verbs);
  }
  return [...compacted, ...joined.values()];
}

/**
 * Says a rule in one line.
 *
 * @returns such as `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`
 */
export function ruleText(rule: PolicyRule): string {
  const parts = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ] as const;
  return `{${
    parts.filter(([, list]) => list.length > 0)
      .map(([name, list]) => `${name}:${goQuoteList(list)}`).join(", ")
  }}`;
}
