import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { Chain, tick } from "./harness.ts";

/** Sockets that this process has open. */
function openSockets(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith("socket:")) count++;
    } catch {
      // Closed meanwhile
    }
  }
  return count;
}

Deno.test({
  name: "A thousand exchanges that end in every way leave no stream and no socket behind",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using chain = await Chain.connected({
      child: (req, res) => {
        req.on("error", () => {}).resume();
        const way = Math.random();
        if (way < 0.1) return void req.socket.destroy();
        if (way < 0.2) {
          res.write("x".repeat(1_000));
          return void setTimeout(() => req.socket.destroy(), 5);
        }
        if (way < 0.3) return void setTimeout(() => res.end("late"), 30);
        res.end("x".repeat(Math.floor(Math.random() * 200_000)));
      },
      childUpgrade: (_, socket) => {
        socket.allowHalfOpen = true;
        const way = Math.random();
        if (way < 0.1) return void socket.destroy();
        socket.write("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
        if (way < 0.2) return void setTimeout(() => socket.resetAndDestroy(), 5);
        socket.pipe(socket);
      },
    });
    const before = openSockets();
    const work = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        await (Math.random() < 0.3 ? upgrade(chain) : exchange(chain));
      }
    };
    await Promise.all(Array.from({ length: 40 }, work));
    await chain.idle(10_000);
    await tick(50);
    // The agent keeps at most 16 idle connections; each has two ends here
    const left = openSockets() - before;
    assert.ok(left <= 32 + 4, `${left} sockets are left over`);
  },
});

async function exchange(chain: Chain): Promise<void> {
  const post = Math.random() < 0.5;
  await new Promise<void>((resolve) => {
    const req = http.request({
      port: chain.port,
      path: chain.path("/"),
      method: post ? "POST" : "GET",
      agent: false,
    }, (res) => res.on("error", () => {}).resume());
    req.on("error", () => {}).on("close", resolve);
    if (post) req.write("z".repeat(Math.floor(Math.random() * 300_000)));
    if (Math.random() < 0.3) setTimeout(() => req.destroy(), Math.random() * 20);
    req.end();
  });
}

async function upgrade(chain: Chain): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = net.connect({ port: chain.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {}).on("close", () => resolve());
    socket.on("data", () => {}).on("end", () => socket.end());
    socket.write(
      `GET ${chain.path("/")} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n` +
        "y".repeat(Math.floor(Math.random() * 5_000)),
    );
    setTimeout(() => {
      const way = Math.random();
      if (way < 0.3) socket.destroy();
      else if (way < 0.6) socket.resetAndDestroy();
      else socket.end("bye");
    }, Math.random() * 40);
  });
}
