/**
 * User and group names of service accounts.
 *
 * Source: k8s.io/apiserver `pkg/authentication/serviceaccount/util.go`
 *
 * @module
 */

const PREFIX = "system:serviceaccount:";
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const NAMESPACE = new RegExp(`^${LABEL}$`);
const SUBDOMAIN = new RegExp(`^${LABEL}(\\.${LABEL})*$`);

/** Group of everybody who showed who they are. */
export const AUTHENTICATED = "system:authenticated";
/** Group of those who did not. */
export const UNAUTHENTICATED = "system:unauthenticated";

/**
 * Tells whether a text is a DNS-1123 subdomain, as names of service accounts and nodes are.
 *
 * @returns `true` when it is
 */
export function isSubdomain(text: string): boolean {
  return text.length <= 253 && SUBDOMAIN.test(text);
}

/**
 * Makes the user name of a service account.
 *
 * @returns `system:serviceaccount:<namespace>:<name>`
 */
export function serviceAccountUser(namespace: string, name: string): string {
  return `${PREFIX}${namespace}:${name}`;
}

/**
 * Makes the groups of a service account, `system:authenticated` not among them.
 *
 * @returns two groups
 */
export function serviceAccountGroups(namespace: string): string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

/**
 * Takes a user name apart.
 *
 * @returns namespace and name, or `undefined` when it is no service account's
 */
export function splitServiceAccountUser(
  user: string,
): { namespace: string; name: string } | undefined {
  if (!user.startsWith(PREFIX)) return undefined;
  const [namespace = "", name = "", ...more] = user.slice(PREFIX.length).split(":");
  if (more.length > 0 || namespace.length > 63 || !NAMESPACE.test(namespace)) return undefined;
  return isSubdomain(name) ? { namespace, name } : undefined;
}
