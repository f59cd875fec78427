/**
 * Moves bytes between node streams and tunnel streams with backpressure both ways. Both ends of
 * the tunnel use it: for bodies ({@linkcode pumpIn}, {@linkcode pumpOut}) and for upgraded
 * connections ({@linkcode splice}).
 *
 * Per chunk it costs one call: a promise is made only where a side has to wait.
 *
 * @module
 */
import type { Duplex, Readable, Writable } from "node:stream";
import { ResetCode } from "./tunnel/errors.ts";

/** What a tunnel stream looks like from here; `TunnelStream` of `shared/tunnel` is one. */
export interface ByteStream {
  /** The next chunk, `null` at the peer's END; rejects once the stream was reset. */
  read(): Promise<Uint8Array | null>;
  /** The same without a promise; `undefined` when nothing is there yet. */
  readSync(): Uint8Array | null | undefined;
  /** `undefined`: go on at once. A promise: wait for it. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Half-close: no more data from here. */
  end(): void;
  /** Ends both directions at once; idempotent. */
  reset(code: number, reason: string): void;
  /** Resolves when both directions are done or the stream was reset; never rejects. */
  readonly closed: Promise<void>;
  /** Why it was reset, if it was. */
  readonly resetError: Error | undefined;
}

/** Which side of a pump broke. */
export type PumpSide = "node" | "stream";

/** A pump that did not come to its regular end. */
export class PumpError extends Error {
  /** The class's name. */
  override readonly name = "PumpError";
  /** `node`: the socket, request or response; `stream`: the tunnel stream. */
  readonly side: PumpSide;

  /**
   * Makes the error.
   *
   * @param side which side broke
   */
  constructor(side: PumpSide, message: string, options?: ErrorOptions) {
    super(message, options);
    this.side = side;
  }
}

/**
 * Bytes that may wait in a node writable before the pump waits for `drain`; above the stream's own
 * mark (16 or 64 KiB), which would cost a wait for each chunk. Measured: 256 KiB is no faster.
 */
const SINK_HIGH_WATER = 64 * 1024;

/** Called with the length of each chunk that was handed over. */
export type OnBytes = (length: number) => void;

/**
 * Moves a node readable into a tunnel stream and half-closes the stream at the readable's end.
 *
 * @param source is read in flowing mode and paused while the stream has no credit
 * @param onBytes counts
 * @returns resolves once END is queued; listeners are removed then
 * @throws {PumpError} `node` when the source broke off before its end, `stream` when the stream
 * was reset; the source is left paused and open, the stream is left as it is
 */
export function pumpIn(source: Readable, stream: ByteStream, onBytes?: OnBytes): Promise<void> {
  return new Promise((resolve, reject) => {
    let waiting = false;
    const settle = (error?: PumpError): void => {
      source.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
      if (error === undefined) return resolve();
      source.pause();
      reject(error);
    };
    const onStreamError = (cause: unknown): void =>
      settle(new PumpError("stream", "The tunnel stream was reset", { cause }));
    const goOn = (): void => {
      waiting = false;
      source.resume();
    };
    const onData = (chunk: Uint8Array): void => {
      onBytes?.(chunk.length);
      const wait = stream.write(chunk);
      if (wait === undefined) return;
      if (!waiting) {
        waiting = true;
        source.pause();
        wait.then(goOn, onStreamError);
      } else wait.catch(onStreamError);
    };
    const onEnd = (): void => {
      stream.end();
      settle();
    };
    const onError = (cause: Error): void =>
      settle(new PumpError("node", "The connection broke", { cause }));
    const onClose = (): void =>
      settle(new PumpError("node", "The connection closed before the end of its data"));
    if (source.readableEnded) return onEnd();
    if (source.destroyed) return onClose();
    source.on("end", onEnd).on("error", onError).on("close", onClose).on("data", onData);
    source.resume();
  });
}

/** Options of {@linkcode pumpOut}. */
export interface PumpOutOptions {
  /** Counts. */
  onBytes?: OnBytes;
  /**
   * The number of bytes to come, where it is known. More or fewer are an error, so that a body
   * never runs into the next message on a kept connection. The chunk that completes it is written
   * together with the end, which saves a write for a small answer.
   */
  length?: number;
  /**
   * What to do with the stream when the writable closes early: `reset` it, so that the far side
   * stops sending, or `discard` what still comes, where the stream's other direction must live on.
   * @default {"reset"}
   */
  whenGone?: "reset" | "discard";
}

/**
 * Moves a tunnel stream into a node writable and ends the writable at the peer's END.
 *
 * @param sink never holds more than about 100 KiB of ours
 * @returns resolves once the writable's end is queued
 * @throws {PumpError} `stream` when the stream was reset or its length is wrong: the writable is
 * left open and not ended, so the caller can make the cut visible; `node` when the writable broke
 */
export async function pumpOut(
  stream: ByteStream,
  sink: Writable,
  { onBytes, length, whenGone = "reset" }: PumpOutOptions = {},
): Promise<void> {
  let gone: PumpError | undefined;
  let wake: (() => void) | undefined;
  const onWake = (): void => {
    const run = wake;
    wake = undefined;
    run?.();
  };
  const fail = (cause?: Error): void => {
    if (gone !== undefined || sink.writableFinished) return;
    gone = new PumpError("node", "The connection closed", { cause });
    if (whenGone === "reset") stream.reset(ResetCode.CANCEL, "the reader is gone");
    onWake();
  };
  const onClose = (): void => fail();
  sink.on("drain", onWake).on("error", fail).on("close", onClose);
  try {
    if (sink.destroyed) fail();
    let total = 0;
    if (length === 0 && gone === undefined) sink.end();
    for (;;) {
      let chunk = stream.readSync();
      if (chunk === undefined) chunk = await stream.read();
      if (gone !== undefined && whenGone === "reset") throw gone;
      if (chunk === null) break;
      if (chunk.length === 0) continue;
      total += chunk.length;
      if (length !== undefined && total > length) throw new RangeError("more than its length");
      if (gone !== undefined) continue;
      onBytes?.(chunk.length);
      if (total === length) {
        sink.end(chunk);
        continue;
      }
      // Only after a write that said "full" does a drain come
      if (!sink.write(chunk) && sink.writableLength > SINK_HIGH_WATER) {
        await new Promise<void>((resolve) => wake = resolve);
      }
    }
    if (gone !== undefined) throw gone;
    if (length !== undefined && total < length) throw new RangeError("less than its length");
    if (!sink.writableEnded) sink.end();
  } catch (cause) {
    if (gone !== undefined) throw gone;
    throw new PumpError("stream", "The tunnel stream broke off", { cause });
  } finally {
    sink.off("drain", onWake).off("error", fail).off("close", onClose);
  }
}

/** Options of {@linkcode splice}. */
export interface SpliceOptions {
  /** Bytes that were read off the socket before the splice. */
  head?: Uint8Array;
  /** Counts what went from the socket into the stream. */
  onBytesIn?: OnBytes;
  /** Counts what went from the stream into the socket. */
  onBytesOut?: OnBytes;
  /**
   * Once one direction has ended, the other may be silent so long; then both are reset. Without
   * it a peer that forgot its half-closed connection would hold a stream for ever.
   * @default {300_000}
   */
  halfClosedIdleMs?: number;
}

/** How long a socket whose both directions ended may take to close. */
const CLOSE_MS = 5_000;

/**
 * Joins an upgraded connection with a tunnel stream: raw bytes both ways, half-closes mapped onto
 * each other, no time limit while both directions are open.
 *
 * @param socket should have `allowHalfOpen` set
 * @returns resolves when both sides are finished and the socket is closed; never rejects. A
 * failure of one side destroys the other
 */
export async function splice(
  socket: Duplex,
  stream: ByteStream,
  { head, onBytesIn, onBytesOut, halfClosedIdleMs = 300_000 }: SpliceOptions = {},
): Promise<void> {
  // A socket without an error listener takes the process down
  const onError = (): void => {};
  socket.on("error", onError);
  let moved = 0;
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  const fail = (error: unknown): void => {
    const side = error instanceof PumpError ? error.side : "node";
    stream.reset(ResetCode.CANCEL, side === "node" ? "the connection closed" : "the stream ended");
    socket.destroy();
  };
  const watchIdle = (): void => {
    if (idleTimer !== undefined) return;
    let seen = moved;
    const check = (): void => {
      if (moved === seen) return fail(undefined);
      seen = moved;
      idleTimer = setTimeout(check, halfClosedIdleMs);
    };
    idleTimer = setTimeout(check, halfClosedIdleMs);
  };
  // Neither pump notices a reset while it waits for the socket
  void stream.closed.then(() => {
    if (stream.resetError !== undefined) fail(new PumpError("stream", "The stream was reset"));
  });
  if (head !== undefined && head.length > 0) {
    onBytesIn?.(head.length);
    stream.write(head)?.catch(onError);
  }
  const inward = pumpIn(socket, stream, (length) => {
    moved += length;
    onBytesIn?.(length);
  });
  const outward = pumpOut(stream, socket, {
    onBytes: (length) => {
      moved += length;
      onBytesOut?.(length);
    },
  });
  try {
    await Promise.all([inward.then(watchIdle, fail), outward.then(watchIdle, fail)]);
    await untilClosed(socket);
  } finally {
    clearTimeout(idleTimer);
    socket.off("error", onError);
    // An error after this point has nobody left to tell, and must not end the process
    socket.once("error", onError);
  }
}

/**
 * Waits until a socket that was ended is closed, and throws away what its peer still sends.
 *
 * @param socket is destroyed after 5 s
 * @returns resolves once it is closed
 */
export function untilClosed(socket: Duplex): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
  });
}
