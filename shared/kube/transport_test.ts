import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { TestCa } from "../testing/test_pki.ts";
import { KubeClient } from "./client.ts";
import type { ClusterConfig } from "./cluster_config.ts";
import { CONFIG_MAPS, NAMESPACES, NODES } from "./resources.ts";
import { StatusError } from "./status.ts";
import { kubeTransport, TransportError } from "./transport.ts";
import { fileCa } from "./file_ca.ts";
import type { KubeObject } from "./types.ts";
import { WatchIdleError } from "./watch.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Running extends AsyncDisposable {
  url: string;
  ca?: string;
  connections: number;
}

const ca = await TestCa.create("cluster-ca");
const leaf = await ca.issue({
  subject: "CN=kube-apiserver",
  usage: "server",
  ips: ["127.0.0.1"],
  dnsNames: ["api.internal"],
});

async function run(server: Server, scheme: string): Promise<Running> {
  server.keepAliveTimeout = 60_000;
  const running = {
    url: "",
    connections: 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on(scheme === "https" ? "secureConnection" : "connection", () => running.connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  running.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return running;
}

const WAYS: Record<string, (handler: Handler) => Promise<Running>> = {
  "http over fetch": (handler) => run(createServer(handler), "http"),
  "https over node:https": async (handler) => {
    const server = createTlsServer({ ...leaf, requestCert: true, rejectUnauthorized: false });
    server.on("request", handler);
    return Object.assign(await run(server as unknown as Server, "https"), { ca: ca.pem });
  },
};

function connect(server: Running, config: Partial<ClusterConfig> = {}): Disposable & {
  client: KubeClient;
  close: () => void;
} {
  const connection = kubeTransport({
    server: server.url,
    ...(server.ca === undefined ? {} : { ca: server.ca }),
    ...config,
  });
  return {
    client: new KubeClient({ transport: connection.transport, timeoutMs: 5_000 }),
    close: connection.close,
    [Symbol.dispose]: connection.close,
  };
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

for (const [way, serve] of Object.entries(WAYS)) {
  Deno.test(`kubeTransport() ${way} keeps the server's path, query, body and headers`, async () => {
    const seen: string[] = [];
    await using server = await serve(async (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      seen.push(await textOf(request));
      response.setHeader("Warning", ['299 - "one"', '299 - "two"']);
      json(response, { metadata: {} });
    });
    using connection = connect(server, { server: `${server.url}/k8s/clusters/c-1/` });
    await connection.client.create(NAMESPACES, { metadata: { name: "ä" } }, { dryRun: true });
    const response = await connection.client.raw("/apis/x/v1/y?labelSelector=a%3Db%2Cc");
    assert.deepEqual(seen, [
      "POST /k8s/clusters/c-1/api/v1/namespaces?dryRun=All",
      '{"metadata":{"name":"ä"}}',
      "GET /k8s/clusters/c-1/apis/x/v1/y?labelSelector=a%3Db%2Cc",
      "",
    ]);
    assert.equal(response.headers.get("warning"), '299 - "one", 299 - "two"');
    assert.equal(server.connections, 1);
  });

  Deno.test(`kubeTransport() ${way} reads the token afresh after a 401`, async () => {
    let valid = "one";
    const bodies: string[] = [];
    await using server = await serve(async (request, response) => {
      bodies.push(await textOf(request));
      const fine = request.headers.authorization === `Bearer ${valid}`;
      json(response, fine ? { metadata: {} } : { kind: "Status", code: 401 }, fine ? 200 : 401);
    });
    let stored = "one";
    let cached: string | undefined;
    using connection = connect(server, {
      token: ({ fresh = false } = {}) => {
        if (fresh || cached === undefined) cached = stored;
        return Promise.resolve(cached);
      },
    });
    await connection.client.get(NODES, "a");
    valid = stored = "two";
    await connection.client.create(NAMESPACES, { metadata: { name: "n" } });
    assert.deepEqual(bodies.slice(1), Array(2).fill('{"metadata":{"name":"n"}}'));
    valid = "three";
    const before = bodies.length;
    await assert.rejects(
      connection.client.get(NODES, "a"),
      (error: unknown) => error instanceof StatusError && error.code === 401,
    );
    assert.equal(bodies.length, before + 1, "the same token is not sent again");
  });

  Deno.test(`kubeTransport() ${way} tells of a reset within the body`, async () => {
    await using server = await serve((request, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.write('{"kind":"NodeList","items":[');
      setTimeout(() => request.socket.destroy(), 20);
    });
    using connection = connect(server);
    await assert.rejects(connection.client.list(NODES), /broke off/);
  });

  Deno.test(`kubeTransport() ${way} sends a GET once more after a cut, and only that`, async () => {
    const seen: string[] = [];
    let cut = true;
    await using server = await serve(async (request, response) => {
      await textOf(request);
      seen.push(request.method!);
      if (cut) return void request.socket.destroy();
      json(response, { metadata: {} });
    });
    using connection = connect(server);
    const first = connection.client.get(NODES, "a");
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    cut = false;
    await first;
    for (const write of [{ method: "POST", body: "{}" }, { method: "DELETE", body: "{}" }]) {
      seen.length = 0;
      cut = false;
      await connection.client.get(NODES, "a"); // Leaves a connection in the pool
      cut = true;
      await assert.rejects(connection.client.raw("/x", write), TransportError);
      assert.deepEqual(seen, ["GET", write.method]);
    }
  });

  Deno.test(`kubeTransport() ${way} frees the connection of a watch that is aborted`, async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((request, response) => {
      request.socket.once("close", () => closed.resolve());
      response.writeHead(200, { "Content-Type": "application/json" });
      const object = { metadata: { name: "a", resourceVersion: "2" } };
      response.write(JSON.stringify({ type: "ADDED", object }) + "\n");
    });
    using connection = connect(server);
    const controller = new AbortController();
    const events = connection.client.watch<KubeObject>(CONFIG_MAPS, {
      resourceVersion: "1",
      signal: controller.signal,
    });
    assert.equal((await events.next()).value?.type, "ADDED");
    const next = assert.rejects(events.next(), /enough/);
    controller.abort(new Error("enough"));
    await next;
    await closed.promise;
  });

  Deno.test(`kubeTransport() ${way} carries a watch: reset and silence are told`, async () => {
    let calls = 0;
    await using server = await serve((request, response) => {
      response.writeHead(200, { "Content-Type": "application/json" }).flushHeaders();
      if (++calls === 1) setTimeout(() => request.socket.destroy(), 20);
    });
    using connection = connect(server);
    const { signal } = new AbortController();
    const options = { resourceVersion: "1", signal, idleMs: 100 };
    await assert.rejects(
      connection.client.watch(CONFIG_MAPS, options).next(),
      (error: unknown) => error instanceof Error && !(error instanceof WatchIdleError),
    );
    await assert.rejects(connection.client.watch(CONFIG_MAPS, options).next(), WatchIdleError);
  });

  Deno.test(`kubeTransport() ${way} does not follow redirects`, async () => {
    let calls = 0;
    await using server = await serve((_request, response) => {
      calls++;
      response.writeHead(307, { Location: "/elsewhere" }).end();
    });
    using connection = connect(server);
    await assert.rejects(connection.client.get(NODES, "a"), /redirects are not followed/);
    assert.equal(calls, 1);
  });

  Deno.test(`kubeTransport() ${way} ends requests in flight when it is closed`, async () => {
    const arrived = Promise.withResolvers<void>();
    await using server = await serve(() => arrived.resolve());
    const connection = connect(server);
    const call = assert.rejects(connection.client.get(NODES, "a"), /was closed/);
    await arrived.promise;
    connection.close();
    connection.close();
    await call;
    await assert.rejects(connection.client.get(NODES, "a"), /was closed/);
  });

  Deno.test(`kubeTransport() ${way} keeps a deadline when nobody answers`, async () => {
    await using server = await serve(() => {});
    using connection = connect(server);
    await assert.rejects(connection.client.get(NODES, "a", { timeoutMs: 50 }), /within 0.05 s/);
  });
}

Deno.test("kubeTransport() trusts the given CA and no other, and checks the name", async () => {
  await using server = await WAYS["https over node:https"]!((_request, response) => {
    json(response, { metadata: {} });
  });
  const other = await TestCa.create("other-ca");
  using wrong = connect(server, { ca: other.pem });
  await assert.rejects(wrong.client.get(NODES, "a"), (error: unknown) => {
    assert.ok(error instanceof TransportError);
    assert.match(error.message, /^Cannot reach the Kubernetes API at https:\/\/127/);
    return true;
  });
  using named = connect(server, { tlsServerName: "api.internal" });
  await named.client.get(NODES, "a");
  using misnamed = connect(server, { tlsServerName: "evil.internal" });
  await assert.rejects(misnamed.client.get(NODES, "a"), TransportError);
});

Deno.test("kubeTransport() follows its CA: nothing fails, nothing under way is cut", async () => {
  const other = await TestCa.create("next-ca");
  const next = await other.issue({
    subject: "CN=kube-apiserver",
    usage: "server",
    ips: ["127.0.0.1"],
  });
  const server = createTlsServer(leaf);
  let finish = (): void => {};
  const bodies: string[] = [];
  server.on("request", async (request, response) => {
    bodies.push(await textOf(request));
    if (request.url?.includes("/slow")) {
      response.writeHead(200).write("first ");
      finish = () => response.end("second");
    } else json(response, { metadata: {} });
  });
  await using running = await run(server as unknown as Server, "https");
  let now = 0;
  let bundle = ca.pem;
  let reads = 0;
  const config: ClusterConfig = {
    server: running.url,
    ca: ca.pem,
    readCa: fileCa({
      path: "/ca.crt",
      first: ca.pem,
      now: () => now,
      readTextFile: () => Promise.resolve((reads++, bundle)),
    }),
  };
  using connection = kubeTransport(config);
  const slow = await connection.transport(new Request("http://x/slow"));
  const ask = async (body?: string): Promise<number> => {
    const init = body === undefined ? {} : { method: "POST", body };
    const answer = await connection.transport(new Request("http://x/a", init));
    await answer.text();
    return answer.status;
  };
  assert.equal(await ask(), 200);
  // The server changes first, and the file with it: a POST finds out, and is sent once
  server.setSecureContext(next);
  bundle = other.pem;
  now = 5_000;
  server.closeIdleConnections();
  await new Promise((resolve) => setTimeout(resolve, 50)); // The client is to see it, too
  assert.equal(await ask("once"), 200);
  assert.deepEqual(bodies, ["", "", "once"]);
  // The file changes first: what is idle is not used any more
  const connections = running.connections;
  bundle = ca.pem + other.pem;
  now = 20_000;
  assert.equal(await ask(), 200);
  assert.equal(running.connections, connections + 1);
  assert.equal(await ask(), 200);
  assert.equal(running.connections, connections + 1);
  finish();
  assert.equal(await slow.text(), "first second");
  // A server that nobody vouches for costs one look a second, not one for each request
  bundle = ca.pem;
  now = 40_000;
  const before = reads;
  await assert.rejects(ask(), TransportError);
  await assert.rejects(ask(), TransportError);
  assert.equal(reads, before + 1);
});

Deno.test("kubeTransport() shows its client certificate", async () => {
  const clientCert = await ca.issue({ subject: "CN=agent,O=agents" });
  const names: string[] = [];
  await using server = await WAYS["https over node:https"]!((request, response) => {
    names.push(String((request.socket as TLSSocket).getPeerCertificate().subject?.CN));
    json(response, { metadata: {} });
  });
  using connection = connect(server, { clientCert });
  await connection.client.get(NODES, "a");
  assert.deepEqual(names, ["agent"]);
});

Deno.test("kubeTransport() goes through an HTTP proxy, with user and password", async () => {
  await using server = await WAYS["https over node:https"]!((_request, response) => {
    json(response, { metadata: {} });
  });
  const { connect: netConnect } = await import("node:net");
  const asked: string[] = [];
  const proxy = createServer();
  proxy.on("connect", (request, socket) => {
    asked.push(`${request.url} ${request.headers["proxy-authorization"]}`);
    if (request.headers["proxy-authorization"] !== `Basic ${btoa("me:pass word")}`) {
      return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    const [host, port] = request.url!.split(":");
    const target = netConnect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(target).pipe(socket);
    });
    const end = (): void => {
      target.destroy();
      socket.destroy();
    };
    for (const each of [target, socket]) each.on("error", end).on("close", end);
  });
  await using running = await run(proxy, "http");
  const proxyHost = running.url.slice("http://".length);
  {
    using connection = connect(server, { proxyUrl: `http://me:pass%20word@${proxyHost}` });
    await connection.client.get(NODES, "a");
    await connection.client.get(NODES, "b");
    const target = server.url.slice("https://".length);
    assert.deepEqual(asked, [`${target} Basic ${btoa("me:pass word")}`]);
  }
  using refused = connect(server, { proxyUrl: `http://me:wrong@${proxyHost}` });
  await assert.rejects(refused.client.get(NODES, "a"), (error: unknown) => {
    assert.match(String(error), /refused to connect.*407/);
    assert.doesNotMatch(String(error), /wrong/);
    return true;
  });
});

Deno.test("kubeTransport() refuses what it cannot use safely", () => {
  const token = (): Promise<string> => Promise.resolve("t");
  for (
    const [config, message] of [
      [{ server: "kubernetes" }, /https:\/\/host:port/],
      [{ server: "ftp://a" }, /scheme must be https/],
      [{ server: "https://u:p@a" }, /no meaning/],
      [{ server: "http://10.0.0.1", token }, /in clear/],
      [{ server: "https://a", proxyUrl: "gopher://p" }, /scheme "gopher:"/],
      [{ server: "https://a", proxyUrl: "::" }, /http:\/\/host:port/],
      [{ server: "https://a", tlsServerName: "b", proxyUrl: "socks5://p" }, /tls-server-name/],
    ] as [ClusterConfig, RegExp][]
  ) {
    assert.throws(() => kubeTransport(config), message);
  }
});

Deno.test("kubeTransport() says that nobody listens", async () => {
  const connection = kubeTransport({ server: "https://127.0.0.1:1", ca: ca.pem });
  const client = new KubeClient({ transport: connection.transport });
  await assert.rejects(
    client.get(NODES, "a"),
    /Cannot reach the Kubernetes API.*(refused|REFUSED)/,
  );
  connection.close();
});
