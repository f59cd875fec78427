import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { dialTunnel } from "./dial.ts";
import { DialError, type DialStage } from "./dial_error.ts";
import { closed, testCertificate, testHub } from "./testing.ts";

const TOKEN = "s3cret-token-value.of-the-agent";

/** A TCP server with one handler, whose sockets are destroyed at the end. */
async function tcpServer(
  onSocket: (socket: Socket) => void,
): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function failedDial(dial: Promise<unknown>, stage: DialStage): Promise<DialError> {
  const error = await dial.then(() => assert.fail("the dial succeeded"), (error) => error);
  assert.ok(error instanceof DialError, String(error));
  assert.equal(error.stage, stage, error.message);
  assert.ok(!Deno.inspect(error).includes(TOKEN), "the token is in the error");
  return error;
}

Deno.test("dialTunnel opens a verified connection and sends the token in one header", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  const conn = await dialTunnel({ url: hub.url, token: TOKEN, ca: certificate.ca });
  const server = await hub.conn();
  const request = hub.request!;
  assert.equal(request.path, "/apis/x/sockets/c1/attach?a=1");
  assert.deepEqual(request.headers.sort(), [
    ["authorization", `Bearer ${TOKEN}`],
    ["connection", "Upgrade"],
    ["host", new URL(hub.url).host],
    ["sec-websocket-key", request.headers.find(([name]) => name === "sec-websocket-key")?.[1]],
    ["sec-websocket-protocol", "v1.tunnel.clusternet.io"],
    ["sec-websocket-version", "13"],
    ["upgrade", "websocket"],
    ["user-agent", "clusternet-agent/0.1.0"],
  ]);
  const ends = Promise.all([closed(conn), closed(server)]);
  conn.close(4000, "done");
  assert.deepEqual((await ends).map(({ code, clean }) => ({ code, clean })), [
    { code: 4000, clean: true },
    { code: 4000, clean: true },
  ]);
});

Deno.test("dialTunnel accepts wss: as https:", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  const url = hub.url.replace("https:", "wss:").replace("127.0.0.1", "localhost");
  const conn = await dialTunnel({ url, ca: certificate.ca });
  const ends = Promise.all([closed(conn), closed(await hub.conn())]);
  conn.close(1000, "");
  await ends;
});

Deno.test("dialTunnel refuses a server whose CA it does not know, and names the flag", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  const other = await testCertificate();
  const error = await failedDial(
    dialTunnel({ url: hub.url, token: TOKEN, ca: other.ca }),
    "tls",
  );
  assert.match(error.message, /not signed by a CA.*--cluster-reg-parent-ca-file/);
  const unknown = await failedDial(dialTunnel({ url: hub.url, token: TOKEN }), "tls");
  assert.match(unknown.message, /not signed by a CA/);
  assert.equal(hub.request, undefined);
});

Deno.test("dialTunnel refuses a certificate for another name", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  const { ca } = certificate;
  const error = await failedDial(
    dialTunnel({ url: hub.url, token: TOKEN, ca, tlsServerName: "other.example" }),
    "tls",
  );
  assert.match(error.message, /not for "other\.example"/);
});

Deno.test("dialTunnel tells the status of a refused handshake and what the server said", async () => {
  for (const status of [400, 401, 403, 404, 409, 429, 500, 503]) {
    await using hub = testHub(
      undefined,
      () => statusResponse(failure(status, `do this about ${status}`), { "Retry-After": "7" }),
    );
    const error = await failedDial(dialTunnel({ url: hub.url, token: TOKEN }), "refused");
    assert.equal(error.status, status);
    assert.equal(error.retryAfterMs, 7_000);
    assert.match(
      error.message,
      new RegExp(`refused the tunnel: ${status} .*: do this about ${status}$`),
    );
  }
});

Deno.test("dialTunnel says something of its own where a refusal has no message", async () => {
  const cases: [number, string | ReadableStream | null, RegExp][] = [
    [401, null, /token is not valid/],
    [403, "<html>no</html>", /does not allow/],
    [404, "{}", /APIService/],
    [302, null, /redirects are not followed/],
    [418, "{", /no reason given/],
    [
      502,
      ReadableStream.from(['{"mess', 'age":"in ', 'chunks"}']).pipeThrough(
        new TextEncoderStream(),
      ),
      /: in chunks$/,
    ],
  ];
  for (const [status, body, expected] of cases) {
    await using hub = testHub(undefined, () => new Response(body, { status }));
    const error = await failedDial(dialTunnel({ url: hub.url, token: TOKEN }), "refused");
    assert.equal(error.status, status);
    assert.match(error.message, expected);
    assert.equal(error.retryAfterMs, undefined);
  }
});

Deno.test("dialTunnel blanks a token and control characters that the server echoes", async () => {
  await using hub = testHub(
    undefined,
    (request) =>
      statusResponse(failure(401, `bad ${request.headers.get("authorization")}\r\nfake line`)),
  );
  const error = await failedDial(dialTunnel({ url: hub.url, token: TOKEN }), "refused");
  assert.match(error.message, /: bad Bearer \[redacted\] fake line$/);
});

Deno.test("dialTunnel refuses a server that does not echo the subprotocol", async () => {
  await using server = await tcpServer((socket) =>
    socket.once("data", () =>
      socket.write(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
          "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
      ))
  );
  const error = await failedDial(
    dialTunnel({ url: `ws://127.0.0.1:${server.port}/`, token: TOKEN }),
    "protocol",
  );
  assert.match(error.message, /without the subprotocol v1\.tunnel\.clusternet\.io/);
});

Deno.test("dialTunnel refuses a wrong Sec-WebSocket-Accept", async () => {
  await using server = await tcpServer((socket) =>
    socket.once("data", () =>
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Protocol: v1.tunnel.clusternet.io\r\nSec-WebSocket-Accept: x\r\n\r\n",
      ))
  );
  const url = `ws://127.0.0.1:${server.port}/`;
  const error = await failedDial(dialTunnel({ url, token: TOKEN }), "protocol");
  assert.match(error.message, /Sec-WebSocket-Accept does not belong/);
});

Deno.test("dialTunnel tells apart what is no HTTP and what closes without an answer", async () => {
  const answers: [string | undefined, RegExp][] = [
    [undefined, /closed without an answer/],
    ["HTTP/1.1 101 Swi", /broke off/],
    ["SSH-2.0-OpenSSH\r\n\r\n", /not HTTP/],
    ["HTTP/1.1 101 OK\r\nno colon\r\n\r\n", /malformed/],
    [`HTTP/1.1 101 OK\r\nA: ${"a".repeat(70_000)}\r\n\r\n`, /above 64 KiB/],
  ];
  for (const [answer, expected] of answers) {
    await using server = await tcpServer((socket) =>
      socket.once("data", () => answer === undefined ? socket.end() : socket.end(answer))
    );
    const url = `ws://127.0.0.1:${server.port}/`;
    const error = await failedDial(dialTunnel({ url, token: TOKEN }), "protocol");
    assert.match(error.message, expected);
  }
});

Deno.test("dialTunnel says when nobody listens", async () => {
  const { port } = await (async () => {
    await using server = await tcpServer(() => {});
    return server;
  })();
  const error = await failedDial(dialTunnel({ url: `https://127.0.0.1:${port}/` }), "connect");
  assert.match(
    error.message,
    new RegExp(`Cannot reach https://127\\.0\\.0\\.1:${port}: .*refused`, "i"),
  );
});

Deno.test("dialTunnel gives up at its deadline, in each phase", async () => {
  await using silent = await tcpServer(() => {});
  const address = `127.0.0.1:${silent.port}`;
  const errors = await Promise.all([
    dialTunnel({ url: `http://${address}/`, token: TOKEN, timeoutMs: 100 }),
    dialTunnel({ url: `https://${address}/`, token: TOKEN, timeoutMs: 100 }),
    dialTunnel({
      url: "https://127.0.0.1:1/",
      proxyUrl: `http://${address}`,
      token: TOKEN,
      timeoutMs: 100,
    }),
  ].map((dial) => failedDial(dial, "timeout")));
  for (const error of errors) assert.match(error.message, /within 0\.1 s/);
});

Deno.test("dialTunnel ends with its signal, and rejects with its reason", async () => {
  await using silent = await tcpServer(() => {});
  const controller = new AbortController();
  const { signal } = controller;
  const dial = dialTunnel({ url: `ws://127.0.0.1:${silent.port}/`, signal });
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await assert.rejects(dial, /^Error: enough$/);
  await assert.rejects(dialTunnel({ url: "ws://127.0.0.1:1/", signal }), /enough/);
});

Deno.test("dialTunnel refuses options it cannot use, without repeating secrets", async () => {
  const cases: [Parameters<typeof dialTunnel>[0], RegExp][] = [
    [{ url: "ftp://host/" }, /URL/],
    [{ url: "nonsense" }, /URL/],
    [{ url: "https://user:pass-word@host/" }, /holds a user/],
    [{ url: "https://host/", token: "two\r\nlines pass-word" }, /token/],
    [{ url: "https://host/", token: "" }, /token/],
    [{ url: "https://host/", proxyUrl: "https://u:pass-word@proxy" }, /--proxy-url/],
  ];
  for (const [options, expected] of cases) {
    const error = await failedDial(dialTunnel(options), "config");
    assert.match(error.message, expected);
    assert.ok(!error.message.includes("pass-word"));
  }
});

Deno.test("dialTunnel leaves no socket file, and keeps strangers out while there is one", async () => {
  const socketDir = await Deno.makeTempDir();
  await using silent = await tcpServer(() => {});
  const controller = new AbortController();
  const url = `ws://127.0.0.1:${silent.port}/`;
  const dial = dialTunnel({ url, socketDir, signal: controller.signal });
  dial.catch(() => {});
  let directory: Deno.DirEntry | undefined;
  for (let i = 0; i < 500 && directory === undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    directory = [...Deno.readDirSync(socketDir)][0];
  }
  assert.ok(directory);
  const path = `${socketDir}/${directory.name}`;
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
  using stranger = await Deno.connect({ transport: "unix", path: `${path}/s` });
  await stranger.write(new TextEncoder().encode("GET http://relay/guess HTTP/1.1\r\n\r\n"));
  assert.equal(await stranger.read(new Uint8Array(1)), null);
  controller.abort(new Error("enough"));
  await assert.rejects(dial, /enough/);
  assert.deepEqual([...Deno.readDirSync(socketDir)], []);

  await using hub = testHub();
  const conn = await dialTunnel({ url: hub.url, socketDir });
  assert.deepEqual([...Deno.readDirSync(socketDir)], []);
  const ends = Promise.all([closed(conn), closed(await hub.conn())]);
  conn.close(1000, "");
  await ends;
  const long = `${socketDir}/${"x".repeat(100)}`;
  await Deno.mkdir(long);
  const error = await failedDial(dialTunnel({ url, socketDir: long }), "config");
  assert.match(error.message, /--runtime-dir/);
  await Deno.remove(socketDir, { recursive: true });
});

Deno.test("dialTunnel does not mind NO_PROXY, which the runtime applies to socket files", async () => {
  const before = Deno.env.get("NO_PROXY");
  Deno.env.set("NO_PROXY", "*");
  try {
    await using hub = testHub();
    const conn = await dialTunnel({ url: hub.url });
    const ends = Promise.all([closed(conn), closed(await hub.conn())]);
    conn.close(1000, "");
    await ends;
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
  }
});
