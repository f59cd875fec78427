/**
 * Whether the user of a kubeconfig may do what is about to be done.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { type ResourceRef, SELF_SUBJECT_ACCESS_REVIEWS } from "../../shared/kube/resources.ts";
import type { ResourceAttributes } from "../../shared/kube/types.ts";
import { CliError } from "../context.ts";
import { type Manifest, resourceOf } from "../install/kinds.ts";

/** Reviews that are asked at once. */
const PARALLEL = 8;

/**
 * One right.
 *
 * @returns what a review asks about
 */
export function right(verb: string, ref: ResourceRef, namespace?: string): ResourceAttributes {
  return {
    verb,
    group: ref.group,
    resource: ref.plural,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/**
 * What it takes to apply objects: to create and to patch each kind.
 *
 * @returns each right once
 */
export function rightsToApply(objects: readonly Manifest[]): ResourceAttributes[] {
  const rights = new Map<string, ResourceAttributes>();
  for (const object of objects) {
    for (const verb of ["get", "create", "patch"]) {
      const one = right(verb, resourceOf(object), object.metadata.namespace);
      rights.set(nameOf(one), one);
    }
  }
  return [...rights.values()];
}

/** The rights of `deploy/agent` that a grantor needs itself, since RBAC lets nobody grant more. */
export const IMPERSONATION: readonly ResourceAttributes[] = [
  { verb: "impersonate", group: "", resource: "users" },
  { verb: "impersonate", group: "", resource: "groups" },
  { verb: "impersonate", group: "authentication.k8s.io", resource: "uids" },
];

function nameOf({ verb, group, resource, namespace }: ResourceAttributes): string {
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  return `${verb} ${resource}${group === undefined || group === "" ? "" : `.${group}`}${place}`;
}

/**
 * Checks rights with SelfSubjectAccessReviews.
 *
 * @throws {CliError} names the ones that are missing
 */
export async function requireRights(
  client: Pick<KubeClient, "create">,
  rights: readonly ResourceAttributes[],
  signal: AbortSignal,
): Promise<void> {
  const missing: string[] = [];
  for (let first = 0; first < rights.length; first += PARALLEL) {
    const group = rights.slice(first, first + PARALLEL);
    const answers = await Promise.all(group.map((one) => allowed(client, one, signal)));
    for (const [index, yes] of answers.entries()) if (!yes) missing.push(nameOf(group[index]!));
  }
  if (missing.length === 0) return;
  const shown = missing.slice(0, 5).join("; ");
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
  throw new CliError(
    `the user of this kubeconfig may not: ${shown}${more}. Use an admin's context (--context), or ` +
      "have these rights granted",
  );
}

async function allowed(
  client: Pick<KubeClient, "create">,
  resourceAttributes: ResourceAttributes,
  signal: AbortSignal,
): Promise<boolean> {
  const { status } = await client.create<{ status?: { allowed?: boolean } }>(
    SELF_SUBJECT_ACCESS_REVIEWS,
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    },
    { signal },
  );
  return status?.allowed === true;
}
