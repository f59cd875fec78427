import assert from "node:assert/strict";
import net from "node:net";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import { Session } from "../../shared/tunnel/session.ts";
import type { HeaderPairs } from "../../shared/tunnel/head.ts";
import { Chain, CLUSTER, tick } from "./harness.ts";

/** A child that answers each request with these bytes and says no more. */
function answering(text: string): (socket: net.Socket) => void {
  return (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(text, "latin1"));
  };
}

/** A chain whose child is a plain socket server. */
async function hostileChild(
  onConnection: (socket: net.Socket) => void,
): Promise<AsyncDisposable & { chain: Chain; path: (rest: string) => string }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  const chain = await Chain.connected({ allow: [`http://127.0.0.1:${port}`], openToHeadMs: 3_000 });
  return {
    chain,
    path: (rest) => chain.path(rest, `http/127.0.0.1:${port}`),
    async [Symbol.asyncDispose](): Promise<void> {
      await chain[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const CASES: [name: string, text: string][] = [
  ["1,500 lines", `HTTP/1.1 200 OK\r\n${"X-A: b\r\n".repeat(1_500)}Content-Length: 0\r\n\r\n`],
  ["5,000 lines", `HTTP/1.1 200 OK\r\n${"X-A: b\r\n".repeat(5_000)}Content-Length: 0\r\n\r\n`],
  ["a line of 62 KiB", `HTTP/1.1 200 OK\r\nX-A: ${"b".repeat(62 * 1024)}\r\n\r\n`],
  ["a line of 1 MiB", `HTTP/1.1 200 OK\r\nX-A: ${"b".repeat(1 << 20)}\r\n\r\n`],
  ["a head without end", `HTTP/1.1 200 OK\r\n${"X-A: bbbbbbbb\r\n".repeat(20_000)}`],
  ["a phrase of 100 KiB", `HTTP/1.1 200 ${"b".repeat(100 * 1024)}\r\nContent-Length: 0\r\n\r\n`],
];

for (const [name, text] of CASES) {
  Deno.test(`A child that answers with ${name} costs its caller a 502, nobody else`, async () => {
    await using hostile = await hostileChild(answering(text));
    const { chain, path } = hostile;
    const got = await chain.raw(
      `GET ${path("/")} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n`,
    );
    assert.match(got, /^HTTP\/1\.1 502 /);
    const upgrade = await chain.raw(
      `GET ${path("/")} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`,
    );
    assert.match(upgrade, /^HTTP\/1\.1 502 /);
    await chain.idle();
    assert.equal((await chain.get("/")).status, 200);
  });
}

Deno.test("A child's head of 500 lines and 50 KiB passes whole", async () => {
  const lines = `X-A: ${"b".repeat(95)}\r\n`.repeat(500);
  await using hostile = await hostileChild(
    answering(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`),
  );
  const { chain, path } = hostile;
  const got = await chain.raw(
    `GET ${path("/")} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n`,
  );
  assert.match(got, /^HTTP\/1\.1 200 /);
  assert.equal(got.match(/X-A: b{95}\r\n/g)?.length, 500);
});

Deno.test("An agent whose answers have odd heads costs the caller a 502, nobody else", async () => {
  await using chain = await Chain.start();
  const [hubConn, agentConn] = memoryConnPair();
  chain.registry.attach(CLUSTER, hubConn, { remote: "memory" });
  const heads: Record<string, { statusText?: string; headers: HeaderPairs }> = {
    "/lines": { headers: Array.from({ length: 1_001 }, () => ["x", ""] as [string, string]) },
    "/control": { headers: [["x", "a\u0001b"]] },
    "/wide": { headers: [["x", "\u010a"]] },
    "/phrase": { statusText: "a\u0001b", headers: [] },
    "/lengths": { headers: [["Content-Length", "1"], ["Content-Length", "2"]] },
    "/same-lengths": { headers: [["Content-Length", "1"], ["content-length", "1"]] },
    ...Object.fromEntries(
      ["1 ", " 1", "\t1", "+1", "-1", "0x1", "01", "1, 1", "", "9".repeat(400)].map((length) => [
        `/length-${encodeURIComponent(length).slice(0, 20)}`,
        { headers: [["Content-Length", length]] as [string, string][] },
      ]),
    ),
  };
  const agent = new Session({
    role: "agent",
    conn: agentConn,
    instanceId: "hostile",
    onStream: (stream) => {
      const { statusText = "", headers = [] } = heads[stream.head.path] ?? {};
      stream.sendHead({ status: stream.head.upgrade ? 101 : 200, statusText, headers });
      stream.end();
    },
  });
  chain.agents.push(agent);
  await agent.hello;
  while (!chain.registry.connected(CLUSTER)) await tick(1);
  for (const path of Object.keys(heads)) {
    const head = `GET ${chain.path(path)} HTTP/1.1\r\nHost: hub\r\n`;
    const got = await chain.raw(`${head}Connection: close\r\n\r\n`);
    assert.match(got, /^HTTP\/1\.1 502 /, path);
    if (path === "/control" || path === "/phrase") continue;
    const upgrade = await chain.raw(`${head}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`);
    assert.match(upgrade, /^HTTP\/1\.1 502 /, path);
  }
  assert.equal((await chain.get("/fine")).status, 200);
  await chain.idle();
});

Deno.test("A body that trickles does not put the answer's deadline off; one that moves does", async () => {
  await using chain = await Chain.connected({
    openToHeadMs: 400,
    child: (req, res) => {
      req.resume();
      req.on("end", () => res.end("whole"));
      req.on("error", () => {});
    },
  });
  const upload = async (
    pieceBytes: number,
    pieces: number,
  ): Promise<{ got: string; ms: number }> => {
    const socket = net.connect(chain.port, "127.0.0.1");
    socket.on("error", () => {});
    let got = "";
    socket.setEncoding("latin1").on("data", (chunk) => got += chunk);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const startedAt = performance.now();
    socket.write(
      `POST ${chain.path("/")} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n` +
        `Content-Length: ${pieceBytes * pieces}\r\n\r\n`,
    );
    for (let i = 0; i < pieces && got === "" && !socket.destroyed; i++) {
      socket.write("b".repeat(pieceBytes));
      await tick(100);
    }
    const ms = performance.now() - startedAt;
    socket.end();
    await closed;
    return { got, ms };
  };
  const slow = await upload(1, 60);
  assert.match(slow.got, /^HTTP\/1\.1 504 /);
  assert.ok(slow.ms < 2_000, `${slow.ms} ms`);
  const fine = await upload(1024, 10);
  assert.match(fine.got, /^HTTP\/1\.1 200 [^]*whole/);
  await chain.idle();
  await tick(2_000); // How long a client that still sends may read its answer
});
