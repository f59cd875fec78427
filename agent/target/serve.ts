/**
 * The agent's end of every tunnel stream: decides, maps the identity, forwards.
 *
 * @module
 */
import { failure, StatusError } from "../../shared/kube/status.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { parseTarget, SocketsPathError } from "../../shared/sockets_path.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { type ControlHandler, serveControl } from "./control.ts";
import { forward } from "./forward.ts";
import { forwardUpgrade } from "./forward_upgrade.ts";
import type { IdentityMapper } from "./identity.ts";
import type { TargetPolicy } from "./policy.ts";
import { replyStatus } from "./reply.ts";
import { type ChildApi, type Route, Upstreams } from "./upstream.ts";

/** Options of {@linkcode createTargetServer}. */
export interface TargetServerOptions {
  /** What may be reached. */
  policy: TargetPolicy;
  /** Who the caller becomes in the child. */
  identity: IdentityMapper;
  /** The child's own kube-apiserver. */
  child: ChildApi;
  /** PEM of CAs for allow-listed `https` targets. */
  targetCa?: string;
  /** Serves target `agent`; without it such requests get 404. */
  control?: ControlHandler;
  /** How long a connection in the child may take to stand, in milliseconds. @default {10_000} */
  connectMs?: number;
  /** See `UpstreamsOptions`. @default {16} */
  maxFreeSockets?: number;
  /** Told of refusals and of servers that cannot be reached. @default {silentLog} */
  log?: Log;
}

/** Serves streams; holds the connection pools. */
export interface TargetServer {
  /** Serves one stream, to be given to a session as `onStream`; never throws. */
  serve(stream: TunnelStream): void;
  /** Streams being served. */
  readonly active: number;
  /** Closes all connections; streams still open are cut. */
  close(): void;
}

/**
 * Makes the server for the streams that the hub opens.
 *
 * @returns the server
 *
 * @example
 * ```ts
 * import { createTargetServer } from "./serve.ts";
 * import { IdentityMapper } from "./identity.ts";
 * import { TargetPolicy } from "./policy.ts";
 * const server = "https://10.96.0.1:443";
 * const target = createTargetServer({
 *   policy: new TargetPolicy({ childServer: server }),
 *   identity: new IdentityMapper(),
 *   child: { server, token: () => Promise.resolve("...") },
 * });
 * target.close();
 * ```
 */
export function createTargetServer(
  {
    policy,
    identity,
    child,
    targetCa,
    control,
    connectMs = 10_000,
    maxFreeSockets,
    log = silentLog,
  }: TargetServerOptions,
): TargetServer {
  const upstreams = new Upstreams({
    child,
    ...(targetCa === undefined ? {} : { targetCa }),
    ...(maxFreeSockets === undefined ? {} : { maxFreeSockets }),
  });
  let active = 0;

  const route = async (stream: TunnelStream): Promise<Route> => {
    const decision = await policy.decide(parseTarget(stream.head.target));
    if (decision.kind === "dial") return upstreams.toTarget(decision);
    if (decision.kind === "direct") {
      return await upstreams.toChild(identity.map(stream.head.identity));
    }
    return await upstreams.toChild(identity.ownCredentials(stream.head.identity));
  };

  const serveOne = async (stream: TunnelStream): Promise<void> => {
    const { method, path, target, upgrade } = stream.head;
    if (target === "agent") {
      if (control !== undefined) return await serveControl(stream, control, log);
      return replyStatus(stream, failure(404, "This agent serves no control requests"));
    }
    if (!path.startsWith("/") || !METHODS.has(method)) {
      const message = `Cannot pass ${method.slice(0, 20)} on: want a known method and a path`;
      return replyStatus(stream, failure(400, message));
    }
    let way: Route;
    try {
      way = await route(stream);
    } catch (error) {
      const status = statusOf(error);
      log.info("A request of the hub is refused", { target, status: status.code, error });
      return replyStatus(stream, status);
    }
    await (upgrade ? forwardUpgrade : forward)(stream, way, { log, connectMs });
  };

  return {
    serve(stream: TunnelStream): void {
      active++;
      serveOne(stream).catch((error) => {
        log.error("Cannot serve a stream", { target: stream.head.target, error });
        stream.reset(ResetCode.INTERNAL_ERROR, "the agent failed; see its log");
      }).finally(() => active--);
    },
    get active(): number {
      return active;
    },
    close: () => upstreams.close(),
  };
}

/** `CONNECT` would make node open a tunnel of its own, `TRACE` echoes the agent's token. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
]);

function statusOf(error: unknown): StatusError["status"] {
  if (error instanceof StatusError) return error.status;
  if (error instanceof SocketsPathError) return failure(error.status, error.message);
  return failure(500, "The agent cannot decide on this request: see its log");
}
