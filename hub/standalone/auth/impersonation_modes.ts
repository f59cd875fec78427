/**
 * The ways in which somebody may be allowed to act as somebody else.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/filters/impersonation/mode.go` (KEP-5284)
 *
 * @module
 */
import type { User } from "../user.ts";
import { ANONYMOUS, MASTERS } from "../user.ts";
import { forbiddenRequest } from "./forbidden.ts";
import { goQuote } from "../go_text.ts";
import type { WantedUser } from "./impersonation.ts";
import {
  AUTHENTICATED,
  isSubdomain,
  serviceAccountGroups,
  splitServiceAccountUser,
  UNAUTHENTICATED,
} from "./service_account_names.ts";
import type { Attributes, Authorizer } from "./types.ts";

/** One wish to act as somebody else. */
export interface ImpersonationRequest {
  /** Whom they want to be. */
  readonly wanted: WantedUser;
  /** Who they are. */
  readonly user: User;
  readonly authorizer: Authorizer;
  /** What they want to do then. */
  readonly attributes: Attributes | undefined;
}

/**
 * A way.
 *
 * @returns the user to be; `undefined` when this way is not for such users
 * @throws {StatusError} 403
 */
export type ImpersonationMode = (request: ImpersonationRequest) => User | undefined;

const AUTHENTICATION = "authentication.k8s.io";
/** From so many on, one question for all of them comes first. */
const MANY = 4;
const NODE_NAME = "authentication.kubernetes.io/node-name";
const PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

type Ask = (
  resource: string,
  name: string,
  more?: { group?: string; subresource?: string; namespace?: string },
) => Attributes & { isResource: true };

function check({ authorizer, user }: ImpersonationRequest, attributes: Attributes): void {
  const { allowed, reason } = authorizer.authorize(user, attributes);
  if (!allowed) throw forbiddenRequest(user, attributes, reason);
}

function allows({ authorizer, user }: ImpersonationRequest, attributes: Attributes): boolean {
  return authorizer.authorize(user, attributes).allowed;
}

function asker(verb: string, defaultGroup: string): Ask {
  return (resource, name, { group = defaultGroup, subresource = "", namespace = "" } = {}) => ({
    isResource: true,
    verb,
    group,
    version: "v1",
    resource,
    subresource,
    namespace,
    name,
  });
}

function nodeOf(user: string): string | undefined {
  const name = user.startsWith("system:node:") ? user.slice("system:node:".length) : "";
  return isSubdomain(name) ? name : undefined;
}

function onlyName({ uid, groups, extra }: WantedUser): boolean {
  return uid === "" && groups.length === 0 && Object.keys(extra).length === 0;
}

/** With the group of those who showed who they are, or of those who did not. */
function completed(wanted: WantedUser, groups: readonly string[]): User {
  const wants = wanted.name === ANONYMOUS.name
    ? UNAUTHENTICATED
    : groups.includes(UNAUTHENTICATED)
    ? undefined
    : AUTHENTICATED;
  const all = wants === undefined || groups.includes(wants) ? [...groups] : [...groups, wants];
  return {
    name: wanted.name,
    ...(wanted.uid === "" ? {} : { uid: wanted.uid }),
    groups: all,
    extra: { ...wanted.extra },
  };
}

function extraFault(extra: WantedUser["extra"]): string | undefined {
  for (const [key, values] of Object.entries(extra)) {
    if (key === "") return "impersonating the empty string key in extra is not allowed";
    const slash = key.indexOf("/");
    const [host, path] = [key.slice(0, Math.max(slash, 0)), key.slice(slash + 1)];
    const invalid =
      "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ";
    if (host === "" || path === "") {
      return `${invalid}${goQuote(key)}: must be a domain-prefixed path (such as "acme.io/foo")`;
    }
    if (!isSubdomain(host)) {
      return `${invalid}${goQuote(host)}: a lowercase RFC 1123 subdomain must consist of lower ` +
        "case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric " +
        "character (e.g. 'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    }
    if (!PATH.test(path)) {
      return `${invalid}${goQuote(path)}: Invalid path (regex used for validation is ` +
        "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
    }
    if (key !== key.toLowerCase()) {
      return `impersonating a non-lowercase key in extra is not allowed: ${goQuote(key)}`;
    }
    if (values.includes("")) {
      return "impersonating the empty string value in extra is not allowed";
    }
  }
  return undefined;
}

function checkGroups(request: ImpersonationRequest, ask: Ask, constrained: boolean): void {
  const { wanted: { groups }, user } = request;
  if (constrained && groups.includes("")) {
    const why = "impersonating the empty string group is not allowed";
    throw forbiddenRequest(user, ask("groups", ""), why);
  }
  if (constrained && groups.includes(MASTERS)) {
    const why = "impersonating the system:masters group is not allowed";
    throw forbiddenRequest(user, ask("groups", MASTERS), why);
  }
  if (constrained && groups.length >= MANY && allows(request, ask("groups", "*"))) return;
  for (const group of groups) check(request, ask("groups", group));
}

function checkExtra(request: ImpersonationRequest, ask: Ask, constrained: boolean): void {
  const { wanted: { extra }, user } = request;
  const group = AUTHENTICATION;
  const fault = constrained ? extraFault(extra) : undefined;
  if (fault !== undefined) throw forbiddenRequest(user, ask("userextras", "", { group }), fault);
  const all = Object.entries(extra);
  const count = all.reduce((sum, [, values]) => sum + values.length, 0);
  if (
    constrained && (all.length >= MANY || count >= MANY) &&
    allows(request, ask("userextras", "*", { group, subresource: "*" }))
  ) return;
  for (const [subresource, values] of all) {
    for (const value of values) check(request, ask("userextras", value, { group, subresource }));
  }
}

/** Checks name, uid, groups and extras, each by its own right. */
function checkAll(request: ImpersonationRequest, ask: Ask, constrained: boolean): User {
  const { wanted } = request;
  const account = splitServiceAccountUser(wanted.name);
  const node = constrained ? nodeOf(wanted.name) : undefined;
  let groups = wanted.groups;
  if (account !== undefined) {
    check(request, ask("serviceaccounts", account.name, { namespace: account.namespace }));
    if (groups.length === 0) groups = serviceAccountGroups(account.namespace);
  } else if (node !== undefined) {
    check(request, ask("nodes", node));
    groups = ["system:nodes"];
  } else {
    check(request, ask("users", wanted.name));
  }
  if (wanted.uid !== "") check(request, ask("uids", wanted.uid, { group: AUTHENTICATION }));
  checkGroups(request, ask, constrained);
  checkExtra(request, ask, constrained);
  return completed(wanted, groups);
}

function constrained(
  mode: string,
  isFor: (request: ImpersonationRequest) => boolean,
): ImpersonationMode {
  return (request) => {
    const { attributes } = request;
    if (attributes === undefined || !isFor(request)) return undefined;
    check(request, { ...attributes, verb: `impersonate-on:${mode}:${attributes.verb}` });
    const ask = asker(`impersonate:${mode}`, AUTHENTICATION);
    // A right for the node that one runs on is a right for all such nodes
    const asked: Ask = mode === "associated-node" ? (resource) => ask(resource, "*") : ask;
    return checkAll(request, asked, true);
  };
}

function isOwnNode({ wanted, user }: ImpersonationRequest): boolean {
  const names = user.extra[NODE_NAME] ?? [];
  return onlyName(wanted) && names.length === 1 && names[0] === nodeOf(wanted.name) &&
    splitServiceAccountUser(user.name) !== undefined;
}

/** In the order in which they are tried; the last is the one of old, with the verb `impersonate`. */
export const IMPERSONATION_MODES: readonly ImpersonationMode[] = [
  constrained("associated-node", isOwnNode),
  constrained(
    "arbitrary-node",
    ({ wanted }) => onlyName(wanted) && nodeOf(wanted.name) !== undefined,
  ),
  constrained(
    "serviceaccount",
    ({ wanted }) => onlyName(wanted) && splitServiceAccountUser(wanted.name) !== undefined,
  ),
  constrained(
    "user-info",
    ({ wanted: { name } }) =>
      nodeOf(name) === undefined && splitServiceAccountUser(name) === undefined,
  ),
  (request) => checkAll(request, asker("impersonate", ""), false),
];
