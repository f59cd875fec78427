/**
 * An upgrade (WebSocket, SPDY or any other) from the public port into a tunnel stream. After 101
 * the bytes are raw both ways and never parsed; anything else is passed on as an ordinary answer on
 * a connection that closes after it.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { bodyFraming, isBodiless } from "../../shared/body_framing.ts";
import {
  fromRaw,
  header,
  type HeaderList,
  switchesAsAsked,
  withoutHopByHop,
} from "../../shared/headers.ts";
import { failure } from "../../shared/kube/status.ts";
import { splice, untilClosed } from "../../shared/node_pump.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { ResponseHead } from "../../shared/tunnel/head.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { countRequest, type Passed, type ProxyContext, requestHead } from "./context.ts";
import { checkAnswer, noAnswer, openStream, ProxyFailure, redirected } from "./failures.ts";

/** Options of {@linkcode proxyUpgrade}. */
export interface ProxyUpgradeContext extends ProxyContext {
  /** From node's `upgrade` event, with {@linkcode ProxyUpgradeContext.head}. */
  socket: Duplex;
  /** What was read behind the request's head. */
  head: Uint8Array;
  /** See `splice`. @default {300_000} */
  halfClosedIdleMs?: number;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
}

/** What a net or TLS socket can do and a plain `Duplex` cannot. */
interface SocketTuning {
  setNoDelay?: (on: boolean) => unknown;
  setTimeout?: (ms: number) => unknown;
  setKeepAlive?: (on: boolean, ms: number) => unknown;
}

const KEEP_ALIVE_MS = 30_000;
/** Bytes that a client may send before it has its 101; they wait. */
const MAX_EARLY_BYTES = 64 * 1024;
/** Of a refusal, this much is passed on, for this long. */
const MAX_REFUSAL_BYTES = 16 * 1024 * 1024;
const MAX_REFUSAL_MS = 60_000;

/**
 * Proxies one upgrade.
 *
 * @returns resolves when the connection is closed; never rejects
 */
export async function proxyUpgrade(context: ProxyUpgradeContext): Promise<void> {
  const { req, socket, path, log, now = () => performance.now() } = context;
  const startedAt = now();
  const passed: Passed = { status: 0, up: 0, down: 0 };
  const onError = (): void => {};
  socket.on("error", onError);
  if (socket.destroyed) return context.onEnd?.(passed, 0);
  const tuning = socket as SocketTuning;
  tuning.setNoDelay?.(true);
  tuning.setTimeout?.(0);
  tuning.setKeepAlive?.(true, KEEP_ALIVE_MS);
  let stream: TunnelStream | undefined;
  const early = holdEarly(socket, context.head, () => {
    stream?.reset(ResetCode.CANCEL, "the client is gone");
  });
  try {
    if (bodyFraming(fromRaw(req.rawHeaders))?.kind !== "none") {
      throw new ProxyFailure(failure(400, "Cannot upgrade a request that has a body"));
    }
    stream = openStream({ ...context, clusterId: path.clusterId }, requestHead(context, true));
    const answer = await stream.responseHead;
    checkAnswer(path.clusterId, answer);
    const location = header(answer.headers, "location");
    if (answer.status >= 300 && answer.status < 400 && location !== undefined) {
      throw redirected(path.clusterId, answer.status, location);
    }
    if (answer.status === 101 && !switchesAsAsked(fromRaw(req.rawHeaders), answer.headers)) {
      const message =
        `The server in cluster ${path.clusterId} answers 101 but does not switch to ` +
        "what was asked for";
      throw new ProxyFailure(failure(502, message));
    }
    countRequest(context, answer.status);
    passed.status = answer.status;
    if (answer.status === 101) await spliceClient(context, stream, answer, early.release(), passed);
    else await passRefusal(context, stream, answer, passed);
  } catch (error) {
    stream?.reset(ResetCode.CANCEL, "the hub gave up");
    if (socket.destroyed) return;
    if (error instanceof RefusalCut) return void socket.destroy();
    const told = error instanceof ProxyFailure ? error : noAnswer(error, {
      clusterId: path.clusterId,
      method: "POST", // An upgrade begins something: never say that it may be repeated blindly
      waitedMs: 0,
    });
    log.debug("An upgrade failed", { cluster: path.clusterId, error });
    countRequest(context, told.code);
    passed.status = told.code;
    passed.reason = told.message;
    const { headers, body } = told.render(true);
    socket.write(headText(told.code, "", headers));
    socket.end(body);
    await untilClosed(socket);
  } finally {
    context.onEnd?.(passed, now() - startedAt);
    early.release();
    socket.off("error", onError);
    socket.once("error", onError);
  }
}

async function spliceClient(
  { socket, metrics, halfClosedIdleMs }: ProxyUpgradeContext,
  stream: TunnelStream,
  { status, statusText, headers }: ResponseHead,
  head: Uint8Array,
  passed: Passed,
): Promise<void> {
  metrics?.upgrades.inc();
  socket.allowHalfOpen = true;
  try {
    socket.write(headText(status, statusText, withoutHopByHop(headers, { keepUpgrade: true })));
    await splice(socket, stream, {
      head,
      onBytesIn: (length) => passed.up += length,
      onBytesOut: (length) => passed.down += length,
      ...(halfClosedIdleMs === undefined ? {} : { halfClosedIdleMs }),
    });
  } finally {
    metrics?.upgrades.dec();
    metrics?.bytes.inc({ direction: "up" }, passed.up);
    metrics?.bytes.inc({ direction: "down" }, passed.down);
  }
}

/** The answer to the upgrade was cut after its head was written. */
class RefusalCut extends Error {}

/** Passes an ordinary answer on, chunked unless it tells its length, and closes. */
async function passRefusal(
  { req, socket }: ProxyUpgradeContext,
  stream: TunnelStream,
  { status, statusText, headers }: ResponseHead,
  passed: Passed,
): Promise<void> {
  stream.end();
  const kept = withoutHopByHop(headers);
  const bodiless = isBodiless(req.method ?? "GET", status);
  const chunked = !bodiless && header(kept, "content-length") === undefined;
  if (chunked) kept.push(["Transfer-Encoding", "chunked"]);
  kept.push(["Connection", "close"]);
  const timer = setTimeout(
    () => stream.reset(ResetCode.TIMEOUT, "the refusal takes too long"),
    MAX_REFUSAL_MS,
  );
  const onDrain = { wake: (): void => {} };
  const wake = (): void => onDrain.wake();
  socket.on("drain", wake).on("close", wake);
  try {
    socket.write(headText(status, statusText, kept));
    let total = 0;
    for (;;) {
      const chunk = bodiless ? null : await stream.read();
      if (socket.destroyed) throw new RefusalCut("the client is gone");
      if (chunk === null) break;
      if (chunk.length === 0) continue;
      total += chunk.length;
      passed.down = total;
      if (total > MAX_REFUSAL_BYTES) throw new RefusalCut("the refusal is too long");
      if (chunked) socket.write(`${chunk.length.toString(16)}\r\n`);
      let goOn = socket.write(chunk);
      if (chunked) goOn = socket.write("\r\n");
      if (!goOn) await new Promise<void>((resolve) => onDrain.wake = resolve);
    }
    if (chunked) socket.write("0\r\n\r\n");
    socket.end();
    await untilClosed(socket);
  } catch (cause) {
    throw cause instanceof RefusalCut ? cause : new RefusalCut("cut", { cause });
  } finally {
    clearTimeout(timer);
    socket.off("drain", wake).off("close", wake);
    stream.reset(ResetCode.NO_ERROR, "the answer is complete");
  }
}

/**
 * Reads the socket while its 101 is awaited, so that a client that leaves is noticed; keeps what
 * comes, up to a bound, and leaves the rest in the socket.
 */
function holdEarly(
  socket: Duplex,
  head: Uint8Array,
  onGone: () => void,
): { release(): Uint8Array } {
  const chunks: Uint8Array[] = [head];
  let total = head.length;
  let held = true;
  const onData = (chunk: Uint8Array): void => {
    chunks.push(chunk);
    total += chunk.length;
    if (total > MAX_EARLY_BYTES) socket.pause();
  };
  // Who ends its side before the answer does not wait for it
  socket.on("data", onData).on("end", onGone).on("close", onGone).on("error", onGone);
  return {
    release(): Uint8Array {
      if (!held) return new Uint8Array(0);
      held = false;
      socket.pause();
      socket.off("data", onData).off("end", onGone).off("close", onGone).off("error", onGone);
      const all = new Uint8Array(total);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      return all;
    },
  };
}

/**
 * A response head as it stands on the wire.
 *
 * @throws {ProxyFailure} 502 when a value would not come out as it is: cut to bytes, U+010A would
 * be a line feed
 */
function headText(status: number, statusText: string, headers: HeaderList): Uint8Array {
  const phrase = statusText === "" ? STATUS_CODES[status] ?? "Unknown" : statusText;
  let text = `HTTP/1.1 ${status} ${phrase}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  const bytes = new Uint8Array(text.length + 2);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new ProxyFailure(failure(502, "The child's answer holds an odd header"));
    bytes[i] = code;
  }
  bytes[text.length] = 0x0d;
  bytes[text.length + 1] = 0x0a;
  return bytes;
}
