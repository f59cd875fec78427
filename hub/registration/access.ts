/**
 * An agent's access to the parent: granted with everything that belongs to it, or withdrawn.
 *
 * @module
 */
import {
  AGENTS_NAMESPACE,
  type ClusterRegistrationRequest,
  MANAGED_CLUSTER_ROLE,
  type ManagedCluster,
  REQUEST_UID_ANNOTATION,
} from "../../shared/kube/clusternet_types.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  MANAGED_CLUSTERS,
  NAMESPACES,
  type ResourceRef,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
} from "../../shared/kube/resources.ts";
import { deleteIfThere, type EnsureClient, ensureObject, OwnershipError } from "./ensure.ts";
import { requestName } from "./names.ts";
import {
  type BindingObject,
  type KubeObject,
  objectsFor,
  type Placement,
  type RoleObject,
} from "./objects.ts";

/** What {@linkcode grantAccess} brought into being. */
export interface Granted<C> {
  serviceAccount: { namespace: string; name: string; uid: string };
  managedCluster: ManagedCluster;
  /** What `onAccount` returned. */
  credentials: C;
}

/** Options of {@linkcode grantAccess}. */
export interface GrantOptions<C> {
  signal: AbortSignal;
  /** Everything should be there already: look before creating. */
  expected: boolean;
  /** It failed before: nothing that gives access is made until all names are known to be free. */
  careful: boolean;
  /** Sees the dedicated namespace before anything else is made; what it throws ends it there. */
  onNamespace?: (namespace: KubeObject) => void;
  /** Runs as soon as the ServiceAccount is there, beside the rest. */
  onAccount: (account: { namespace: string; name: string; uid: string }) => Promise<C>;
}

/**
 * Grants everything that a request asks for: first the namespace, so that a name that is taken
 * stops all the rest, then what does not depend on each other at the same time. The longest chain is
 * three calls, five where it is `careful`.
 *
 * @param request must have been validated
 * @returns what the parent holds now
 * @throws {OwnershipError} first of all errors; else the first one
 */
export async function grantAccess<C>(
  client: EnsureClient,
  request: ClusterRegistrationRequest,
  { signal, expected, careful, onNamespace, onAccount }: GrantOptions<C>,
): Promise<Granted<C>> {
  const objects = objectsFor(request);
  const base = { signal, expected };
  const ensureRole = (resource: ResourceRef, role: RoleObject): Promise<unknown> =>
    ensureObject(client, resource, role, {
      ...base,
      same: ({ rules }) => equal(rules, role.rules),
    });
  const ensureBinding = (resource: ResourceRef, binding: BindingObject): Promise<unknown> =>
    ensureObject(client, resource, binding, {
      ...base,
      same: ({ subjects }) => equal(subjects, binding.subjects),
      replace: ({ roleRef }) => !equal(roleRef, binding.roleRef),
    });
  const namespace = await ensureObject(client, NAMESPACES, objects.namespace, {
    ...base,
    keepLeftover: true,
  });
  onNamespace?.(namespace);
  const managed = ensureObject(client, MANAGED_CLUSTERS, objects.managedCluster, base);
  const account = async (): Promise<Pick<Granted<C>, "serviceAccount" | "credentials">> => {
    const made = await ensureObject(client, SERVICE_ACCOUNTS, objects.serviceAccount, base);
    const { name, namespace, uid } = made.metadata;
    const serviceAccount = { namespace: namespace!, name: name!, uid: uid! };
    return { serviceAccount, credentials: await onAccount(serviceAccount) };
  };
  // The API server checks each new role against escalation with a list that is fresh, which it is
  // at most every 100 ms. So both roles are created in one moment, and then both bindings: two such
  // waits instead of three (measured: 130 ms for all instead of 230).
  const cluster = (async () => {
    await ensureRole(CLUSTER_ROLES, objects.clusterRole);
    await ensureBinding(CLUSTER_ROLE_BINDINGS, objects.clusterRoleBinding);
  })();
  const namespaced = (async () => {
    await ensureRole(ROLES, objects.role);
    await ensureBinding(ROLE_BINDINGS, objects.roleBinding);
  })();
  const rest = allOf([managed, cluster, namespaced] as const);
  const accountAfter = careful ? rest.then(account) : account();
  const [[managedCluster], made] = await allOf([rest, accountAfter] as const);
  return { ...made, managedCluster };
}

/**
 * Takes an agent's access away: the ServiceAccount, which voids its tokens within seconds, and all
 * its RBAC. What was made for another request of the same cluster stays.
 *
 * @param requestUid UID of the request that it was made for
 * @throws {StatusError} when the parent refuses; everything else was tried all the same
 */
export async function withdrawAccess(
  client: Pick<EnsureClient, "getOrUndefined" | "delete">,
  place: Placement,
  requestUid: string,
  signal: AbortSignal,
): Promise<void> {
  const remove = async (resource: ResourceRef, name: string, namespace?: string): Promise<void> => {
    const where = { signal, ...(namespace === undefined ? {} : { namespace }) };
    const existing = await client.getOrUndefined<KubeObject>(resource, name, where);
    if (existing?.metadata.annotations?.[REQUEST_UID_ANNOTATION] !== requestUid) return;
    const uid = existing.metadata.uid!;
    await deleteIfThere(client, resource, name, { ...where, preconditions: { uid } });
  };
  const name = requestName(place.clusterId);
  await allOf([
    remove(SERVICE_ACCOUNTS, place.serviceAccountName, AGENTS_NAMESPACE),
    remove(CLUSTER_ROLE_BINDINGS, name),
    remove(CLUSTER_ROLES, name),
    remove(ROLE_BINDINGS, MANAGED_CLUSTER_ROLE, place.namespace),
    remove(ROLES, MANAGED_CLUSTER_ROLE, place.namespace),
  ]);
}

/** As `Promise.all`, but nothing is left running behind an error. */
async function allOf<T extends readonly unknown[]>(
  works: { readonly [K in keyof T]: Promise<T[K]> },
): Promise<T> {
  const results = await Promise.allSettled(works as readonly Promise<unknown>[]);
  const errors = results.filter((result) => result.status === "rejected")
    .map(({ reason }) => reason as unknown);
  const worst = errors.find((error) => error instanceof OwnershipError) ?? errors[0];
  if (worst !== undefined) throw worst;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** Structural equality of rules, subjects and references, whatever the order of keys. */
function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, sortKeys) === JSON.stringify(b, sortKeys);
}

function sortKeys(key: string, value: unknown): unknown {
  // The parent fills this one in for subjects
  if (key === "apiGroup" && value === "") return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)));
}
