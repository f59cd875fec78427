/**
 * Makes the default roles and bindings, and gives back to them what they lost.
 *
 * Source: k8s.io/kubernetes `pkg/registry/rbac/rest/storage_rbac.go`; k8s.io/component-helpers
 * `auth/rbac/reconciliation`
 *
 * @module
 */
import {
  type ApiObject,
  type Store,
  type Stored,
  type Write,
  WriteConflictError,
} from "../store/types.ts";
import {
  aggregateLabel,
  DEFAULT_BINDINGS,
  DEFAULT_ROLES,
  type DefaultBinding,
  type DefaultRole,
} from "./bootstrap_policy_data.ts";
import { reconcileBinding, reconcileRole } from "./bootstrap_reconcile.ts";
import { RBAC_GROUP } from "./rbac_objects.ts";
import { timeText } from "./token_request.ts";

const API_VERSION = `${RBAC_GROUP}/v1`;
const MAX_ATTEMPTS = 5;

/** Options of {@linkcode ensureBootstrapPolicy}. */
export interface BootstrapPolicyOptions {
  /** Where they are written. */
  store: Store;
  /** Wall clock, in milliseconds. */
  now: () => number;
  /** Makes uids. @default {crypto.randomUUID} */
  newId?: () => string;
}

function metadataOf(
  { namespace, name, managed }: Pick<DefaultRole, "namespace" | "name" | "managed">,
  labels: Readonly<Record<string, string>> = {},
): Record<string, unknown> {
  return {
    name,
    ...(namespace === "" ? {} : { namespace }),
    ...(managed
      ? {
        labels: { "kubernetes.io/bootstrapping": "rbac-defaults", ...labels },
        annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
      }
      : {}),
  };
}

/**
 * Writes a default role out.
 *
 * @returns the object, without uid and time
 */
export function roleObject(role: DefaultRole): ApiObject {
  const { namespace, aggregates, aggregatesTo, rules } = role;
  const labels = aggregatesTo === undefined ? {} : { [aggregateLabel(aggregatesTo)]: "true" };
  return {
    kind: namespace === "" ? "ClusterRole" : "Role",
    apiVersion: API_VERSION,
    metadata: metadataOf(role, labels),
    rules: aggregates === undefined ? rules : null,
    ...(aggregates === undefined ? {} : {
      aggregationRule: {
        clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(aggregates)]: "true" } }],
      },
    }),
  };
}

/**
 * Writes a default binding out.
 *
 * @returns the object, without uid and time
 */
export function bindingObject(binding: DefaultBinding): ApiObject {
  const cluster = binding.namespace === "";
  return {
    kind: cluster ? "ClusterRoleBinding" : "RoleBinding",
    apiVersion: API_VERSION,
    metadata: metadataOf(binding),
    subjects: binding.subjects.map(([kind, name]) => ({ kind, apiGroup: RBAC_GROUP, name })),
    roleRef: { apiGroup: RBAC_GROUP, kind: cluster ? "ClusterRole" : "Role", name: binding.role },
  };
}

/** Whose the fields are: kube-apiserver's own, as it writes them there. */
function managedFields({ metadata, ...fields }: ApiObject, time: string): unknown[] {
  const owned: Record<string, unknown> = {};
  const ofMetadata: Record<string, unknown> = {};
  for (const map of ["annotations", "labels"]) {
    const keys = Object.keys(metadata[map] ?? {}).sort();
    if (keys.length === 0) continue;
    ofMetadata[`f:${map}`] = {
      ".": {},
      ...Object.fromEntries(keys.map((key) => [`f:${key}`, {}])),
    };
  }
  if (fields.aggregationRule !== undefined) {
    owned["f:aggregationRule"] = { ".": {}, "f:clusterRoleSelectors": {} };
  }
  if (Object.keys(ofMetadata).length > 0) owned["f:metadata"] = ofMetadata;
  for (const field of ["roleRef", "rules", "subjects"]) {
    if (fields[field] !== undefined && fields[field] !== null) owned[`f:${field}`] = {};
  }
  return [{
    manager: "kube-apiserver",
    operation: "Update",
    apiVersion: API_VERSION,
    time,
    fieldsType: "FieldsV1",
    fieldsV1: owned,
  }];
}

/**
 * Creates what is missing, and adds what is missing in what is there, unless its annotation
 * `rbac.authorization.kubernetes.io/autoupdate` is `"false"`. What somebody added stays. A binding
 * that names another role is made anew.
 *
 * @throws {Error} when an object changes again and again meanwhile, or the disk refuses
 */
export async function ensureBootstrapPolicy(
  { store, now, newId = () => crypto.randomUUID() }: BootstrapPolicyOptions,
): Promise<void> {
  async function ensure(
    resource: string,
    wanted: ApiObject,
    reconcile: (existing: ApiObject, wanted: ApiObject) => ApiObject | "replace" | undefined,
  ): Promise<void> {
    const namespace = typeof wanted.metadata.namespace === "string"
      ? wanted.metadata.namespace
      : "";
    const name = String(wanted.metadata.name);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        const base = store.get(resource, namespace, name);
        const write = base === undefined
          ? { op: "create", resource, namespace, name, object: made(wanted) } as const
          : changed(base, wanted, reconcile);
        if (write === undefined) return;
        await store.commit(write);
        // A deletion is followed by a creation
        if (write.op !== "delete") return;
      } catch (error) {
        if (!(error instanceof WriteConflictError)) throw error;
      }
    }
    throw new Error(`Cannot make the default ${resource} "${name}": it changes all the time`);
  }

  function made(wanted: ApiObject): ApiObject {
    const time = timeText(now());
    const metadata = {
      ...wanted.metadata,
      uid: newId(),
      creationTimestamp: time,
      managedFields: managedFields(wanted, time),
    };
    return { ...wanted, metadata };
  }

  function changed(
    base: Stored,
    wanted: ApiObject,
    reconcile: (existing: ApiObject, wanted: ApiObject) => ApiObject | "replace" | undefined,
  ): Write | undefined {
    const existing = JSON.parse(base.json) as ApiObject;
    const object = reconcile(existing, wanted);
    if (object === undefined) return undefined;
    return object === "replace"
      ? { op: "delete", base, object: existing }
      : { op: "update", base, object };
  }

  for (const role of DEFAULT_ROLES) {
    const plural = role.namespace === "" ? "clusterroles" : "roles";
    await ensure(`${plural}.${RBAC_GROUP}`, roleObject(role), reconcileRole);
  }
  for (const binding of DEFAULT_BINDINGS) {
    const plural = binding.namespace === "" ? "clusterrolebindings" : "rolebindings";
    await ensure(`${plural}.${RBAC_GROUP}`, bindingObject(binding), reconcileBinding);
  }
}
