/**
 * An upgrade (WebSocket, SPDY or any other) from the tunnel to a server of the child. Once the
 * server answers 101 the bytes are raw both ways; any other answer is passed on as an ordinary one
 * and its connection destroyed, never reused (CVE-2018-1002105, CVE-2020-8559).
 *
 * @module
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { bodyFraming } from "../../shared/body_framing.ts";
import { fromRaw, switchesAsAsked, toRaw, withoutHopByHop } from "../../shared/headers.ts";
import { failure } from "../../shared/kube/status.ts";
import { pumpIn, splice } from "../../shared/node_pump.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { adviceFor } from "./advice.ts";
import { type ForwardOptions, headForChild, watchConnect } from "./forward.ts";
import { discard, replyStatus, unreachable } from "./reply.ts";
import { refusedHead, type Route } from "./upstream.ts";

/** TCP keep-alive of a spliced connection, in milliseconds: it may be idle for hours. */
const KEEP_ALIVE_MS = 30_000;
/** Of a refusal to upgrade, this much is passed on. */
const MAX_REFUSAL_BYTES = 16 * 1024 * 1024;

/**
 * Sends an upgrade request on and, after 101, splices.
 *
 * @param stream what it carries before 101 waits
 * @returns resolves when everything is closed; never rejects
 */
export async function forwardUpgrade(
  stream: TunnelStream,
  route: Route,
  { log, connectMs }: ForwardOptions,
): Promise<void> {
  if (bodyFraming(stream.head.headers)?.kind !== "none") {
    return replyStatus(stream, failure(400, "Cannot upgrade a request that has a body"));
  }
  const headers = toRaw(headForChild(stream, route, true));
  for (const [index, host] of route.hosts.entries()) {
    const outcome = await dial(stream, route, host, headers, connectMs);
    if (outcome.kind === "gone") return;
    if (outcome.kind === "failed") {
      if (!outcome.connected && index + 1 < route.hosts.length) continue;
      log.warn("Cannot reach a server of the child", { where: route.where, error: outcome.error });
      return replyStatus(
        stream,
        outcome.timedOut
          ? failure(
            504,
            `The agent got no connection to ${route.where} within ${connectMs / 1000} s`,
          )
          : unreachable(route.where, outcome.error),
      );
    }
    const odd = refusedHead(route.where, outcome.response);
    if (odd !== undefined) {
      if (outcome.kind === "accepted") outcome.socket.on("error", () => {}).destroy();
      else outcome.request.destroy();
      return replyStatus(stream, odd);
    }
    if (outcome.kind === "refused") return await refuse(stream, outcome, route);
    if (!switchesAsAsked(stream.head.headers, fromRaw(outcome.response.rawHeaders))) {
      outcome.socket.on("error", () => {}).destroy();
      return replyStatus(
        stream,
        failure(502, `${route.where} answers 101 but does not switch to what was asked for`),
      );
    }
    return await accept(stream, outcome);
  }
}

type Outcome =
  | { kind: "accepted"; response: IncomingMessage; socket: Socket; head: Uint8Array }
  | { kind: "refused"; response: IncomingMessage; request: ClientRequest }
  | { kind: "failed"; error: Error; connected: boolean; timedOut: boolean }
  | { kind: "gone" };

/** One attempt, on a connection of its own. */
function dial(
  stream: TunnelStream,
  route: Route,
  host: string,
  headers: string[],
  connectMs: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let connected = false;
    let timedOut = false;
    let request: ClientRequest;
    try {
      request = route.request({
        fresh: true,
        host,
        method: stream.head.method,
        path: route.prefix + stream.head.path,
        headers: headers as unknown as Record<string, string>,
      });
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      return resolve({ kind: "failed", error, connected: true, timedOut });
    }
    watchConnect(request, connectMs, {
      connected: () => connected = true,
      timedOut: () => timedOut = true,
    });
    // The client may leave while the server thinks about it
    void stream.closed.then(() => {
      if (stream.resetError === undefined) return;
      request.destroy();
      resolve({ kind: "gone" });
    });
    request.once("upgrade", (response, socket, head) => {
      resolve({ kind: "accepted", response, socket: socket as Socket, head });
    });
    request.once("response", (response) => resolve({ kind: "refused", response, request }));
    request.on("error", (error) => resolve({ kind: "failed", error, connected, timedOut }));
    request.end();
  });
}

async function accept(
  stream: TunnelStream,
  { response, socket, head }: Outcome & { kind: "accepted" },
): Promise<void> {
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  socket.setTimeout(0);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  try {
    stream.sendHead({
      status: 101,
      statusText: response.statusMessage ?? "Switching Protocols",
      headers: withoutHopByHop(fromRaw(response.rawHeaders), { keepUpgrade: true }),
    });
  } catch {
    socket.on("error", () => {}).destroy();
    return;
  }
  await splice(socket, stream, { head });
}

async function refuse(
  stream: TunnelStream,
  { response, request }: Outcome & { kind: "refused" },
  route: Route,
): Promise<void> {
  response.on("error", () => {});
  void discard(stream); // Bytes meant for the other protocol must not block the stream
  try {
    const status = response.statusCode!;
    const headers = withoutHopByHop(fromRaw(response.rawHeaders));
    const advice = route.impersonates && (status === 401 || status === 403)
      ? await adviceFor(response)
      : undefined;
    headers.push(...(advice?.headers ?? []));
    stream.sendHead({ status, statusText: response.statusMessage ?? "", headers });
    if (advice !== undefined) { for (const chunk of advice.body) await stream.write(chunk); }
    let total = 0;
    await pumpIn(response, stream, (length) => {
      total += length;
      if (total > MAX_REFUSAL_BYTES) response.destroy();
    });
  } catch {
    stream.reset(ResetCode.INTERNAL_ERROR, "the child's answer broke off");
  } finally {
    request.destroy();
  }
}
