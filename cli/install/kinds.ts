/**
 * The kinds of object that the CLI installs and removes, and how kubectl writes their names.
 *
 * @module
 */
import {
  API_SERVICES,
  apiVersionOf,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CUSTOM_RESOURCE_DEFINITIONS,
  DEPLOYMENTS,
  NAMESPACES,
  type ResourceRef,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from "../../shared/kube/resources.ts";

/** NetworkPolicies. */
export const NETWORK_POLICIES: ResourceRef = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  kind: "NetworkPolicy",
  namespaced: true,
};

const ADMISSION = "admissionregistration.k8s.io";

/** Every kind in `deploy/`. */
const KINDS: readonly ResourceRef[] = [
  NAMESPACES,
  CUSTOM_RESOURCE_DEFINITIONS,
  SERVICE_ACCOUNTS,
  CLUSTER_ROLES,
  CLUSTER_ROLE_BINDINGS,
  ROLES,
  ROLE_BINDINGS,
  SERVICES,
  API_SERVICES,
  DEPLOYMENTS,
  SECRETS,
  NETWORK_POLICIES,
  {
    group: ADMISSION,
    version: "v1",
    plural: "validatingadmissionpolicies",
    kind: "ValidatingAdmissionPolicy",
    namespaced: false,
  },
  {
    group: ADMISSION,
    version: "v1",
    plural: "validatingadmissionpolicybindings",
    kind: "ValidatingAdmissionPolicyBinding",
    namespaced: false,
  },
];

/** An object as a manifest writes it. */
export interface Manifest {
  /** Group and version. */
  apiVersion: string;
  /** CamelCase, singular. */
  kind: string;
  /** Name, and namespace where it has one. */
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

/**
 * Finds where a manifest's object lives.
 *
 * @returns its resource
 * @throws {TypeError} for a kind that no file of `deploy/` has
 */
export function resourceOf(
  { apiVersion, kind }: Pick<Manifest, "apiVersion" | "kind">,
): ResourceRef {
  const found = KINDS.find((ref) => ref.kind === kind && apiVersionOf(ref) === apiVersion);
  if (found === undefined) throw new TypeError(`Cannot install ${apiVersion} ${kind}: not known`);
  return found;
}

/**
 * A name as kubectl prints it after a change.
 *
 * @returns for example `deployment.apps/clusternet-hub`
 */
export function typeName(ref: ResourceRef, name: string): string {
  const type = ref.kind.toLowerCase();
  return `${ref.group === "" ? type : `${type}.${ref.group}`}/${name}`;
}
