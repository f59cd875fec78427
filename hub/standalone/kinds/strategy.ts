/**
 * What a kind does with an object before it is stored, and what it refuses.
 *
 * Source: k8s.io/kubernetes `pkg/registry/<group>/<resource>/strategy.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { configMapRules } from "./config_map.ts";
import { customRules } from "./custom.ts";
import { eventRules } from "./event.ts";
import { type ApiKind, resourceKey } from "./kind.ts";
import { leaseRules } from "./lease.ts";
import {
  clearForCreate,
  keepForUpdate,
  type MetadataRules,
  strictFinalizerFaults,
  validateMetadata,
  validateMetadataUpdate,
} from "./metadata.ts";
import { pathSegmentName } from "./names.ts";
import { namespaceRules } from "./namespace.ts";
import { nodeRules } from "./node.ts";
import { roleRules } from "./role.ts";
import { roleBindingRules } from "./role_binding.ts";
import type { KindRules } from "./rules.ts";
import { secretRules } from "./secret.ts";
import { serviceAccountRules } from "./service_account.ts";

/** What a kind does with its objects. */
export interface Strategy {
  /** Clears what a creator may not set (status...), sets defaults. Changes the object. */
  prepareForCreate(object: ApiObject): void;
  /** Keeps what this (sub)resource may not change (status or all but status). Changes `object`. */
  prepareForUpdate(object: ApiObject, old: ApiObject, subresource: string): void;
  /** Faults of a new object, in kube-apiserver's order. Its name is generated already. */
  validateCreate(object: ApiObject): FieldError[];
  /** Faults of a changed object, in kube-apiserver's order. */
  validateUpdate(object: ApiObject, old: ApiObject, subresource: string): FieldError[];
}

/** What a PUT may do. */
export interface UpdateRules {
  /** Whether a PUT of a name that is not there creates it. */
  readonly createOnUpdate: boolean;
  /** Whether a PUT without `metadata.resourceVersion` overwrites what is there. */
  readonly unconditional: boolean;
}

const RULES: Readonly<Record<string, (kind: ApiKind) => KindRules>> = {
  configmaps: configMapRules,
  events: eventRules,
  namespaces: namespaceRules,
  nodes: nodeRules,
  secrets: secretRules,
  serviceaccounts: serviceAccountRules,
  "leases.coordination.k8s.io": leaseRules,
  "clusterroles.rbac.authorization.k8s.io": roleRules,
  "roles.rbac.authorization.k8s.io": roleRules,
  "clusterrolebindings.rbac.authorization.k8s.io": roleBindingRules,
  "rolebindings.rbac.authorization.k8s.io": roleBindingRules,
};
const CREATE_ON_UPDATE = /^events$|^leases\.|\.rbac\.authorization\.k8s\.io$/;

const strategies = new Map<string, Strategy>();

/** What the generic registry asks of metadata, whatever the kind. Faults are told again then. */
function commonRules({ namespaced }: ApiKind): MetadataRules {
  return { namespaced, name: pathSegmentName, strictFinalizers: false };
}

function build(kind: ApiKind): Strategy {
  const make = kind.custom ? customRules : RULES[resourceKey(kind)];
  if (make === undefined) throw new Error(`No strategy for ${resourceKey(kind)}: it is not stored`);
  const rules = make(kind);
  const metadataRules = { ...rules.metadata, namespaced: kind.namespaced };
  return {
    prepareForCreate(object): void {
      clearForCreate(object, kind.namespaced);
      rules.default?.(object);
      rules.prepareForCreate?.(object);
    },
    prepareForUpdate(object, old, subresource): void {
      keepForUpdate(object, old);
      rules.default?.(object);
      rules.prepareForUpdate?.(object, old, subresource);
    },
    validateCreate(object): FieldError[] {
      if (rules.looseMetadata !== true) {
        return [...validateMetadata(object, metadataRules), ...rules.validate(object)];
      }
      const faults = rules.validate(object);
      return faults.length > 0 ? faults : validateMetadata(object, metadataRules);
    },
    validateUpdate(object, old, subresource): FieldError[] {
      const whole = subresource === "" && rules.revalidates !== undefined
        ? [...validateMetadata(object, metadataRules), ...rules.validate(object)]
        : [];
      const first = rules.revalidates === "before";
      return [
        ...validateMetadata(object, commonRules(kind)),
        ...validateMetadataUpdate(object, old),
        ...(first ? whole : []),
        ...(rules.looseMetadata === true ? [] : validateMetadataUpdate(object, old)),
        ...(rules.metadata.strictFinalizers ? strictFinalizerFaults(object) : []),
        ...rules.validateUpdate(object, old, subresource),
        ...(first ? [] : whole),
      ];
    },
  };
}

/**
 * The strategy of a kind; always the same object for the same kind.
 *
 * @throws {Error} when objects of the kind are not stored
 */
export function strategyOf(kind: ApiKind): Strategy {
  const key = resourceKey(kind);
  const known = strategies.get(key);
  if (known !== undefined) return known;
  const strategy = build(kind);
  strategies.set(key, strategy);
  return strategy;
}

/** What a PUT of a kind may do. */
export function updateRules(kind: ApiKind): UpdateRules {
  const key = resourceKey(kind);
  return {
    createOnUpdate: CREATE_ON_UPDATE.test(key),
    unconditional: !kind.custom && !key.startsWith("leases."),
  };
}
