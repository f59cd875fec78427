/**
 * What the parent's admins may do in a child: one ClusterRoleBinding.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { CLUSTER_ROLE_BINDINGS } from "../../shared/kube/resources.ts";
import type { RbacRoleBinding } from "../../shared/kube/types.ts";
import { applyObjects, removeObject } from "./apply.ts";
import { HUB_ADMINS, hubAdminsBinding } from "./manifests.ts";

/** Options of {@linkcode grantHubAdmins}. */
export interface GrantHubAdminsOptions {
  /** The child. */
  client: KubeClient;
  /** What they get. */
  role: "view" | "cluster-admin";
  /** Whether fields of others are taken over. */
  force?: boolean | undefined;
  /** Takes what was changed. */
  out: (text: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Binds the groups under which the parent's admins arrive in the child. A binding's role cannot
 * change: one to another role is replaced.
 */
export async function grantHubAdmins(options: GrantHubAdminsOptions): Promise<void> {
  const { client, role, force, out, signal } = options;
  const found = await client.getOrUndefined<RbacRoleBinding>(CLUSTER_ROLE_BINDINGS, HUB_ADMINS, {
    signal,
  });
  if (found !== undefined && found.roleRef.name !== role) {
    await removeObject(CLUSTER_ROLE_BINDINGS, HUB_ADMINS, { client, out, signal });
  }
  await applyObjects({ client, objects: [hubAdminsBinding(role)], force, out, signal });
}
