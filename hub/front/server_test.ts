import assert from "node:assert/strict";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import type { ServerResponse } from "node:http";
import { StatusError } from "../../shared/kube/status.ts";
import type { TLSSocket } from "node:tls";
import { delay } from "../../shared/backoff.ts";
import type { ProxyRequestContext } from "./server.ts";
import { ALICE, DIRECT, get, TestFront } from "./test_front.ts";

const HEAD = ["Host: hub", "Connection: close", ...ALICE].join("\r\n") + "\r\n";

Deno.test("Malformed requests are refused and end their connection only", async (t) => {
  await using test = await TestFront.start();
  const cases: [string, string | Uint8Array, number[]][] = [
    ["two Host lines", `GET ${DIRECT} HTTP/1.1\r\nHost: b\r\n${HEAD}\r\n`, [400]],
    ["no Host", `GET ${DIRECT} HTTP/1.1\r\nConnection: close\r\n\r\n`, [400]],
    ["HTTP/1.0", `GET ${DIRECT} HTTP/1.0\r\n${HEAD}\r\n`, [400]],
    ["obs-fold", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A: b\r\n c\r\n\r\n`, [400]],
    ["absolute form", `GET http://evil${DIRECT} HTTP/1.1\r\n${HEAD}\r\n`, [400]],
    ["asterisk", `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`, [400]],
    ["CONNECT", `CONNECT evil:80 HTTP/1.1\r\n${HEAD}\r\n`, [405]],
    ["TRACE", `TRACE ${DIRECT} HTTP/1.1\r\n${HEAD}\r\n`, [405]],
    ["fragment", `GET ${DIRECT}/a#b HTTP/1.1\r\n${HEAD}\r\n`, [400]],
    ["backslash", `GET ${DIRECT}/a\\b HTTP/1.1\r\n${HEAD}\r\n`, [400]],
    [
      "length and chunked",
      `POST ${DIRECT} HTTP/1.1\r\n${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n` +
      "0\r\n\r\n",
      [400],
    ],
    [
      "two lengths",
      `POST ${DIRECT} HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      [400],
    ],
    [
      "another coding",
      `POST ${DIRECT} HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      [400],
    ],
    ["bare LF", `GET ${DIRECT} HTTP/1.1\nHost: hub\n\n`, [400]],
    ["bare CR", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A: b\rX-B: c\r\n\r\n`, [400]],
    ["NUL", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A: b\0\r\n\r\n`, [400]],
    ["space before colon", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A : b\r\n\r\n`, [400]],
    ["5,000 lines", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}${"X-A: a\r\n".repeat(5_000)}\r\n`, [431]],
    ["70 KB line", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A: ${"a".repeat(70_000)}\r\n\r\n`, [431, 0]],
    ["1 MiB line", `GET ${DIRECT} HTTP/1.1\r\n${HEAD}X-A: ${"a".repeat(1 << 20)}\r\n\r\n`, [
      431,
      0,
    ]],
    ["TLS inside", new Uint8Array([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), [400]],
  ];
  for (const [name, bytes, wanted] of cases) {
    await t.step(name, async () => {
      const { status, body } = await test.send(bytes);
      assert.ok(wanted.includes(status), `${status}`);
      if (status !== 0) assert.equal(JSON.parse(body).kind, "Status");
    });
  }
  assert.equal(test.proxied.length, 0);
  assert.equal((await test.send(get(`${DIRECT}/after`, ...ALICE))).status, 200);
});

Deno.test("Legal path bytes reach the proxy as they came", async () => {
  await using test = await TestFront.start();
  const path = `${DIRECT}/a//b/%2F%c3%a9;v=1/./x/../y/?b=2&a=1%2F2&q=%2e%2e//..`;
  assert.equal((await test.send(get(path, ...ALICE))).status, 200);
  assert.equal(test.proxied[0]!.url, path);
});

Deno.test("What the URL parser would change is not served by the hub itself", async () => {
  await using test = await TestFront.start();
  for (const path of ["/apis/../metrics", "/apis/%2e%2e/metrics", "/apis/x/..", "/./livez"]) {
    assert.equal((await test.send(get(path, ...ALICE))).status, 400, path);
  }
});

Deno.test("A SPDY upgrade passes raw bytes both ways, early ones too", async () => {
  await using test = await TestFront.start();
  const socket = test.connect();
  let text = "";
  const got = Promise.withResolvers<void>();
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.endsWith("\x00\xff late")) got.resolve();
  });
  await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
  socket.write(
    `POST ${DIRECT}/exec HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
      `X-Stream-Protocol-Version: v4\r\nX-Stream-Protocol-Version: v3\r\n${ALICE.join("\r\n")}` +
      "\r\n\r\nearly",
  );
  socket.write(new Uint8Array([0x00, 0xff, 0x20]));
  socket.write("late");
  await got.promise;
  assert.match(text, /^HTTP\/1\.1 101 [^]*\r\nUpgrade: SPDY\/3\.1\r\n/);
  assert.equal(text.split("\r\n\r\n")[1], "early\x00\xff late");
  assert.equal(
    test.proxied[0]!.raw.filter((_, i, raw) => raw[i - 1] === "X-Stream-Protocol-Version")
      .join(),
    "v4,v3",
  );
});

Deno.test("An upgrade of another path is served as a plain request", async () => {
  await using test = await TestFront.start();
  const answer = await test.send(
    `GET /version HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n` +
      `${ALICE.join("\r\n")}\r\n\r\n`,
  );
  assert.equal(answer.status, 200);
});

Deno.test("A proxy that throws gives a Status, or cuts what has begun", async () => {
  let mode = "";
  await using test = await TestFront.start({
    proxyRequest: ({ res }: { res: ServerResponse }) => {
      if (mode === "refuse") throw StatusError.of(502, "no way");
      if (mode === "late") {
        res.writeHead(200, { "Content-Length": "100" });
        res.write("half");
      }
      throw new Error("secret detail");
    },
  });
  mode = "refuse";
  const refused = await test.send(get(`${DIRECT}/x`, ...ALICE));
  assert.equal(refused.status, 502);
  assert.match(refused.head, /Warning: 299 clusternet "no way"/);
  mode = "crash";
  const crashed = await test.send(get(`${DIRECT}/x`, ...ALICE));
  assert.equal(crashed.status, 500);
  assert.doesNotMatch(crashed.body, /secret/);
  mode = "late";
  const cut = await test.send(get(`${DIRECT}/x`, ...ALICE));
  assert.doesNotMatch(cut.body, /Status/);
});

Deno.test("A refused upload ends its connection", async () => {
  await using test = await TestFront.start();
  test.parent.decide = () => false;
  const answer = await test.send(
    `POST ${DIRECT}/x HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n${ALICE.join("\r\n")}` +
      "\r\n\r\npartial",
  );
  assert.equal(answer.status, 403);
  assert.match(answer.head, /\r\nConnection: close/i);
});

Deno.test("An upload that nobody reads is held back, also behind an upgrade", async () => {
  await using test = await TestFront.start({ proxyRequest: () => {}, proxyUpgrade: () => {} });
  const head = `Host: hub\r\n${ALICE.join("\r\n")}\r\n`;
  const heads = [
    `POST ${DIRECT}/x HTTP/1.1\r\n${head}Content-Length: 1000000000\r\n\r\n`,
    `POST ${DIRECT}/x HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  ];
  for (const text of heads) {
    const socket = test.connect();
    await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
    socket.write(text);
    let written = 0;
    const fill = (): void => {
      while (!socket.destroyed && written < 100_000_000) {
        written += 65_536;
        if (!socket.write(new Uint8Array(65_536))) return;
      }
    };
    socket.on("drain", fill);
    fill();
    await delay(500);
    assert.ok(written < 16 * 1024 * 1024, `${written}`);
  }
});

Deno.test("Slow heads and silent handshakes end at their limit; others are served", async () => {
  await using test = await TestFront.start({ limits: { headersMs: 400, handshakeMs: 400 } });
  const started = performance.now();
  const slow = Array.from({ length: 20 }, () => test.send(`GET ${DIRECT} HTTP/1.1\r\nHost:`));
  const silent = Array.from({ length: 5 }, () => tcp(test.port));
  assert.equal((await test.send(get(`${DIRECT}/x`, ...ALICE))).status, 200);
  for (const { status } of await Promise.all(slow)) assert.equal(status, 408);
  await Promise.all(silent.map(({ closed }) => closed));
  assert.ok(performance.now() - started < 5_000);
});

function tcp(port: number): { socket: Socket; closed: Promise<void> } {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  return { socket, closed: new Promise((resolve) => socket.once("close", () => resolve())) };
}

Deno.test("New handshakes see a renewed serving certificate", async () => {
  await using test = await TestFront.start();
  const serial = async (): Promise<string> => {
    const socket = test.connect();
    await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await serial();
  test.serving.set(await test.issueServing());
  assert.notEqual(await serial(), before);
  test.serving.set({ cert: "broken", key: "broken" });
  assert.notEqual(await serial(), before);
});

Deno.test("A drain lets requests end, refuses new ones and leaves nothing open", async () => {
  const responses: ServerResponse[] = [];
  const begun = Promise.withResolvers<void>();
  await using test = await TestFront.start({
    proxyRequest: ({ res }: { res: ServerResponse }) => {
      responses.push(res);
      res.write("first ");
      begun.resolve();
    },
  });
  const running = test.send(get(`${DIRECT}/slow`, ...ALICE));
  await begun.promise;
  assert.equal(test.front.inFlight, 1);
  assert.equal(await test.front.drain(50), false);
  const drained = test.front.drain(5_000);
  responses[0]!.end("last");
  assert.equal(await drained, true);
  assert.match((await running).body, /first [^]*last/);
  await assert.rejects(
    test.send(get(`${DIRECT}/x`, ...ALICE)).then(({ status }) => {
      if (status === 0) throw new Error("refused");
    }),
  );
  await test.front.close({ drainMs: 0 });
  assert.equal(test.front.connections, 0);
});

Deno.test("A drain that goes on accepting answers new connections 503 until it ends", async () => {
  await using test = await TestFront.start();
  const startedAt = performance.now();
  const drained = test.front.drain(5_000, 400);
  for (const path of ["/apis", `${DIRECT}/x`, "/readyz"]) {
    const answer = await test.send(get(path, ...ALICE));
    assert.equal(answer.status, 503, path);
    assert.match(answer.head, /Retry-After: 1\r/);
  }
  assert.equal(await drained, true);
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= 390 && tookMs < 2_000, `${tookMs} ms`);
  await assert.rejects(
    test.send(get("/apis", ...ALICE)).then(({ status }) => {
      if (status === 0) throw new Error("refused");
    }),
  );
});

Deno.test("A close ends a drain that goes on accepting at once", async () => {
  await using test = await TestFront.start();
  const startedAt = performance.now();
  const drained = test.front.drain(30_000, 30_000);
  await test.front.close({ drainMs: 0 });
  assert.equal(await drained, true);
  assert.ok(performance.now() - startedAt < 2_000);
});

Deno.test("A standby answers 503 for sockets and serves discovery", async () => {
  await using test = await TestFront.start({ unavailable: () => "This hub is the standby" });
  const answer = await test.send(get(`${DIRECT}/x`, ...ALICE));
  assert.equal(answer.status, 503);
  assert.match(answer.head, /Retry-After: 1/);
  assert.equal((await test.send(get("/apis", ...ALICE))).status, 200);
});

Deno.test("The limit of heads does not touch idle connections, long bodies and upgrades", async () => {
  const limits = { headersMs: 200, keepAliveMs: 5_000 };
  await using test = await TestFront.start({
    limits,
    proxyRequest: async ({ req, res }: ProxyRequestContext) => {
      let length = 0;
      for await (const chunk of req) length += chunk.length;
      res.write("begin ");
      await delay(1_500);
      res.end(`got ${length}`);
    },
  });
  const send = (socket: TLSSocket, text: string): Promise<string> => {
    let got = "";
    return new Promise((resolve) => {
      const onData = (chunk: string): void => {
        got += chunk;
        if (!/got \d|early/.test(got)) return;
        socket.off("data", onData);
        resolve(got);
      };
      socket.on("data", onData);
      socket.write(text);
    });
  };
  const [body, upgraded] = [test.connect(), test.connect()];
  const head = `Host: hub\r\n${ALICE.join("\r\n")}\r\n`;
  const bothWays = (async (): Promise<void> => {
    const answer = send(body, `POST ${DIRECT}/x HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\na`);
    await delay(1_500);
    body.write("b");
    assert.match(await answer, /got 2/);
    await delay(1_500);
    assert.match(await send(body, `GET ${DIRECT}/x HTTP/1.1\r\n${head}\r\n`), /got 0/);
  })();
  await send(
    upgraded,
    `GET ${DIRECT}/x HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: x\r\n\r\nearly`,
  );
  await bothWays;
  assert.match(await send(upgraded, "early again"), /again/);
});

Deno.test("A port that is taken is an error, not a crash", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", () => resolve()));
  const { port } = blocker.address() as { port: number };
  await assert.rejects(TestFront.start({ port }), /EADDRINUSE|in use/);
  await new Promise((resolve) => blocker.close(resolve));
});
