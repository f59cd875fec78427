/**
 * One ordinary request from the public port into a tunnel stream, and its answer back: streaming,
 * with backpressure both ways, and cut visibly where the far side breaks off.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import { bodyFraming, isBodiless, promisedLength } from "../../shared/body_framing.ts";
import { fromRaw, header, type HeaderList, toRaw, withoutHopByHop } from "../../shared/headers.ts";
import { failure } from "../../shared/kube/status.ts";
import { PumpError, pumpIn, pumpOut } from "../../shared/node_pump.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { ResponseHead } from "../../shared/tunnel/head.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { countRequest, type Passed, type ProxyContext, requestHead } from "./context.ts";
import {
  checkAnswer,
  noAnswer,
  openStream,
  ProxyFailure,
  redirected,
  replyFailure,
} from "./failures.ts";

/** Options of {@linkcode proxyRequest}. */
export interface ProxyRequestContext extends ProxyContext {
  /** From node's server; nothing was written to it. */
  res: ServerResponse;
  /**
   * How long the head of the answer may take, in milliseconds, counted anew whenever another 1 KiB
   * of the request's body has moved, and at its end: a long upload is not silence, but one byte a
   * minute is no progress (slow-loris). A watch and a followed log are not held to it, since their
   * answer may begin with the first event. @default {65_000}
   */
  openToHeadMs?: number;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
}

/** So much of a body has to move before the wait for the answer counts anew. */
const PROGRESS_BYTES = 1024;
/** How long a client may go on sending a body that nobody wants, once it has its answer. */
const LINGER_MS = 2_000;

/**
 * Proxies one request.
 *
 * @returns resolves when the exchange is over, in whatever way; never rejects
 */
export async function proxyRequest(context: ProxyRequestContext): Promise<void> {
  const { req, res, metrics, path, log, now = () => performance.now() } = context;
  const startedAt = now();
  const passed: Passed = { status: 0, up: 0, down: 0 };
  let lastMovedAt = startedAt;
  let renewedAt = 0;
  let stream: TunnelStream | undefined;
  let uploaded = true;
  metrics?.inFlight.inc();
  // A socket error has nobody else to tell, and must not end the process
  res.on("error", () => {});
  const onClose = (): void => {
    if (!res.writableFinished) stream?.reset(ResetCode.CANCEL, "the client is gone");
  };
  res.once("close", onClose);
  try {
    const raw = fromRaw(req.rawHeaders);
    const framing = bodyFraming(raw);
    if (framing === undefined) {
      throw new ProxyFailure(failure(400, "Cannot read the request: its length is ambiguous"));
    }
    uploaded = framing.kind === "none";
    const head = requestHead(
      context,
      false,
      framing.kind === "chunked" ? [["Transfer-Encoding", "chunked"]] : [],
    );
    stream = openStream({ ...context, clusterId: path.clusterId }, head);
    if (framing.kind === "none") stream.end();
    else {
      pumpIn(req, stream, (length) => {
        passed.up += length;
        if (passed.up - renewedAt < PROGRESS_BYTES) return;
        renewedAt = passed.up;
        lastMovedAt = now();
      }).then(
        () => {
          uploaded = true;
          lastMovedAt = now();
        },
        (error: PumpError) => {
          if (error.side === "node") stream?.reset(ResetCode.CANCEL, "the client is gone");
          // The answer's direction tells what happened; a body left unread would block the next
          // request on this connection
          else req.resume();
        },
      );
    }
    const answer = await headInTime(context, stream, () => lastMovedAt, now);
    metrics?.headSeconds.observe({ target: path.target.kind }, (now() - startedAt) / 1000);
    checkAnswer(path.clusterId, answer);
    const { status, statusText } = answer;
    const location = header(answer.headers, "location");
    if (status >= 300 && status < 400 && location !== undefined) {
      throw redirected(path.clusterId, status, location);
    }
    if (status < 200) {
      throw new ProxyFailure(failure(502, "The agent upgraded a request that asked for none"));
    }
    const headers = answerHeaders(answer);
    res.writeHead(status, statusText, toRaw(headers));
    if (isBodiless(head.method, status)) res.end();
    else {
      const length = promisedLength(headers);
      await pumpOut(stream, res, {
        onBytes: (bytes) => passed.down += bytes,
        ...(length === undefined ? {} : { length }),
      });
    }
    // What the answer leaves unread of the request is not wanted any more
    stream.reset(ResetCode.NO_ERROR, "the answer is complete");
    countRequest(context, status);
  } catch (error) {
    stream?.reset(ResetCode.CANCEL, "the hub gave up");
    fail(context, error, uploaded, passed);
    if (!(error instanceof ProxyFailure)) {
      log.debug("A proxied request broke off", { cluster: path.clusterId, error });
    }
  } finally {
    res.off("close", onClose);
    metrics?.inFlight.dec();
    const { up, down } = passed;
    if (up > 0) metrics?.bytes.inc({ direction: "up" }, up);
    if (down > 0) metrics?.bytes.inc({ direction: "down" }, down);
    passed.status = res.headersSent ? res.statusCode : 0;
    context.onEnd?.(passed, now() - startedAt);
    if (!uploaded) linger(context);
  }
}

/** Of the origin of all clusters and of the parent: no child's to set. */
const OF_THE_ORIGIN = /^(?:alt-svc|strict-transport-security|clear-site-data|audit-id)$/i;

/** What passes of an answer's head. A 204 has no length (RFC 9110 section 8.6). */
function answerHeaders({ status, headers }: ResponseHead): HeaderList {
  return withoutHopByHop(headers).filter(([name]) =>
    !OF_THE_ORIGIN.test(name) && !(status === 204 && name.toLowerCase() === "content-length")
  );
}

/** Answers with the failure, or cuts the connection where an answer has begun. */
function fail(
  context: ProxyRequestContext,
  error: unknown,
  uploaded: boolean,
  passed: Passed,
): void {
  const { res, path, req, metrics, openToHeadMs = 65_000 } = context;
  // What comes behind a whole answer is nobody's, and its connection may be another user's by now
  if (res.writableFinished) return;
  if (res.headersSent || res.destroyed) {
    // With its length unmet or its last chunk missing, the client sees that the answer is cut
    if (!res.destroyed) metrics?.cuts.inc();
    res.destroy();
    return;
  }
  const told = error instanceof ProxyFailure ? error : noAnswer(error, {
    clusterId: path.clusterId,
    method: req.method ?? "GET",
    waitedMs: openToHeadMs,
  });
  passed.reason = told.message;
  countRequest(context, told.code);
  replyFailure(res, told, !uploaded);
}

/** Waits for the head of the answer, and resets the stream when it takes too long. */
async function headInTime(
  { path, openToHeadMs = 65_000 }: ProxyRequestContext,
  stream: TunnelStream,
  lastMovedAt: () => number,
  now: () => number,
): Promise<Awaited<TunnelStream["responseHead"]>> {
  if (isFollowing(path.path)) return await stream.responseHead;
  let timer: ReturnType<typeof setTimeout>;
  const check = (): void => {
    const leftMs = lastMovedAt() + openToHeadMs - now();
    if (leftMs <= 0) return stream.reset(ResetCode.TIMEOUT, "no answer in time");
    timer = setTimeout(check, leftMs);
  };
  timer = setTimeout(check, openToHeadMs);
  try {
    return await stream.responseHead;
  } finally {
    clearTimeout(timer);
  }
}

/** A watch, or a log that is followed: a kubelet sends its head with the first line only. */
function isFollowing(path: string): boolean {
  return /[?&](watch|follow)=(true|1)(&|$)/.test(path);
}

/**
 * Lets a client that still sends read the answer first; closing at once would reset the connection
 * and lose it.
 */
function linger({ req }: ProxyRequestContext): void {
  req.resume();
  if (req.destroyed || req.complete) return;
  const timer = setTimeout(() => req.destroy(), LINGER_MS);
  req.once("close", () => clearTimeout(timer));
  req.on("error", () => {});
}
