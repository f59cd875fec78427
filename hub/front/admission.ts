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

/** Lets a request pass, or throws a `StatusError` that says why not. */
export type Admission = (req: IncomingMessage, upgrade: boolean) => Promise<Admitted>;

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
  return async (req, upgrade) => {
    checkRequest(req);
    const route = routeOf(req.method ?? "", req.url ?? "", upgrade, embedded !== undefined);
    if (route.kind === "health") return { route, identity: undefined };
    const caller = await authenticator.authenticate(req);
    if (route.kind === "kube") return { route, identity: caller }; // Authorises by itself
    const identity = embedded?.impersonate(fromRaw(req.rawHeaders), caller) ?? caller;
    await authorizer.authorize(identity, route.attributes);
    if (route.kind === "attach") agentCheck(identity, route.clusterId);
    return { route, identity };
  };
}
