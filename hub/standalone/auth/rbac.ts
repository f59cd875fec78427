/**
 * The RBAC authorizer: decides from memory, which follows the store.
 *
 * Source: k8s.io/kubernetes `plugin/pkg/auth/authorizer/rbac/rbac.go`,
 * `pkg/registry/rbac/validation/rule.go`
 *
 * @module
 */
import type { Log } from "../../../shared/log.ts";
import type { Change, Store, Stored } from "../store/types.ts";
import { MASTERS, type User } from "../user.ts";
import { BindingIndex } from "./binding_index.ts";
import { checkEscalation, type RbacGuard, type RbacWrite } from "./escalation.ts";
import { aggregateText, goQuote } from "../go_text.ts";
import {
  type Binding,
  bindingText,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  parseBinding,
  parseRole,
  RBAC_GROUP,
  ROLE_BINDINGS,
  type RoleRef,
  ROLES,
} from "./rbac_objects.ts";
import { type PolicyRule, ruleAllows } from "./rbac_rules.ts";
import type { Attributes, Authorizer, Decision } from "./types.ts";

export type { RbacGuard } from "./escalation.ts";

/** A role that a binding names and that cannot be had. */
export interface RoleProblem {
  readonly roleRef: RoleRef;
  /** Where it was looked for; empty for cluster scope. */
  readonly namespace: string;
}

/** What {@linkcode Rbac.rulesFor} finds. */
export interface HeldRules {
  /** Of ClusterRoleBindings first, then of the namespace's RoleBindings. */
  readonly rules: readonly PolicyRule[];
  /** Roles that could not be had; what is found all the same stands in `rules`. */
  readonly problems: readonly RoleProblem[];
}

/** The words of the authorizer for a role that cannot be had. */
function problemText({ roleRef }: RoleProblem): string {
  const { kind, name } = roleRef;
  if (kind !== "Role" && kind !== "ClusterRole") {
    return `unsupported role reference kind: ${goQuote(kind)}`;
  }
  return `${kind.toLowerCase()}.${RBAC_GROUP} ${goQuote(name)} not found`;
}

function identities(user: User): ReadonlySet<string> {
  return new Set([`user ${user.name}`, ...user.groups.map((group) => `group ${group}`)]);
}

/** Decides by Roles, ClusterRoles and their bindings, and guards them against escalation. */
export class Rbac implements Authorizer, RbacGuard {
  readonly #log: Log;
  readonly #unsubscribe: () => void;
  /** By `<namespace>/<name>`; cluster roles have an empty namespace. */
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  readonly #index = new BindingIndex();

  /** Reads what is there and follows the store until {@linkcode close}. */
  constructor({ store, log }: { store: Store; log: Log }) {
    this.#log = log;
    this.#unsubscribe = store.subscribe((change) => this.#take(change));
    for (const resource of [ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS]) {
      for (const object of store.list(resource).objects) this.#take({ type: "ADDED", object });
    }
  }

  /** Follows the store no longer. */
  close(): void {
    this.#unsubscribe();
  }

  /** See {@linkcode Authorizer}; nobody asks for longer than it takes to look at their own rules. */
  authorize(user: User, attributes: Attributes): Decision {
    if (user.groups.includes(MASTERS)) return { allowed: true, reason: "" };
    const keys = identities(user);
    const namespace = attributes.isResource ? attributes.namespace : "";
    const problems: string[] = [];
    for (const binding of this.#bound(keys, namespace)) {
      const rules = this.roleRules(binding.roleRef, binding.namespace);
      if (rules === undefined) {
        problems.push(problemText({ roleRef: binding.roleRef, namespace: binding.namespace }));
      } else if (rules.some((rule) => ruleAllows(rule, attributes))) {
        return { allowed: true, reason: `RBAC: allowed by ${bindingText(binding, keys)}` };
      }
    }
    const reason = problems.length === 0 ? "" : `RBAC: ${aggregateText(problems)}`;
    return { allowed: false, reason };
  }

  /**
   * Collects all that a user may do in a namespace.
   *
   * @param namespace empty: cluster scope alone
   */
  rulesFor(user: User, namespace: string): HeldRules {
    const rules: PolicyRule[] = [];
    const problems: RoleProblem[] = [];
    for (const binding of this.#bound(identities(user), namespace)) {
      const found = this.roleRules(binding.roleRef, binding.namespace);
      if (found === undefined) {
        problems.push({ roleRef: binding.roleRef, namespace: binding.namespace });
      } else {
        for (const rule of found) rules.push(rule);
      }
    }
    return { rules, problems };
  }

  /**
   * Says what could not be found, in the authorizer's words.
   *
   * @returns one text; empty for no problems
   */
  problemsText(problems: readonly RoleProblem[]): string {
    return aggregateText(problems.map(problemText));
  }

  /**
   * Gets the rules of a role.
   *
   * @param namespace of the binding
   * @returns its rules, or `undefined` when there is no such role
   */
  roleRules({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (kind === "ClusterRole") return this.#roles.get(`/${name}`);
    return kind === "Role" && namespace !== ""
      ? this.#roles.get(`${namespace}/${name}`)
      : undefined;
  }

  /** See {@linkcode RbacGuard}. */
  checkWrite(write: RbacWrite): void {
    checkEscalation(this, write);
  }

  *#bound(keys: ReadonlySet<string>, namespace: string): Generator<Binding> {
    yield* this.#index.find("", keys);
    if (namespace !== "") yield* this.#index.find(namespace, keys);
  }

  #take({ type, object }: Pick<Change, "type" | "object">): void {
    switch (object.resource) {
      case ROLES:
      case CLUSTER_ROLES: {
        const key = `${object.namespace}/${object.name}`;
        const rules = type === "DELETED" ? undefined : this.#read(object, parseRole);
        if (rules === undefined) this.#roles.delete(key);
        else this.#roles.set(key, rules);
        break;
      }
      case ROLE_BINDINGS:
      case CLUSTER_ROLE_BINDINGS: {
        const key = `${object.namespace}/${object.name}`;
        const known = this.#bindings.get(key);
        if (known !== undefined) this.#index.remove(known);
        const binding = type === "DELETED" ? undefined : this.#read(object, parseBinding);
        if (binding === undefined) {
          this.#bindings.delete(key);
        } else {
          this.#bindings.set(key, binding);
          this.#index.add(binding);
        }
        break;
      }
    }
  }

  /** What cannot be read gives no right. */
  #read<T>(object: Stored, parse: (object: Stored) => T): T | undefined {
    try {
      return parse(object);
    } catch (error) {
      const { resource, namespace, name } = object;
      this.#log.error("Cannot read a role or binding: it gives no rights", {
        resource,
        namespace,
        name,
        error,
      });
      return undefined;
    }
  }
}
