/**
 * Puts frames together into messages: control frames first, then one turn for each stream that has
 * something to send, round and round. One flush per turn of the event loop; at most 256 KiB wait in
 * the connection.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";
import { FRAME_HEADER_BYTES, MAX_HEAD_BYTES, MAX_WINDOW } from "./constants.ts";
import { writeFrameHeader, writeUint32 } from "./encode.ts";
import { FrameType } from "./frame.ts";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type MessageConn } from "./message_conn.ts";
import { Fill, type OutMessage, type SendQueue } from "./send_queue.ts";
import type { ReceiveWindow } from "./window.ts";

/** Control frames that may wait while the peer does not read, in bytes. */
const MAX_CONTROL_BYTES = 1024 * 1024;

/** A message is begun only with so much room in the connection: any single frame fits. */
const MIN_ROOM_BYTES = MAX_HEAD_BYTES + 2 * FRAME_HEADER_BYTES;

/**
 * All sessions write their messages into this one buffer: a flush runs to its end without a break,
 * and `MessageConn.send` does not keep the bytes.
 */
const scratch: { buffer: Uint8Array | undefined } = { buffer: undefined };

/** What a {@linkcode Scheduler} needs. */
export interface SchedulerOptions {
  /** Where messages go. */
  conn: MessageConn;
  /** Size up to which frames are put together, in bytes. */
  messageBytes: number;
  /** A stream's END was put into a message. */
  onEnded: (queue: SendQueue) => void;
  /** Too many control frames wait: the peer does not read. */
  onOverflow: () => void;
}

/** Orders what goes out. */
export class Scheduler {
  /** Messages sent. */
  messages = 0;
  /** Frames sent. */
  frames = 0;
  /** Bytes sent, headers included. */
  bytes = 0;
  readonly #conn: MessageConn;
  readonly #messageBytes: number;
  readonly #onEnded: (queue: SendQueue) => void;
  readonly #onOverflow: () => void;
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  /** Windows with credit to return. */
  #windows: ReceiveWindow[] = [];
  /** Streams with something to send, the next one at `#readyFirst`. */
  #ready: SendQueue[] = [];
  #readyFirst = 0;
  /** Streams that wait for the session's credit, in order. */
  #blocked: SendQueue[] = [];
  #credit = 0;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #waiting = false;
  #stopped = false;

  constructor({ conn, messageBytes, onEnded, onOverflow }: SchedulerOptions) {
    this.#conn = conn;
    this.#messageBytes = messageBytes;
    this.#onEnded = onEnded;
    this.#onOverflow = onOverflow;
  }

  /** The session's credit that is left, in bytes. */
  get credit(): number {
    return this.#credit;
  }

  /** Books a WINDOW of the session. @returns `false` when the credit would leave its limits */
  addCredit(delta: number): boolean {
    this.#credit += delta;
    if (this.#credit > 0 && this.#blocked.length > 0) {
      for (const queue of this.#blocked) this.#ready.push(queue);
      this.#blocked = [];
      this.#schedule();
    }
    return this.#credit <= MAX_WINDOW && this.#credit >= -MAX_WINDOW;
  }

  /** Queues a whole control frame: it goes before all frames of streams. */
  control(frame: Uint8Array): void {
    if (this.#stopped) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    if (this.#controlBytes > MAX_CONTROL_BYTES) this.#onOverflow();
    else this.#schedule();
  }

  /** Returns a window's credit with the next message. */
  window(window: ReceiveWindow): void {
    if (window.queued || this.#stopped) return;
    window.queued = true;
    this.#windows.push(window);
    this.#schedule();
  }

  /** Gives a stream its turns, now that it may have something to send. */
  activate(queue: SendQueue): void {
    if (queue.scheduled || this.#stopped || !queue.ready) return;
    queue.scheduled = true;
    this.#ready.push(queue);
    this.#schedule();
  }

  /** Drops everything; nothing is sent any more. */
  stop(): void {
    this.#stopped = true;
    this.#control = [];
    this.#windows = [];
    this.#ready = [];
    this.#blocked = [];
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  #schedule(): void {
    if (this.#immediate !== undefined || this.#waiting || this.#stopped) return;
    this.#immediate = setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#immediate = undefined;
    if (this.#stopped) return;
    // Taken while in use: should a send ever come back here, it gets a buffer of its own
    const buffer = scratch.buffer ?? new Uint8Array(MAX_MESSAGE_BYTES);
    scratch.buffer = undefined;
    while (this.#hasWork) {
      const room = MAX_BUFFERED_BYTES - this.#conn.bufferedAmount;
      if (room < MIN_ROOM_BYTES) {
        this.#waitForRoom();
        break;
      }
      const out: OutMessage = {
        buffer,
        length: 0,
        limit: Math.min(this.#messageBytes, room),
        credit: this.#credit,
        frames: 0,
      };
      this.#fillControl(out);
      this.#fillStreams(out);
      this.#credit = out.credit;
      if (out.length === 0) break;
      this.messages++;
      this.frames += out.frames;
      this.bytes += out.length;
      this.#conn.send(buffer.subarray(0, out.length));
    }
    scratch.buffer = buffer;
  };

  get #hasWork(): boolean {
    return !this.#stopped &&
      (this.#readyFirst < this.#ready.length || this.#control.length > 0 ||
        this.#windows.length > 0);
  }

  #waitForRoom(): void {
    this.#waiting = true;
    this.#conn.drained().then(() => {
      this.#waiting = false;
      if (!this.#stopped) this.#flush();
    });
  }

  #fillControl(out: OutMessage): void {
    let taken = 0;
    for (const frame of this.#control) {
      // The first one always goes: a long SYNC may be above the usual size of a message
      if (out.length > 0 && out.length + frame.length > out.limit) break;
      out.buffer.set(frame, out.length);
      out.length += frame.length;
      out.frames++;
      this.#controlBytes -= frame.length;
      taken++;
    }
    if (taken === this.#control.length) this.#control.length = 0;
    else this.#control.splice(0, taken);
    taken = 0;
    for (const window of this.#windows) {
      if (out.length + FRAME_HEADER_BYTES + 4 > out.limit) break;
      taken++;
      const delta = window.takeDue();
      if (delta === 0) continue;
      writeFrameHeader(out.buffer, out.length, 4, FrameType.WINDOW, window.id);
      writeUint32(out.buffer, out.length + FRAME_HEADER_BYTES, delta);
      out.length += FRAME_HEADER_BYTES + 4;
      out.frames++;
    }
    if (taken === this.#windows.length) this.#windows.length = 0;
    else this.#windows.splice(0, taken);
  }

  #fillStreams(out: OutMessage): void {
    const ready = this.#ready;
    while (this.#readyFirst < ready.length && out.length < out.limit) {
      const queue = ready[this.#readyFirst]!;
      const result = queue.fill(out);
      if (result === Fill.FULL) break;
      this.#readyFirst++;
      if (result === Fill.MORE) ready.push(queue);
      else if (result === Fill.NO_SESSION_CREDIT) this.#blocked.push(queue);
      else {
        queue.scheduled = false;
        if (result === Fill.ENDED) this.#onEnded(queue);
      }
    }
    if (this.#readyFirst === ready.length) {
      ready.length = 0;
      this.#readyFirst = 0;
    } else if (this.#readyFirst >= 256) {
      ready.splice(0, this.#readyFirst);
      this.#readyFirst = 0;
    }
  }
}
