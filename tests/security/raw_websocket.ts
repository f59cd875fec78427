/**
 * The client's end of a WebSocket, written by hand: frames with any flags, lengths and opcodes.
 *
 * @module
 */
import type { CloseInfo, MessageConn, MessageHandler } from "../../shared/tunnel/message_conn.ts";
import { bearer, dialRequest } from "./neighbour.ts";
import { rawConnect, type RawTarget, rawText } from "./raw_http.ts";

/** How a frame is not what it should be. */
export interface WsFrameOptions {
  /** @default {2: binary} */
  opcode?: number;
  /** @default {true} */
  fin?: boolean;
  /** RSV1 to RSV3 as they stand in the first byte: 0x40, 0x20, 0x10. @default {0} */
  rsv?: number;
  /** A client's frames are masked. @default {true} */
  masked?: boolean;
  /** Length in the header. @default {the payload's} */
  length?: number;
  /** Bytes of the length: 0, 2 or 8. @default {as few as it takes} */
  lengthBytes?: 0 | 2 | 8;
}

/** A frame (RFC 6455, section 5.2). The masking key is 0, so the payload stands as it is. */
export function wsFrame(
  payload: Uint8Array,
  { opcode = 2, fin = true, rsv = 0, masked = true, ...more }: WsFrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const { length = payload.length } = more;
  const { lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8 } = more;
  const head = [(fin ? 0x80 : 0) | rsv | opcode];
  const mask = masked ? 0x80 : 0;
  if (lengthBytes === 0) head.push(mask | length);
  else {
    head.push(mask | (lengthBytes === 2 ? 126 : 127));
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setBigUint64(0, BigInt.asUintN(64, BigInt(length)));
    head.push(...new Uint8Array(bytes.buffer, 8 - lengthBytes));
  }
  if (masked) head.push(0, 0, 0, 0);
  const frame = new Uint8Array(head.length + payload.length);
  frame.set(head);
  frame.set(payload, head.length);
  return frame;
}

/** See the module text. What is sent as a message is one binary frame. */
export class RawWebSocket implements MessageConn {
  readonly bufferedAmount = 0;
  /** Resolves when the connection ended; 1006 without a close frame. */
  readonly closed: Promise<CloseInfo>;
  readonly #conn: Deno.TlsConn;
  readonly #end = Promise.withResolvers<CloseInfo>();
  #handler: MessageHandler | undefined;
  #writing: Promise<void> = Promise.resolve();
  #read = new Uint8Array(0);

  private constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
    this.closed = this.#end.promise;
  }

  /**
   * Dials a cluster's tunnel.
   *
   * @throws with the answer, when it is refused
   */
  static async dial(target: RawTarget, path: string, token: string): Promise<RawWebSocket> {
    const conn = await rawConnect(target);
    const ws = new RawWebSocket(conn);
    ws.write(new TextEncoder().encode(rawText(dialRequest(path, [bearer(token)]))));
    const buffer = new Uint8Array(16 * 1024);
    let text = "";
    while (!text.includes("\r\n\r\n")) {
      const length = await conn.read(buffer);
      if (length === null) break;
      text += String.fromCharCode(...buffer.subarray(0, length));
    }
    if (!text.startsWith("HTTP/1.1 101 ")) {
      conn.close();
      throw new Error(`The tunnel was refused: ${text.slice(0, 1000)}`);
    }
    const rest = text.slice(text.indexOf("\r\n\r\n") + 4);
    ws.#read = Uint8Array.from(rest, (char) => char.charCodeAt(0));
    return ws;
  }

  /** Sends bytes as they are; what the other side does not take any more is dropped. */
  write(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    }).catch(() => {});
  }

  /** Resolves when what was written is on its way. */
  async drained(): Promise<void> {
    await this.#writing;
  }

  start(handler: MessageHandler): void {
    this.#handler = handler;
    void this.closed.then((info) => handler.close(info));
    void this.#reading();
  }

  send(message: Uint8Array): void {
    this.write(wsFrame(message));
  }

  close(code: number): void {
    this.write(wsFrame(new Uint8Array([code >> 8, code & 0xff]), { opcode: 8 }));
    setTimeout(() => this.abort(), 100);
  }

  abort(): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed
    }
  }

  async #reading(): Promise<void> {
    let info: CloseInfo = { code: 1006, reason: "", clean: false };
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
        if (frame.opcode === 2) this.#handler?.message(frame.payload);
        if (frame.opcode !== 8) continue;
        const reason = new TextDecoder().decode(frame.payload.subarray(2));
        info = { code: frame.payload[0]! * 256 + frame.payload[1]!, reason, clean: true };
        this.write(wsFrame(frame.payload, { opcode: 8 }));
      }
      const length = await this.#conn.read(buffer).catch(() => null);
      if (length === null) break;
      const joined = new Uint8Array(this.#read.length + length);
      joined.set(this.#read);
      joined.set(buffer.subarray(0, length), this.#read.length);
      this.#read = joined;
    }
    this.abort();
    this.#end.resolve(info);
  }

  /** The next whole frame of the server, which masks none. */
  #take(): { opcode: number; payload: Uint8Array } | undefined {
    const bytes = this.#read;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length < 2) return undefined;
    const short = bytes[1]! & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const length = short < 126
      ? short
      : short === 126
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    if (bytes.length < head + length) return undefined;
    this.#read = bytes.slice(head + length);
    return { opcode: bytes[0]! & 0x0f, payload: bytes.slice(head, head + length) };
  }
}
