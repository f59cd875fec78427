/**
 * One ordinary request from the tunnel to a server of the child: bodies stream both ways, header
 * lines stay as they are, and a cut on either side is a cut on the other.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { bodyFraming, isBodiless } from "../../shared/body_framing.ts";
import {
  fromRaw,
  header,
  type HeaderList,
  toRaw,
  withoutHopByHop,
  withoutIdentity,
} from "../../shared/headers.ts";
import { failure } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import { pumpIn, pumpOut } from "../../shared/node_pump.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { adviceFor } from "./advice.ts";
import { replyStatus, unreachable } from "./reply.ts";
import { refusedHead, type Route } from "./upstream.ts";

/** Options of {@linkcode forward} and `forwardUpgrade`. */
export interface ForwardOptions {
  /** Told of servers that cannot be reached. */
  log: Log;
  /** How long a connection may take to stand, TLS included, in milliseconds. */
  connectMs: number;
}

/**
 * The head for the child: hop-by-hop headers go first and identity is added last, so a client can
 * neither remove it by listing it in `Connection` nor bring its own (CVE-2021-31999).
 *
 * @param upgrade keeps `Connection: Upgrade` and `Upgrade`
 * @returns lines for node's `request`
 */
export function headForChild(stream: TunnelStream, route: Route, upgrade: boolean): HeaderList {
  const passed = withoutIdentity(withoutHopByHop(stream.head.headers, { keepUpgrade: upgrade }))
    .filter(([name]) => !/^(host|expect)$/i.test(name));
  return [["Host", route.hostHeader], ...passed, ...route.identity];
}

/** Methods whose repetition does no harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/**
 * Sends the stream's request on and its answer back.
 *
 * @returns resolves when the exchange is over, in whatever way; never rejects
 */
export function forward(
  stream: TunnelStream,
  route: Route,
  { log, connectMs }: ForwardOptions,
): Promise<void> {
  const { method, path } = stream.head;
  const body = bodyFraming(stream.head.headers);
  if (body === undefined) {
    replyStatus(stream, failure(400, "Cannot pass the request on: its length is ambiguous"));
    return Promise.resolve();
  }
  const headers = headForChild(stream, route, false);
  if (body.kind === "chunked") headers.push(["Transfer-Encoding", "chunked"]);
  const raw = toRaw(headers);

  return new Promise((resolve) => {
    let current: ClientRequest | undefined;
    let answered = false;
    let uploading = false;
    void stream.closed.then(() => {
      // Also covers a client that leaves while nothing moves
      if (stream.resetError !== undefined) current?.destroy();
      resolve();
    });

    const attempt = (hostIndex: number, retried: boolean): void => {
      let request: ClientRequest;
      let connected = false;
      let kept = false;
      let timedOut = false;
      // With several addresses the body waits for a connection: it can be sent only once
      const waits = body.kind !== "none" && route.hosts.length > 1;
      try {
        request = route.request({
          host: route.hosts[hostIndex]!,
          method,
          path: route.prefix + path,
          headers: raw as unknown as Record<string, string>,
        });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return replyStatus(stream, failure(400, `Cannot pass the request on: ${why}`));
      }
      current = request;
      watchConnect(request, connectMs, {
        connected: (reused) => {
          connected = true;
          kept = reused;
          if (waits) upload();
        },
        timedOut: () => timedOut = true,
      });
      const upload = (): void => {
        if (body.kind === "none") return void request.end();
        uploading = true;
        const length = body.kind === "known" ? body.length : undefined;
        pumpOut(stream, request, {
          whenGone: "discard",
          ...(length === undefined ? {} : { length }),
        }).catch((error) => {
          if (error.side !== "stream") return;
          request.destroy(); // Never reuse a connection that holds half a request
          if (answered || stream.resetError !== undefined) return;
          answered = true;
          replyStatus(stream, failure(400, "The request's body is not as long as it says"));
        });
      };
      request.once("response", (response) => {
        answered = true;
        void answer(stream, response, route, log).finally(() => {
          if (!request.writableFinished) request.destroy();
        });
      });
      // Nobody asked for it: without this the request would wait for ever
      request.once("upgrade", (_response, socket) => {
        socket.on("error", () => {}).destroy();
        if (answered || stream.resetError !== undefined) return;
        answered = true;
        const why = new Error("it switched protocols unasked");
        replyStatus(stream, unreachable(route.where, why));
      });
      request.on("error", (error: Error & { code?: string }) => {
        if (answered || stream.resetError !== undefined) return;
        const { code } = error;
        if (!connected && !timedOut && hostIndex + 1 < route.hosts.length && !uploading) {
          return attempt(hostIndex + 1, retried);
        }
        // The server closed a kept connection just as it was taken: nothing was done with the
        // request, and the user must not see it
        const stale = kept && (code === "ECONNRESET" || code === "EPIPE");
        if (stale && !retried && body.kind === "none" && IDEMPOTENT.has(method)) {
          return attempt(hostIndex, true);
        }
        answered = true;
        log.warn("Cannot reach a server of the child", { where: route.where, error });
        replyStatus(
          stream,
          timedOut
            ? failure(
              504,
              `The agent got no connection to ${route.where} within ${connectMs / 1000} s. Check ` +
                "that the server runs and that the agent's pod may connect to it",
            )
            : unreachable(route.where, error),
        );
      });
      if (!waits) upload();
    };
    attempt(0, false);
  });
}

/**
 * Destroys the request when its connection does not stand in time, and keeps Deno from sending it
 * again by itself: on a kept connection that breaks it takes another one, which repeats a `POST`
 * and hangs where the body is streamed (2.9.6).
 *
 * @param on `connected` tells whether the connection was a kept one; `timedOut` is called before
 * the request is destroyed
 */
export function watchConnect(
  request: ClientRequest,
  connectMs: number,
  on: { connected(reused: boolean): void; timedOut(): void },
): void {
  request.once("socket", (socket) => {
    const reused = request.reusedSocket;
    request.reusedSocket = false;
    if (reused || !socket.connecting) return on.connected(reused);
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      on.timedOut();
      request.destroy(new Error("connect deadline"));
    }, connectMs);
    request.once("close", () => clearTimeout(timer));
    socket.once(request.protocol === "https:" ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      on.connected(false);
    });
  });
}

/** Passes the child's answer back. */
async function answer(
  stream: TunnelStream,
  response: IncomingMessage,
  route: Route,
  log: Log,
): Promise<void> {
  response.on("error", () => {}); // pumpIn tells; a late one must not end the process
  try {
    const refused = refusedHead(route.where, response);
    if (refused !== undefined) {
      response.destroy();
      return replyStatus(stream, refused);
    }
    const headers = withoutHopByHop(fromRaw(response.rawHeaders));
    const status = response.statusCode!;
    const advice = route.impersonates && (status === 401 || status === 403)
      ? await adviceFor(response)
      : undefined;
    headers.push(...(advice?.headers ?? []));
    stream.sendHead({ status, statusText: response.statusMessage ?? "", headers });
    if (advice !== undefined) { for (const chunk of advice.body) await stream.write(chunk); }
    if (
      isBodiless(stream.head.method, status) || header(headers, "content-length") === "0"
    ) {
      response.resume();
      return stream.end();
    }
    await pumpIn(response, stream);
  } catch (error) {
    response.destroy();
    if (stream.resetError !== undefined) return;
    log.debug("The child's answer broke off", { where: route.where, error });
    stream.reset(ResetCode.INTERNAL_ERROR, "the child's answer broke off");
  }
}
