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
import type { Decision, TargetPolicy } from "./policy.ts";
import { replyStatus } from "./reply.ts";
import { refusedRequest } from "./request_check.ts";
import { type ChildApi, type Route, Upstreams } from "./upstream.ts";

/** Options of {@linkcode createTargetServer}. */
export interface TargetServerOptions {
  /** What may be reached. */
  policy: TargetPolicy;
  /** Who the caller becomes in the child. */
  identity: IdentityMapper;
  /** The child's own kube-apiserver. */
  child: ChildApi;
  /** PEM of CAs for allow-listed `https` targets, read at the first. */
  targetCa?: () => string;
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

  /** Streams to allow-listed targets, to be cut when the list no longer names them. */
  const dialled = new Map<TunnelStream, Decision>();
  const unsubscribe = policy.onChange(() => {
    for (const [stream, decision] of dialled) {
      if (policy.stillAllows(decision)) continue;
      log.info("A stream is cut: its target is no longer allowed", { target: stream.head.target });
      stream.reset(ResetCode.TARGET_DENIED, "the agent's allow-list no longer names this target");
    }
  });

  const route = async (stream: TunnelStream): Promise<Route> => {
    const target = parseTarget(stream.head.target);
    let decision: Decision;
    // The list may have changed while the name was resolved
    do decision = await policy.decide(target); while (!policy.stillAllows(decision));
    if (decision.kind === "dial") {
      dialled.set(stream, decision);
      return upstreams.toTarget(decision);
    }
    if (decision.kind === "direct") {
      return await upstreams.toChild(identity.map(stream.head.identity));
    }
    return await upstreams.toChild(identity.ownCredentials(stream.head.identity));
  };

  const serveOne = async (stream: TunnelStream): Promise<void> => {
    const { target, upgrade } = stream.head;
    if (target === "agent") {
      if (control !== undefined) return await serveControl(stream, control, log);
      return replyStatus(stream, failure(404, "This agent serves no control requests"));
    }
    const refused = refusedRequest(stream.head);
    if (refused !== undefined) {
      log.warn("A request of the hub is refused", { target, status: 400, why: refused });
      return replyStatus(stream, failure(400, refused));
    }
    let way: Route;
    try {
      way = await route(stream);
    } catch (error) {
      const status = statusOf(error);
      log.info("A request of the hub is refused", { target, status: status.code, error });
      return replyStatus(stream, status);
    }
    if (stream.resetError !== undefined) return; // Cut meanwhile: it must not dial any more
    await (upgrade ? forwardUpgrade : forward)(stream, way, { log, connectMs });
  };

  return {
    serve(stream: TunnelStream): void {
      active++;
      serveOne(stream).catch((error) => {
        log.error("Cannot serve a stream", { target: stream.head.target, error });
        stream.reset(ResetCode.INTERNAL_ERROR, "the agent failed; see its log");
      }).finally(() => {
        active--;
        dialled.delete(stream);
      });
    },
    get active(): number {
      return active;
    },
    close: () => {
      unsubscribe();
      upstreams.close();
    },
  };
}

function statusOf(error: unknown): StatusError["status"] {
  if (error instanceof StatusError) return error.status;
  if (error instanceof SocketsPathError) return failure(error.status, error.message);
  return failure(500, "The agent cannot decide on this request: see its log");
}
