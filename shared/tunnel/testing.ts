/**
 * Helpers for tests of the tunnel: a peer that speaks frames by hand, a clock that stands still, and
 * a pair of sessions.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { defaultConfig } from "./config.ts";
import { FrameDecoder } from "./decode.ts";
import { encodeFrame } from "./encode.ts";
import { FrameType, frameTypeName } from "./frame.ts";
import { encodeRequestHead, encodeResponseHead, type RequestHead } from "./head.ts";
import { encodeHello, type HelloOptions, type Role } from "./hello.ts";
import type { SetTimer } from "./keepalive.ts";
import { type MemoryConnOptions, memoryConnPair } from "./memory_conn.ts";
import type { CloseInfo, MessageConn } from "./message_conn.ts";
import { Session } from "./session.ts";
import type { SessionOptions } from "./session_types.ts";
import type { TunnelStream } from "./stream.ts";

/** A request head for tests. */
export const GET: RequestHead = {
  method: "GET",
  target: "direct",
  path: "/version",
  upgrade: false,
  headers: [],
};

/** Lets so many turns of the event loop pass. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Waits until something is true, for at most two seconds of real time. */
export async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + 2000;
  while (!what()) {
    if (performance.now() > end) throw new Error(`It never came true: ${what}`);
    await turns(1);
  }
}

/** A clock that moves only when told to. */
export class FakeClock {
  #now = 1000;
  #timers = new Set<{ at: number; run: () => void }>();

  readonly now = (): number => this.#now;

  readonly setTimer: SetTimer = (run, ms) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, runs what is due in its order, and lets messages travel in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await turns();
      let next: { at: number; run: () => void } | undefined;
      for (const timer of this.#timers) {
        if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
    await turns();
  }
}

/** A frame as it came. */
export interface SeenFrame {
  type: string;
  id: number;
  payload: Uint8Array;
  /** Number of the message it came in. */
  message: number;
}

/** A peer that speaks frames by hand. */
export class RawPeer {
  readonly frames: SeenFrame[] = [];
  readonly messageSizes: number[] = [];
  readonly role: Role;
  readonly conn: MessageConn;
  closed: CloseInfo | undefined;

  constructor(conn: MessageConn, role: Role) {
    this.conn = conn;
    this.role = role;
    const decoder = new FrameDecoder((type, id, payload) =>
      this.frames.push({
        type: frameTypeName(type),
        id,
        payload,
        message: this.messageSizes.length,
      }), 0xffffff);
    conn.start({
      message: (data) => {
        this.messageSizes.push(data.length);
        decoder.push(data);
      },
      close: (info) => this.closed = info,
    });
  }

  /** Sends frames in one message. */
  send(...frames: Uint8Array[]): void {
    const message = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      message.set(frame, at);
      at += frame.length;
    }
    this.conn.send(message);
  }

  /** Sends HELLO. */
  hello(options: HelloOptions = {}, config = defaultConfig): void {
    this.send(encodeFrame(FrameType.HELLO, 0, encodeHello(this.role, "raw", config, options)));
  }

  /** What came of a type, so far. */
  of(type: keyof typeof FrameType, id?: number): SeenFrame[] {
    return this.frames.filter((frame) =>
      frame.type === type && (id === undefined || frame.id === id)
    );
  }

  /** Payload bytes of DATA, so far. */
  dataBytes(id?: number): number {
    return this.of("DATA", id).reduce((sum, frame) => sum + frame.payload.length, 0);
  }
}

/** @returns an OPEN frame */
export function openFrame(id: number, head: RequestHead = GET): Uint8Array {
  return encodeFrame(FrameType.OPEN, id, encodeRequestHead(head));
}

/** @returns a HEAD frame */
export function headFrame(id: number, status = 200): Uint8Array {
  return encodeFrame(
    FrameType.HEAD,
    id,
    encodeResponseHead({ status, statusText: "", headers: [] }),
  );
}

/** @returns a DATA frame of so many bytes */
export function dataFrame(id: number, length: number): Uint8Array {
  return encodeFrame(FrameType.DATA, id, new Uint8Array(length));
}

/** @returns an END frame */
export function endFrame(id: number): Uint8Array {
  return encodeFrame(FrameType.END, id, new Uint8Array(0));
}

/** One real session and a peer that speaks by hand. */
export interface RawPair {
  session: Session;
  peer: RawPeer;
  clock: FakeClock;
  /** Streams that the session accepted. */
  streams: TunnelStream[];
}

/** Makes a session and a raw peer that has not said HELLO yet. */
export function rawPair(
  role: Role,
  options: Partial<SessionOptions> = {},
  conn: MemoryConnOptions = {},
): RawPair {
  const [a, b] = memoryConnPair(conn);
  const clock = new FakeClock();
  const streams: TunnelStream[] = [];
  const session = new Session({
    role,
    conn: a,
    instanceId: "tested",
    now: clock.now,
    setTimer: clock.setTimer,
    random: () => 0,
    onStream: (stream) => void streams.push(stream),
    ...options,
  });
  return { session, peer: new RawPeer(b, role === "hub" ? "agent" : "hub"), clock, streams };
}

/** {@linkcode rawPair} whose peer has said HELLO. */
export async function greetedPair(
  role: Role,
  options: Partial<SessionOptions> = {},
  conn: MemoryConnOptions = {},
): Promise<RawPair> {
  const pair = rawPair(role, options, conn);
  pair.peer.hello();
  await pair.session.hello;
  await turns();
  return pair;
}

/** Two real sessions. */
export interface SessionPair {
  hub: Session;
  agent: Session;
  /** Ends both. */
  close(): Promise<void>;
}

/** Joins two real sessions and waits for both HELLOs. */
export async function sessionPair(
  { conn, hub: hubOptions, agent: agentOptions }: {
    conn?: MemoryConnOptions;
    hub?: Partial<SessionOptions>;
    agent?: Partial<SessionOptions>;
  } = {},
): Promise<SessionPair> {
  const [a, b] = memoryConnPair(conn);
  const agent = new Session({ role: "agent", conn: b, instanceId: "agent-1", ...agentOptions });
  const hub = new Session({ role: "hub", conn: a, instanceId: "hub-1", ...hubOptions });
  await Promise.all([hub.hello, agent.hello]);
  const close = async (): Promise<void> => {
    hub.close(0, "the test is over");
    await Promise.all([hub.closed, agent.closed]);
    await turns(3);
  };
  return { hub, agent, close };
}

/** Reads a stream to its end. */
export async function readAll(stream: TunnelStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let chunk; (chunk = await stream.read()) !== null;) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Sends back what comes. */
export async function echo(stream: TunnelStream): Promise<void> {
  try {
    stream.sendHead({ status: 200, statusText: "OK", headers: [] });
    for (let chunk; (chunk = await stream.read()) !== null;) await stream.write(chunk);
    stream.end();
  } catch {
    // Cut: the other side of the test looks at it
  }
}
