/**
 * What every request passes before it is served: is it well-formed, where does it go, who is it,
 * may they.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { fromRaw } from "../../shared/headers.ts";
import type { FrontOptions } from "./front_types.ts";
import type { Identity } from "./identity.ts";
import { checkRequest, type Route, routeOf } from "./routes.ts";

/** A request that may pass. */
export interface Admitted {
  /** Where it goes. */
  route: Route;
  /** Absent for health alone. */
  identity: Identity | undefined;
}

/** What was found out of a request so far; of one that is refused, it is all that is known. */
export interface Seen {
  /** Where it goes. */
  route?: Route;
  /** Who calls. */
  identity?: Identity;
  /** User who impersonates the caller, where no parent stands before the hub. */
  impersonator?: string;
  /** Its head says clearly where it ends: another request may follow on the connection. */
  wellFormed?: boolean;
}

/**
 * Lets a request pass, or throws a `StatusError` that says why not.
 *
 * @param seen is filled in on the way
 */
export type Admission = (
  req: IncomingMessage,
  upgrade: boolean,
  seen?: Seen,
) => Promise<Admitted>;

/**
 * Makes the admission of a port.
 *
 * @returns the admission
 */
export function createAdmission(
  { authenticator, authorizer, agentCheck, embedded }: Pick<
    FrontOptions,
    "authenticator" | "authorizer" | "agentCheck" | "embedded"
  >,
): Admission {
  return async (req, upgrade, seen = {}) => {
    checkRequest(req);
    seen.wellFormed = true;
    const route = routeOf(req.method ?? "", req.url ?? "", upgrade, embedded !== undefined);
    seen.route = route;
    if (route.kind === "health") return { route, identity: undefined };
    const caller = await authenticator.authenticate(req);
    seen.identity = caller;
    if (route.kind === "kube") return { route, identity: caller }; // Authorises by itself
    const identity = embedded?.impersonate(fromRaw(req.rawHeaders), caller) ?? caller;
    if (identity !== caller) {
      seen.identity = identity;
      seen.impersonator = caller.user;
    }
    await authorizer.authorize(identity, route.attributes);
    if (route.kind === "attach") agentCheck(identity, route.clusterId);
    return { route, identity };
  };
}
