/**
 * A socket file that only this process finds, for one connection.
 *
 * @module
 */
import { join } from "node:path";
import { close } from "./connect.ts";
import { DialError } from "./dial_error.ts";
import { HeadReader, type HttpHead } from "./http_head.ts";

/** Who came through the door. */
export interface Visitor {
  conn: Deno.Conn;
  /** Its request, which is read. */
  head: HttpHead;
}

/** Longest path of a socket file: 104 bytes with the final zero on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * Listens on a socket file in a directory that only this user may enter, until somebody comes who
 * knows the secret.
 */
export class PrivateDoor implements Disposable {
  readonly #directory: string;
  readonly #listener: Deno.Listener;
  readonly #strangers = new Set<Deno.Conn>();
  readonly #visitor = Promise.withResolvers<Visitor>();
  /** Keeps out what else runs as the same user; the directory keeps other users out. */
  readonly #secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  /** Connects to the door whatever the URL says. */
  readonly client: Deno.HttpClient;

  private constructor(directory: string, path: string) {
    this.#directory = directory;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    this.#visitor.promise.catch(() => {});
    void this.#listen();
  }

  /**
   * Makes a private directory and listens in it.
   *
   * @param parent where. @default {the system's directory for such files}
   * @throws {DialError} of stage `config` when that is not possible
   */
  static async open(parent: string | undefined): Promise<PrivateDoor> {
    let directory: string | undefined;
    try {
      // Made with mode 0700
      directory = await Deno.makeTempDir({
        prefix: "clusternet-",
        ...(parent === undefined ? {} : { dir: parent }),
      });
      const path = join(directory, "s");
      if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH_BYTES) {
        throw new RangeError(`the path is too long: ${path}`);
      }
      return new PrivateDoor(directory, path);
    } catch (cause) {
      if (directory !== undefined) Deno.removeSync(directory, { recursive: true });
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DialError(
        "config",
        `Cannot make a socket file: ${reason}. Give a short, writable --runtime-dir`,
        { cause },
      );
    }
  }

  /**
   * For the native WebSocket. The host is an address of the discard-only prefix (RFC 6666), so that
   * `NO_PROXY=*`, which the runtime applies to socket files too, does not match: it is for names.
   */
  get url(): string {
    return `ws://[100::1]/${this.#secret}`;
  }

  /** The connection that knows the secret; rejects when the door closes first. */
  get visitor(): Promise<Visitor> {
    return this.#visitor.promise;
  }

  async #listen(): Promise<void> {
    try {
      for (;;) void this.#greet(await this.#listener.accept());
    } catch {
      this.#visitor.reject(new Error("the door is closed"));
    }
  }

  async #greet(conn: Deno.Conn): Promise<void> {
    this.#strangers.add(conn);
    try {
      const head = await new HeadReader(conn).head();
      if (!head.startLine.includes(`/${this.#secret} `)) throw new Error("a stranger");
      this.#visitor.resolve({ conn, head });
    } catch {
      close(conn);
    }
    this.#strangers.delete(conn);
  }

  /** The same as disposing: shuts strangers out and removes the file. Callable more than once. */
  close(): void {
    close(this.#listener);
    for (const conn of this.#strangers) close(conn);
  }

  [Symbol.dispose](): void {
    this.close();
    this.client.close();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}
