import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { dialTunnel } from "./dial.ts";
import { DialError } from "./dial_error.ts";
import { closed, testCertificate, testHub } from "./testing.ts";

/** An HTTP proxy that knows CONNECT; `answer` refuses with its own bytes. */
async function testProxy(
  answer?: string,
): Promise<AsyncDisposable & { port: number; heads: string[] }> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket =>
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  const server = createServer((socket) => {
    sockets.add(track(socket));
    socket.once("data", (chunk) => {
      const head = chunk.toString("latin1");
      heads.push(head);
      if (answer !== undefined) return void socket.end(answer);
      const [, host, port] = /^CONNECT ([^ :]+):(\d+) HTTP/.exec(head)!;
      const target = connect(Number(port), host!, () => {
        socket.write("HTTP/1.1 200 Connection established\r\nX-Proxy: test\r\n\r\n");
        socket.pipe(target).pipe(socket);
      });
      sockets.add(track(target));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    heads,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function refused(proxyUrl: string): Promise<DialError> {
  const error = await dialTunnel({ url: "https://hub.example/x", token: "agent-token", proxyUrl })
    .then(() => assert.fail("the dial succeeded"), (error) => error);
  assert.ok(error instanceof DialError);
  assert.equal(error.stage, "proxy");
  assert.ok(!Deno.inspect(error).includes("agent-token"));
  return error;
}

Deno.test("dialTunnel goes through an HTTP proxy, and the proxy sees no token", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  await using proxy = await testProxy();
  const proxyUrl = `http://us%40er:p%3Ass@127.0.0.1:${proxy.port}`;
  const { ca } = certificate;
  const conn = await dialTunnel({ url: hub.url, token: "agent-token", ca, proxyUrl });
  const host = new URL(hub.url).host;
  assert.deepEqual(proxy.heads, [
    `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n` +
    `Proxy-Authorization: Basic ${btoa("us@er:p:ss")}\r\n\r\n`,
  ]);
  const names = hub.request!.headers.map(([name]) => name);
  assert.ok(names.includes("authorization") && !names.includes("proxy-authorization"));
  const ends = Promise.all([closed(conn), closed(await hub.conn())]);
  conn.close(1000, "");
  await ends;
});

Deno.test("dialTunnel goes through a proxy to a plain server too", async () => {
  await using hub = testHub();
  await using proxy = await testProxy();
  const conn = await dialTunnel({ url: hub.url, proxyUrl: `http://localhost:${proxy.port}` });
  assert.ok(!proxy.heads[0]!.includes("Proxy-Authorization"));
  const ends = Promise.all([closed(conn), closed(await hub.conn())]);
  conn.close(1000, "");
  await ends;
});

Deno.test("dialTunnel says with which status a proxy refused, without the password", async () => {
  const user = "user:pass-word-1";
  await using proxy = await testProxy(
    `HTTP/1.1 407 Proxy Authentication Required for ${btoa(user)}\r\nContent-Length: 0\r\n\r\n`,
  );
  const error = await refused(`http://${user}@127.0.0.1:${proxy.port}`);
  assert.equal(error.status, 407);
  assert.match(error.message, /refused to connect to hub\.example:443: 407 .*--proxy-url/);
  assert.ok(!error.message.includes("pass-word-1") && !error.message.includes(btoa(user)));
});

Deno.test("dialTunnel says when the proxy is no proxy", async () => {
  await using proxy = await testProxy("220 mail ready\r\n\r\n");
  const error = await refused(`http://127.0.0.1:${proxy.port}`);
  assert.match(error.message, /did not answer CONNECT: the answer is not HTTP/);
  assert.equal(error.status, undefined);
});

Deno.test("dialTunnel verifies the hub's certificate behind a proxy as well", async () => {
  const certificate = await testCertificate();
  await using hub = testHub(certificate);
  await using proxy = await testProxy();
  const dial = dialTunnel({
    url: hub.url,
    ca: (await testCertificate()).ca,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
  });
  await assert.rejects(dial, (error) => error instanceof DialError && error.stage === "tls");
});
