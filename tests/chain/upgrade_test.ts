import assert from "node:assert/strict";
import net from "node:net";
import { Chain, tick } from "./harness.ts";

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\n";

/** The text of an upgrade request. */
function upgradeText(chain: Chain, path: string, headers = ""): string {
  return `POST ${chain.path(path)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
    `Upgrade: SPDY/3.1\r\n${headers}\r\n`;
}

/** A client's socket that collects what it gets. */
class Client {
  readonly socket: net.Socket;
  text = "";
  ended = false;
  closed = false;

  constructor(chain: Chain) {
    this.socket = net.connect({ port: chain.port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.setEncoding("latin1").on("error", () => {});
    this.socket.on("data", (chunk) => this.text += chunk);
    this.socket.on("end", () => this.ended = true);
    this.socket.on("close", () => this.closed = true);
  }

  async until(done: () => boolean): Promise<void> {
    for (let i = 0; !done(); i++) {
      if (i > 600) throw new Error(`gave up, got ${JSON.stringify(this.text.slice(-200))}`);
      await tick(5);
    }
  }
}

Deno.test("A SPDY-like upgrade passes its head and raw bytes both ways", async () => {
  let seen: string[] = [];
  await using chain = await Chain.connected({
    childUpgrade: (req, socket, head) => {
      seen = req.rawHeaders;
      socket.write(
        `${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
          "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nearly:",
      );
      socket.write(head);
      socket.pipe(socket);
    },
  });
  const client = new Client(chain);
  client.socket.write(
    upgradeText(
      chain,
      "/exec?command=sh",
      "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" +
        "X-Stream-Protocol-Version: v3.channel.k8s.io\r\nImpersonate-User: admin\r\n",
    ) + "\x00\xff\x80first",
    "latin1",
  );
  await client.until(() => client.text.endsWith("first"));
  const [head, rest] = client.text.split("\r\n\r\n") as [string, string];
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(head, /X-Stream-Protocol-Version: v4\.channel\.k8s\.io/);
  assert.match(head, /Connection: Upgrade/);
  assert.match(head, /Upgrade: SPDY\/3\.1/);
  assert.equal(rest, "early:\x00\xff\x80first");
  const versions = seen.filter((_, i) => /^x-stream-protocol-version$/i.test(seen[i - 1] ?? ""));
  assert.deepEqual(versions, ["v4.channel.k8s.io", "v3.channel.k8s.io"]);
  assert.equal(seen[seen.indexOf("Impersonate-User") + 1], "ann");
  assert.equal(seen[seen.indexOf("Authorization") + 1], "Bearer agent-token");
  assert.match(await chain.metrics.metrics(), /clusternet_hub_proxy_upgrades_open 1/);
  client.socket.write("again");
  await client.until(() => client.text.endsWith("again"));
  client.socket.end();
  await client.until(() => client.closed);
  await chain.idle();
  assert.match(await chain.metrics.metrics(), /clusternet_hub_proxy_upgrades_open 0/);
});

Deno.test("A half-close passes both ways, with data after it", async () => {
  await using chain = await Chain.connected({
    childUpgrade: (req, socket) => {
      socket.allowHalfOpen = true;
      socket.write(`${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      if (req.url === "/child-first") {
        socket.end("bye");
        let got = 0;
        socket.on("data", (chunk) => got += chunk.length);
        socket.on("end", () => childGot = got);
        return;
      }
      let got = 0;
      socket.on("data", (chunk) => got += chunk.length);
      socket.on("end", () => setTimeout(() => socket.end(`after the end: ${got}`), 50));
    },
  });
  let childGot = -1;
  const client = new Client(chain);
  client.socket.write(upgradeText(chain, "/client-first"));
  await client.until(() => client.text.includes("\r\n\r\n"));
  client.socket.end("x".repeat(1_000_000));
  await client.until(() => client.closed);
  assert.match(client.text, /after the end: 1000000$/);

  const second = new Client(chain);
  second.socket.write(upgradeText(chain, "/child-first"));
  await second.until(() => second.ended);
  assert.match(second.text, /bye$/);
  second.socket.write("still here");
  await tick(30);
  second.socket.end();
  await second.until(() => second.closed);
  await chain.idle();
  assert.equal(childGot, "still here".length);
});

Deno.test("Large data both ways at once stays exact behind a slow reader", async () => {
  const size = 8_000_000;
  await using chain = await Chain.connected({
    childUpgrade: (_, socket) => {
      socket.allowHalfOpen = true;
      socket.write(`${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      socket.pipe(socket);
    },
  });
  const client = new Client(chain);
  client.socket.write(upgradeText(chain, "/"));
  await client.until(() => client.text.endsWith("\r\n\r\n"));
  const headLength = client.text.length;
  const block = Array.from({ length: 1000 }, (_, i) => String(i % 10)).join("");
  client.socket.write(block.repeat(size / block.length));
  client.socket.end();
  await tick(20);
  client.socket.pause();
  await tick(200);
  client.socket.resume();
  await client.until(() => client.closed);
  const got = client.text.slice(headLength);
  assert.equal(got.length, size);
  assert.equal(got, block.repeat(size / block.length));
  await chain.idle();
});

Deno.test("Anything but 101 is an ordinary answer on a connection that closes", async () => {
  let childSockets = 0;
  await using chain = await Chain.connected({
    child: (req, res) => {
      if (req.url === "/302") {
        return void res.writeHead(302, ["Location", "https://x.example/"]).end();
      }
      if (req.url === "/chunked") {
        res.writeHead(200);
        res.write("one,");
        return void setTimeout(() => res.end("two"), 20);
      }
      res.writeHead(Number(req.url!.slice(1)), ["X-Why", "no"]).end("not today");
    },
    // A server that does not know the protocol answers as to any other request
    childUpgrade: (req, socket) => {
      const length = req.url === "/chunked" ? "" : "Content-Length: 9\r\n";
      if (req.url === "/302") {
        return void socket.end("HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\n\r\n");
      }
      if (req.url === "/chunked") {
        return void socket.end(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\none,two\r\n0\r\n\r\n",
        );
      }
      // The connection is left open: the agent must not keep it
      socket.resume().on("end", () => socket.end());
      socket.write(`HTTP/1.1 ${req.url!.slice(1)} No\r\nX-Why: no\r\n${length}\r\nnot today`);
    },
  });
  chain.child.on("connection", (socket) => {
    childSockets++;
    socket.on("close", () => childSockets--);
  });
  for (const status of [200, 403, 502]) {
    const client = new Client(chain);
    client.socket.write(upgradeText(chain, `/${status}`) + "bytes of another protocol");
    await client.until(() => client.ended);
    client.socket.end();
    assert.match(client.text, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(client.text, /X-Why: no\r\n/);
    assert.match(client.text, /Connection: close\r\n/);
    assert.match(client.text, /not today$/);
    await client.until(() => client.closed);
  }
  const chunked = new Client(chain);
  chunked.socket.write(upgradeText(chain, "/chunked"));
  await chunked.until(() => chunked.ended);
  chunked.socket.end();
  assert.match(chunked.text, /Transfer-Encoding: chunked\r\n/);
  assert.match(chunked.text, /\r\n0\r\n\r\n$/);
  const moved = new Client(chain);
  moved.socket.write(upgradeText(chain, "/302"));
  await moved.until(() => moved.ended);
  moved.socket.end();
  assert.match(moved.text, /^HTTP\/1\.1 502 /);
  assert.doesNotMatch(moved.text, /\r\nLocation:/);
  await chain.idle();
  await tick(20);
  assert.equal(childSockets, 0);
});

Deno.test("A client that leaves an upgrade, before or after 101, frees the child", async () => {
  let open = 0;
  await using chain = await Chain.connected({
    childUpgrade: (req, socket) => {
      open++;
      socket.on("close", () => open--).on("end", () => socket.end());
      if (req.url === "/silent") return void socket.resume();
      socket.write(`${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      if (req.url === "/flood") {
        const send = (): boolean => {
          while (socket.write("x".repeat(65_536)));
          return socket.once("drain", send).destroyed;
        };
        send();
      } else socket.resume();
    },
  });
  for (const path of ["/silent", "/idle", "/flood"]) {
    const client = new Client(chain);
    client.socket.write(upgradeText(chain, path));
    await tick(80);
    assert.equal(open, 1, path);
    if (path === "/flood") client.socket.resetAndDestroy();
    else client.socket.destroy();
    await chain.idle();
    await client.until(() => open === 0);
  }
});

Deno.test("A child that dies after 101 ends the client's connection", async () => {
  await using chain = await Chain.connected({
    childUpgrade: (_, socket) => {
      socket.write(`${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      setTimeout(() => socket.resetAndDestroy(), 30);
    },
  });
  const client = new Client(chain);
  client.socket.write(upgradeText(chain, "/"));
  await client.until(() => client.closed || client.ended);
  client.socket.destroy();
  await chain.idle();
});

Deno.test("A connection that stays half-closed in silence is ended", async () => {
  await using chain = await Chain.connected({
    halfClosedIdleMs: 100,
    childUpgrade: (_, socket) => {
      socket.allowHalfOpen = true;
      socket.write(`${SWITCH}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      socket.resume();
    },
  });
  const client = new Client(chain);
  client.socket.write(upgradeText(chain, "/"));
  await client.until(() => client.text.includes("101"));
  client.socket.end();
  await client.until(() => client.closed);
  await chain.idle();
});

Deno.test("An upgrade with a body is refused", async () => {
  await using chain = await Chain.connected({ childUpgrade: (_, socket) => void socket.destroy() });
  const client = new Client(chain);
  client.socket.write(upgradeText(chain, "/", "Content-Length: 5\r\n") + "hello");
  await client.until(() => client.ended);
  client.socket.end();
  assert.match(client.text, /^HTTP\/1\.1 400 /);
  await client.until(() => client.closed);
  await chain.idle();
});
