/**
 * One end of a tunnel that keeps to no rule: it sends what it is told to, well-formed or not, and
 * notes what comes.
 *
 * @module
 */
import { FrameDecoder } from "../../shared/tunnel/decode.ts";
import { encodeFrame, encodeReset, encodeWindow } from "../../shared/tunnel/encode.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { decodeResponseHead } from "../../shared/tunnel/head.ts";
import type { CloseInfo, MessageConn } from "../../shared/tunnel/message_conn.ts";
import { eventually } from "../e2e/wait.ts";

/** A frame that came. */
export interface SeenFrame {
  type: FrameType;
  id: number;
  payload: Uint8Array<ArrayBuffer>;
}

/** How a stream that this end opened was answered. */
export interface StreamAnswer {
  /** 0 when it was reset before a HEAD. */
  status: number;
  headers: [name: string, value: string][];
  body: string;
  /** Code of the RESET that ended it. */
  reset?: number;
}

/** PROTOCOL.md, section 7; a test sends no more than twice as much. */
const FIRST_CREDIT = 65_536;

type Pairs = readonly (readonly [name: string, value: string])[];

/** A header block, whatever its fields hold. */
export function block(pairs: Pairs): Uint8Array {
  return new TextEncoder().encode(pairs.map(([name, value]) => `${name}\0${value}\0`).join(""));
}

/** The payload of a HELLO that the other end takes. */
export function helloBlock(role: "hub" | "agent", more: Pairs = []): Uint8Array {
  return block([
    ["version", "1"],
    ["role", role],
    ["instance-id", crypto.randomUUID()],
    ["max-frame", "32768"],
    ["max-streams", "1024"],
    ["stream-window", "65536"],
    ["session-window", "1048576"],
    ["ping-interval-ms", "15000"],
    ["dead-after-ms", "45000"],
    ...more,
  ]);
}

/** See the module text. */
export class FramePeer {
  /** All frames but DATA that no test looks at. */
  readonly frames: SeenFrame[] = [];
  /** How the connection ended. */
  readonly closed: Promise<CloseInfo>;
  readonly #conn: MessageConn;
  #end: CloseInfo | undefined;
  #nextId: number;

  /**
   * @param role decides on the ids of the streams that this end opens
   * @param onFrame told of each frame
   */
  constructor(
    conn: MessageConn,
    role: "hub" | "agent",
    onFrame: (frame: SeenFrame) => void = () => {},
  ) {
    this.#conn = conn;
    this.#nextId = role === "hub" ? 1 : 2;
    const closed = Promise.withResolvers<CloseInfo>();
    this.closed = closed.promise;
    const decoder = new FrameDecoder((type, id, payload) => {
      const frame = { type, id, payload: payload.slice() };
      this.frames.push(frame);
      if (type === FrameType.PING) this.send(encodeFrame(FrameType.PONG, 0, frame.payload));
      onFrame(frame);
    }, 256 * 1024);
    conn.start({
      message: (data) => decoder.push(data),
      close: (info) => {
        this.#end = info;
        closed.resolve(info);
      },
    });
  }

  /** Whether the connection has ended. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Sends frames in one message. */
  send(...frames: Uint8Array[]): void {
    const message = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const frame of frames) {
      message.set(frame, at);
      at += frame.length;
    }
    this.#conn.send(message);
  }

  /** Sends a HELLO. */
  hello(role: "hub" | "agent", more: Pairs = []): void {
    this.send(encodeFrame(FrameType.HELLO, 0, helloBlock(role, more)));
  }

  /** Waits for a frame. */
  async frame(what: string, is: (frame: SeenFrame) => boolean, ms = 10_000): Promise<SeenFrame> {
    return await eventually(what, ms, () => {
      const found = this.frames.find(is);
      if (found === undefined) {
        const last = this.frames.slice(-5).map(({ type, id }) => `${type}/${id}`);
        throw new Error(`${what} has not come, but ${last}; end: ${JSON.stringify(this.#end)}`);
      }
      return found;
    }, 10);
  }

  /**
   * Opens a stream and waits for its end.
   *
   * @param head pairs of the OPEN, or its payload
   */
  async request(head: Pairs | Uint8Array, body = ""): Promise<StreamAnswer> {
    const id = this.#nextId;
    this.#nextId += 2;
    const payload = head instanceof Uint8Array ? head : block(head);
    this.send(encodeFrame(FrameType.OPEN, id, payload));
    this.send(encodeWindow(id, 1 << 20), encodeWindow(0, 1 << 20));
    if (body !== "") await this.#data(id, new TextEncoder().encode(body));
    this.send(encodeFrame(FrameType.END, id, new Uint8Array(0)));
    const last = await this.frame(
      `the end of stream ${id}`,
      ({ type, id: of }) => of === id && (type === FrameType.END || type === FrameType.RESET),
      20_000,
    );
    const mine = this.frames.filter((frame) => frame.id === id);
    const first = mine.find(({ type }) => type === FrameType.HEAD);
    const answer = first === undefined ? undefined : decodeResponseHead(first.payload);
    return {
      status: answer?.status ?? 0,
      headers: answer?.headers ?? [],
      body: mine.filter(({ type }) => type === FrameType.DATA)
        .map(({ payload: data }) => new TextDecoder().decode(data)).join(""),
      ...(last.type === FrameType.RESET
        ? { reset: new DataView(last.payload.buffer).getUint32(0) }
        : {}),
    };
  }

  /** Sends a body, within the credit that every stream begins with; the rest when there is more. */
  async #data(id: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += 16_384) {
      if (at === FIRST_CREDIT) {
        await this.frame(
          `credit for stream ${id}`,
          ({ type, id: of }) => of === id && type !== FrameType.HEAD && type !== FrameType.DATA,
        );
      }
      this.send(encodeFrame(FrameType.DATA, id, bytes.subarray(at, at + 16_384)));
    }
  }

  /** Cuts a stream. */
  reset(id: number, code = 8): void {
    this.send(encodeReset(id, code, ""));
  }

  /** Ends the connection and waits for it. */
  async end(): Promise<void> {
    this.#conn.close(1000, "");
    await this.closed;
  }
}
