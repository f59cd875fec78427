/**
 * Roles and bindings as the authorizer keeps them.
 *
 * @module
 */
import type { Stored } from "../store/types.ts";
import { goQuote } from "../go_text.ts";
import { parseRules, type PolicyRule } from "./rbac_rules.ts";
import { serviceAccountUser } from "./service_account_names.ts";

/** Group of the four kinds. */
export const RBAC_GROUP = "rbac.authorization.k8s.io";
/** Keys of the four kinds in the store. */
export const ROLES = `roles.${RBAC_GROUP}`;
/** See {@linkcode ROLES}. */
export const CLUSTER_ROLES = `clusterroles.${RBAC_GROUP}`;
/** See {@linkcode ROLES}. */
export const ROLE_BINDINGS = `rolebindings.${RBAC_GROUP}`;
/** See {@linkcode ROLES}. */
export const CLUSTER_ROLE_BINDINGS = `clusterrolebindings.${RBAC_GROUP}`;

/** `RoleRef`. */
export interface RoleRef {
  readonly apiGroup: string;
  /** `Role` or `ClusterRole`, when the object is valid. */
  readonly kind: string;
  readonly name: string;
}

/** `Subject`. */
export interface Subject {
  /** `User`, `Group` or `ServiceAccount`, when the object is valid. */
  readonly kind: string;
  readonly name: string;
  /** Of a service account; empty when it is not said. */
  readonly namespace: string;
}

/** A RoleBinding, or a ClusterRoleBinding, whose namespace is empty. */
export interface Binding {
  readonly namespace: string;
  readonly name: string;
  readonly roleRef: RoleRef;
  readonly subjects: readonly Subject[];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Reads a `roleRef`, whatever is in it.
 *
 * @returns empty texts for what is missing
 */
export function parseRoleRef(value: unknown): RoleRef {
  const { apiGroup, kind, name } = record(value);
  return { apiGroup: text(apiGroup), kind: text(kind), name: text(name) };
}

/**
 * Reads a stored binding.
 *
 * @throws {SyntaxError} when the store holds no JSON
 */
export function parseBinding(stored: Stored): Binding {
  const { roleRef, subjects } = record(JSON.parse(stored.json));
  return {
    namespace: stored.namespace,
    name: stored.name,
    roleRef: parseRoleRef(roleRef),
    subjects: (Array.isArray(subjects) ? subjects : []).map(record).map((subject) => ({
      kind: text(subject.kind),
      name: text(subject.name),
      namespace: text(subject.namespace),
    })),
  };
}

/**
 * Reads the rules of a stored role.
 *
 * @throws {SyntaxError} when the store holds no JSON
 */
export function parseRole(stored: Stored): readonly PolicyRule[] {
  return parseRules(record(JSON.parse(stored.json)).rules);
}

/**
 * Whom a subject stands for, in one text: a service account is the user of that name.
 *
 * @param bindingNamespace of a RoleBinding, where a service account says none
 * @returns a key, or `undefined` when it stands for nobody
 */
export function subjectKey(subject: Subject, bindingNamespace: string): string | undefined {
  switch (subject.kind) {
    case "User":
      return `user ${subject.name}`;
    case "Group":
      return `group ${subject.name}`;
    case "ServiceAccount": {
      const namespace = subject.namespace === "" ? bindingNamespace : subject.namespace;
      return namespace === "" ? undefined : `user ${serviceAccountUser(namespace, subject.name)}`;
    }
    default:
      return undefined;
  }
}

/**
 * Says which binding gave a right, as kube-apiserver does.
 *
 * @param keys whom the user is, as {@linkcode subjectKey}
 * @returns such as `RoleBinding "b/ns" of Role "r" to User "bob"`
 */
export function bindingText(binding: Binding, keys: ReadonlySet<string>): string {
  const { name, namespace, roleRef } = binding;
  const subject = binding.subjects.find((one) => keys.has(subjectKey(one, namespace) ?? ""));
  const [kind, whole] = namespace === ""
    ? ["ClusterRoleBinding", name]
    : ["RoleBinding", `${name}/${namespace}`];
  const who = subject?.kind === "ServiceAccount"
    ? `${subject.name}/${subject.namespace === "" ? namespace : subject.namespace}`
    : subject?.name ?? "";
  return `${kind} ${goQuote(whole)} of ${roleRef.kind} ${goQuote(roleRef.name)} to ${
    subject?.kind ?? ""
  } ${goQuote(who)}`;
}
