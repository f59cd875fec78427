/**
 * Clients that hold what they do not use (slow-loris): a head or a body that comes byte by byte, an
 * answer that is not read.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import { bytesOf, parseAnswer, type RawAnswer, rawConnect, type RawTarget } from "./raw_http.ts";

/** How a client sends. */
export interface SlowSending {
  /** Goes out at once. */
  first: string;
  /** Then these, again and again, until the server closes; nothing when left out. */
  pieces?: string | readonly string[];
  /** Wait before each piece, in milliseconds. */
  everyMs?: number;
  /** Reads the answer's head, then nothing more. @default {false} */
  stopsReading?: boolean;
}

const latin1 = new TextDecoder("latin1");

/** One connection, open until the server closes it or it is disposed of. */
export class SlowClient implements AsyncDisposable {
  /** When the server closed it, in milliseconds after it began. */
  closedMs: number | undefined;
  /** When the head of an answer was whole, in milliseconds after it began. */
  answeredMs: number | undefined;
  readonly #conn: Deno.TlsConn;
  readonly #began = performance.now();
  readonly #over = new AbortController();
  readonly #work: Promise<unknown>;
  #text = "";

  private constructor(conn: Deno.TlsConn, sending: SlowSending) {
    this.#conn = conn;
    this.#work = Promise.all([this.#send(sending), this.#read(sending.stopsReading === true)]);
  }

  /** @returns a client whose connection stands and that goes on by itself */
  static async open(target: RawTarget, sending: SlowSending): Promise<SlowClient> {
    const conn = await rawConnect(target);
    try {
      await conn.handshake();
    } catch (error) {
      conn.close();
      throw error;
    }
    return new SlowClient(conn, sending);
  }

  /** What it was answered so far; status 0 for nothing. */
  get answer(): RawAnswer {
    return parseAnswer(this.#text);
  }

  get #sinceMs(): number {
    return performance.now() - this.#began;
  }

  async #send({ first, pieces, everyMs = 500 }: SlowSending): Promise<void> {
    try {
      await this.#write(first);
      for (let at = 0; pieces !== undefined; at++) {
        await delay(everyMs, this.#over.signal);
        await this.#write(typeof pieces === "string" ? pieces : pieces[at % pieces.length]!);
      }
    } catch {
      // The server has closed it, or it is disposed of
    }
  }

  async #write(text: string): Promise<void> {
    const bytes = bytesOf(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async #read(stops: boolean): Promise<void> {
    const buffer = new Uint8Array(1024);
    while (true) {
      const length = await this.#conn.read(buffer).catch(() => null);
      if (this.#over.signal.aborted) return;
      if (length === null) break;
      this.#text += latin1.decode(buffer.subarray(0, length));
      if (this.answeredMs === undefined && this.#text.includes("\r\n\r\n")) {
        this.answeredMs = this.#sinceMs;
        // It is refused in full, and a refusal is read to its end
        if (stops && this.answer.status === 200) return;
      }
    }
    this.closedMs = this.#sinceMs;
    this.#over.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#conn.close();
    await this.#work;
  }
}
