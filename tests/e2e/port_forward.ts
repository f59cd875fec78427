/**
 * A server "in a pod" for port-forward, and `kubectl port-forward` to it through the tunnel.
 *
 * @module
 */
import type { Fleet } from "./fleet.ts";

/** A TCP server: a line `bytes N` is answered with N bytes and the end; `echo` echoes from then on. */
export interface ByteServer extends AsyncDisposable {
  readonly port: number;
}

/** @returns the server, on a free port of 127.0.0.1 */
export function startByteServer(): ByteServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serving = (async () => {
    for await (const conn of listener) {
      open.add(conn);
      serve(conn).catch(() => {}).finally(() => {
        open.delete(conn);
        close(conn);
      });
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      for (const conn of open) close(conn);
      await serving;
    },
  };
}

async function serve(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  const count = await conn.read(buffer);
  const line = new TextDecoder().decode(buffer.subarray(0, count ?? 0)).trim();
  const bytes = /^bytes (\d+)$/.exec(line);
  if (bytes !== null) {
    const writer = conn.writable.getWriter();
    for (let left = Number(bytes[1]); left > 0; left -= 65_536) {
      await writer.write(new Uint8Array(Math.min(left, 65_536)));
    }
    await writer.close();
    return;
  }
  await conn.write(new TextEncoder().encode("!"));
  while (true) {
    const size = await conn.read(buffer);
    if (size === null) return;
    await conn.write(buffer.subarray(0, size));
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed by its stream
  }
}

/** A connection through a port-forward that echoes. */
export interface Chat extends AsyncDisposable {
  /** @returns the echo of one letter */
  ask(letter: string): Promise<string>;
}

/** A running `kubectl port-forward`. */
export interface PortForward extends AsyncDisposable {
  /** Local port. */
  readonly port: number;
  /** @returns how many bytes came of `size` asked for */
  fetchBytes(size: number): Promise<number>;
  /** @returns an echoing connection */
  chat(): Promise<Chat>;
}

/**
 * Starts `kubectl port-forward` and waits until it listens.
 *
 * @param env chooses the transport
 */
export async function portForward(
  fleet: Fleet,
  target: string,
  podPort: number,
  env: Record<string, string>,
): Promise<PortForward> {
  const kubectl = fleet.stream(["port-forward", target, `:${podPort}`], { env });
  try {
    const [, local] = await kubectl.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/);
    const port = Number(local);
    return {
      port,
      fetchBytes: (size) => fetchBytes(port, size),
      chat: () => chat(port),
      [Symbol.asyncDispose]: () => kubectl[Symbol.asyncDispose](),
    };
  } catch (error) {
    await kubectl[Symbol.asyncDispose]();
    throw error;
  }
}

async function fetchBytes(port: number, size: number): Promise<number> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(`bytes ${size}\n`));
  const buffer = new Uint8Array(65_536);
  // Not to the end of the stream: a kubelet need not pass the end of one direction on
  let total = 0;
  while (total < size) {
    const count = await conn.read(buffer);
    if (count === null) return total;
    total += count;
  }
  return total;
}

async function chat(port: number): Promise<Chat> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("echo\n"));
  await conn.read(new Uint8Array(1)); // so that the first letter does not share its packet
  return {
    async ask(letter): Promise<string> {
      await conn.write(new TextEncoder().encode(letter));
      const buffer = new Uint8Array(1);
      await conn.read(buffer);
      return new TextDecoder().decode(buffer);
    },
    [Symbol.asyncDispose](): Promise<void> {
      conn.close();
      return Promise.resolve();
    },
  };
}
