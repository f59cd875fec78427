/**
 * The embedded API: `(Request, User)` to `Response`, as kube-apiserver answers.
 *
 * Source: k8s.io/apiserver `pkg/server/config.go` (the order of the handlers)
 *
 * @module
 */
import { StatusError } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import { linesOf } from "../../shared/request_lines.ts";
import { authorize } from "./api/authorize.ts";
import { failureAnswer } from "./api/failures.ts";
import { type ParsedRequest, parseRequestInfo } from "./api/parse_request_info.ts";
import type { ResourceRequest } from "./api/request_info.ts";
import { finishAnswer, pageNotFound } from "./api/respond.ts";
import { checkRoute, unknownPath, unknownResource } from "./api/route.ts";
import type { RbacGuard } from "./auth/escalation.ts";
import { impersonate } from "./auth/impersonation.ts";
import type { Reviews } from "./auth/reviews.ts";
import type { ServiceAccountTokens } from "./auth/service_account_tokens.ts";
import type { Authorizer } from "./auth/types.ts";
import { CallerBudget, holdUntilRead } from "./caller_budget.ts";
import { methodNotAllowed } from "./errors.ts";
import { type ApiKind, resourceKey } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";
import type { createDiscovery } from "./reads/discovery.ts";
import { serveRead } from "./reads/read.ts";
import type { Store } from "./store/types.ts";
import type { User } from "./user.ts";
import { Budget } from "./writes/body_budget.ts";
import { newUid } from "./writes/metadata.ts";
import {
  createRequest,
  deleteCollectionRequest,
  deleteRequest,
  patchRequest,
  updateRequest,
} from "./writes/requests.ts";
import { isReview, reviewRequest, tokenRequest } from "./writes/virtual_requests.ts";
import type { WriteDeps } from "./writes/write_call.ts";
import type { WriteRequest } from "./writes/write_request.ts";
import { createWriter, type Writer } from "./writes/writer.ts";

/** What the API is made of. */
export interface EmbeddedApiOptions {
  readonly store: Store;
  /** Decides who may do what. */
  readonly authorizer: Authorizer;
  /** Keeps writers of roles from rights that they do not have. */
  readonly rbac: RbacGuard;
  /** Makes tokens of service accounts. */
  readonly tokens: ServiceAccountTokens;
  /** Answers reviews. */
  readonly reviews: Reviews;
  /** Says what is served. */
  readonly discovery: ReturnType<typeof createDiscovery>;
  /** Answers `/healthz` and the like, when they are asked of this API. */
  readonly health?: (request: Request, path: string) => Promise<Response | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** At least 0, below 1; unforeseeable. */
  readonly random: () => number;
  readonly log: Log;
}

/** See the module text. */
export interface EmbeddedApi {
  /** Answers a request of an authenticated user. Never rejects. */
  handle(request: Request, user: User): Promise<Response>;
  /** Writes for controllers. */
  readonly writer: Writer;
}

type Handler = (write: WriteRequest) => Promise<Response>;

const WRITES: Readonly<Record<string, Handler>> = {
  create: createRequest,
  update: updateRequest,
  patch: patchRequest,
  delete: deleteRequest,
  deletecollection: deleteCollectionRequest,
};

class Api implements EmbeddedApi {
  readonly #o: EmbeddedApiOptions;
  readonly #deps: WriteDeps;
  readonly #budget = new Budget();
  readonly #callers = new CallerBudget();
  readonly writer: Writer;

  constructor(options: EmbeddedApiOptions) {
    this.#o = options;
    const { store, rbac, now, random } = options;
    this.#deps = { store, rbac, now, random };
    this.writer = createWriter(this.#deps);
  }

  async handle(request: Request, user: User): Promise<Response> {
    const given = request.headers.get("Audit-ID") ?? "";
    const auditId = /^[A-Za-z0-9-]{1,64}$/.test(given) ? given : newUid(this.#o.random);
    let response: Response;
    try {
      response = await this.#serve(request, user);
    } catch (error) {
      response = failureAnswer(error, {
        log: this.#o.log.with({ auditId, method: request.method }),
        auditId,
      });
    }
    return finishAnswer(response, request.method, auditId);
  }

  async #serve(request: Request, caller: User): Promise<Response> {
    const { authorizer } = this.#o;
    const parsed = parseRequestInfo(request.method, request.url);
    const user = impersonate(linesOf(request) ?? request.headers, caller, authorizer);
    authorize(authorizer, user, parsed.attributes);
    const { info } = parsed;
    if (!info.isResource) return await this.#servePath(request, info.path);
    const kind = kindOf(info.group, info.version, info.resource);
    if (parsed.unserved === "page") return pageNotFound();
    if (kind === undefined) throw unknownResource(info);
    checkRoute(kind, { method: request.method, info, unserved: parsed.unserved });
    // Whoever is impersonated: it is the caller who asks
    const slot = this.#callers.enter(caller, info.verb === "watch");
    try {
      const response = await this.#serveResource(request, parsed, info, kind, user);
      return holdUntilRead(response, slot, request.signal);
    } catch (error) {
      slot[Symbol.dispose]();
      throw error;
    }
  }

  async #servePath(request: Request, path: string): Promise<Response> {
    const { health, discovery } = this.#o;
    const response = await health?.(request, path);
    if (response !== undefined) return response;
    const found = discovery(request, path);
    if (found === undefined) throw unknownPath(path);
    if (request.method === "HEAD") throw methodNotAllowed();
    return found;
  }

  async #serveResource(
    request: Request,
    { url }: ParsedRequest,
    info: ResourceRequest,
    kind: ApiKind,
    user: User,
  ): Promise<Response> {
    const { store, now, authorizer } = this.#o;
    const handler = this.#writeHandler(info, kind);
    if (handler === undefined) return await serveRead({ request, url, info, kind, store, now });
    using share = this.#budget.enter();
    const deps = this.#deps;
    return await handler({ request, url, info, kind, user, authorizer, deps, share });
  }

  #writeHandler({ verb, subresource }: ResourceRequest, kind: ApiKind): Handler | undefined {
    const { tokens, reviews } = this.#o;
    if (subresource === "token") return (write) => tokenRequest(write, tokens);
    if (!isReview(kind)) return WRITES[verb];
    const review = reviews[resourceKey(kind)];
    if (review === undefined) throw StatusError.of(500, `nobody answers ${kind.plural}`);
    return (write) => reviewRequest(write, review);
  }
}

/**
 * Makes the API.
 *
 * @returns it; it holds nothing that must be closed
 */
export function createEmbeddedApi(options: EmbeddedApiOptions): EmbeddedApi {
  return new Api(options);
}
