/**
 * Nobody gives rights that they do not hold.
 *
 * Source: k8s.io/kubernetes `pkg/registry/rbac/escalation_check.go`,
 * `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`,
 * `pkg/registry/rbac/validation/rule.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, forbidden, notFound, qualified } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { MASTERS, type User } from "../user.ts";
import { aggregateText, goQuote, goQuoteList } from "../go_text.ts";
import { onlyCollectorFields } from "./only_collector_fields.ts";
import { parseRoleRef, RBAC_GROUP } from "./rbac_objects.ts";
import type { HeldRules, RoleProblem } from "./rbac.ts";
import {
  compactRules,
  parseRules,
  type PolicyRule,
  ruleText,
  TooManyRulesError,
  uncovered,
} from "./rbac_rules.ts";
import type { Authorizer } from "./types.ts";
import type { RoleRef } from "./rbac_objects.ts";

/** A write of a Role, ClusterRole, RoleBinding or ClusterRoleBinding. */
export interface RbacWrite {
  /** Who writes. */
  readonly user: User;
  /** One of the four kinds. */
  readonly kind: ApiKind;
  /** As it is to be, with its namespace; defaults set. */
  readonly object: ApiObject;
  /** As it is; absent: it is created. */
  readonly old?: ApiObject;
  /** The name in the request's path, for `escalate` by name; absent: that of `old`, or none. */
  readonly requestName?: string;
}

/** Refuses writes that would give more rights than the writer has. */
export interface RbacGuard {
  /**
   * Checks a write before it is validated and before a name is generated.
   *
   * @throws {StatusError} 403 when rights would be given that the user does not hold; 404 when a
   *   binding's role is missing, 400 and 500 when it names none
   */
  checkWrite(write: RbacWrite): void;
}

/** What the check asks the authorizer. */
export interface RuleResolver extends Authorizer {
  /** All that a user may do in a namespace. */
  rulesFor(user: User, namespace: string): HeldRules;
  /** The rules of a role, or `undefined`. */
  roleRules(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
}

const EVERYTHING = parseRules([
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
]);

function nameOf({ metadata }: ApiObject): string {
  return typeof metadata.name === "string" ? metadata.name : "";
}

function namespaceOf({ kind, object }: RbacWrite): string {
  const { namespace } = object.metadata;
  return kind.namespaced && typeof namespace === "string" ? namespace : "";
}

/** kube-apiserver names the resource of the request here, not that of the missing role. */
function problemText(kind: ApiKind, { roleRef, namespace }: RoleProblem): string {
  if (roleRef.kind !== "Role" && roleRef.kind !== "ClusterRole") {
    return `unsupported role reference kind: ${goQuote(roleRef.kind)}`;
  }
  if (roleRef.kind === "Role" && namespace === "") return "Namespace parameter required.";
  return `${qualified(kind)} ${goQuote(roleRef.name)} not found`;
}

/** @returns why not; `undefined` when the user holds all the rules */
function missingText(
  resolver: RuleResolver,
  write: RbacWrite,
  rules: readonly PolicyRule[],
): string | undefined {
  const { user, kind } = write;
  const { rules: held, problems } = resolver.rulesFor(user, namespaceOf(write));
  let missing: PolicyRule[];
  try {
    missing = uncovered(held, rules);
  } catch (error) {
    if (error instanceof TooManyRulesError) return error.message;
    throw error;
  }
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(ruleText))].sort();
  const text = `user ${goQuote(user.name)} (groups=${goQuoteList(user.groups)}) is attempting to ` +
    `grant RBAC permissions not currently held:\n${lines.join("\n")}`;
  if (problems.length === 0) return text;
  const unresolved = aggregateText(problems.map((problem) => problemText(kind, problem)));
  return `${text}; resolution errors: [${unresolved}]`;
}

function checkRole(resolver: RuleResolver, write: RbacWrite): void {
  const { user, kind, object, old } = write;
  const escalate = resolver.authorize(user, {
    isResource: true,
    verb: "escalate",
    group: kind.group,
    resource: kind.plural,
    subresource: "",
    namespace: namespaceOf(write),
    name: write.requestName ?? (old === undefined ? "" : nameOf(old)),
  });
  if (escalate.allowed) return;
  if (old !== undefined && onlyCollectorFields(object, old)) return;
  const missing = missingText(resolver, write, parseRules(object.rules));
  if (missing !== undefined) throw forbidden(kind, nameOf(object), missing);
  const aggregates = kind.plural === "clusterroles" &&
    (hasAggregation(object) || (old !== undefined && hasAggregation(old)));
  if (aggregates && missingText(resolver, write, EVERYTHING) !== undefined) {
    throw forbidden(
      kind,
      nameOf(object),
      "must have cluster-admin privileges to use the aggregationRule",
    );
  }
}

function hasAggregation({ aggregationRule }: ApiObject): boolean {
  if (typeof aggregationRule !== "object" || aggregationRule === null) return false;
  const { clusterRoleSelectors } = aggregationRule as { clusterRoleSelectors?: unknown };
  return Array.isArray(clusterRoleSelectors) && clusterRoleSelectors.length > 0;
}

function checkBinding(resolver: RuleResolver, write: RbacWrite): void {
  const { user, kind, object, old } = write;
  if (old !== undefined && onlyCollectorFields(object, old)) return;
  const namespace = namespaceOf(write);
  const roleRef = parseRoleRef(object.roleRef);
  const known = roleRef.kind === "Role" || roleRef.kind === "ClusterRole";
  if (known) {
    const bind = resolver.authorize(user, {
      isResource: true,
      verb: "bind",
      group: roleRef.apiGroup === "" ? RBAC_GROUP : roleRef.apiGroup,
      resource: `${roleRef.kind.toLowerCase()}s`,
      subresource: "",
      namespace,
      name: roleRef.name,
    });
    if (bind.allowed) return;
  } else {
    // A plain Go error there: no reason, no details
    const { reason: _, ...status } = failure(
      500,
      `unsupported role reference kind: ${goQuote(roleRef.kind)}`,
    );
    throw new StatusError(status as ReturnType<typeof failure>);
  }
  if (roleRef.kind === "Role" && namespace === "") {
    throw badRequest("Namespace parameter required.");
  }
  const rules = resolver.roleRules(roleRef, namespace);
  if (rules === undefined) throw notFound(kind, roleRef.name);
  const missing = missingText(resolver, write, rules);
  if (missing !== undefined) throw forbidden(kind, nameOf(object), missing);
}

/**
 * See {@linkcode RbacGuard.checkWrite}.
 *
 * @param resolver knows who may do what
 * @throws {StatusError} as there
 */
export function checkEscalation(resolver: RuleResolver, write: RbacWrite): void {
  if (write.kind.group !== RBAC_GROUP || write.user.groups.includes(MASTERS)) return;
  if (write.kind.plural === "roles" || write.kind.plural === "clusterroles") {
    checkRole(resolver, write);
  } else {
    checkBinding(resolver, write);
  }
}
