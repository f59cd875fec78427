import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TestCa, type TestCert } from "../../shared/testing/test_pki.ts";
import { checkCaFile, findCaByHash, ParentCaError, publicKeyHash } from "./parent_ca.ts";

interface Parent extends AsyncDisposable {
  url: string;
  /** What came as headers of requests. */
  seen: (string | undefined)[];
}

async function parentServer(
  options: { key: string; cert: string },
  clusterInfo?: string,
): Promise<Parent> {
  const seen: (string | undefined)[] = [];
  const server = https.createServer(options, (request, response) => {
    seen.push(request.headers.authorization);
    const wanted = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
    if (clusterInfo === undefined || request.url !== wanted) response.statusCode = 403;
    response.end(clusterInfo ?? "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serverPair(ca: TestCa): Promise<TestCert> {
  return await ca.issue({ subject: "CN=parent", usage: "server", ips: ["127.0.0.1"] });
}

Deno.test("findCaByHash takes the CA that the parent shows in its chain", async () => {
  const ca = await TestCa.create("parent CA");
  const { key, cert } = await serverPair(ca);
  await using parent = await parentServer({ key, cert: cert + ca.pem });
  const found = await findCaByHash({ parentUrl: parent.url, hash: publicKeyHash(ca.pem)! });
  assert.equal(publicKeyHash(found), publicKeyHash(ca.pem));
  assert.deepEqual(parent.seen, [], "nothing was asked");
});

Deno.test("findCaByHash takes the CA from cluster-info, and sends no token there", async () => {
  const [ca, other] = await Promise.all([TestCa.create("parent CA"), TestCa.create("another CA")]);
  const pair = await serverPair(ca);
  const data = btoa(other.pem + ca.pem);
  const kubeconfig = `clusters:\n- cluster:\n    certificate-authority-data: ${data}\n`;
  await using parent = await parentServer(pair, JSON.stringify({ data: { kubeconfig } }));
  const found = await findCaByHash({ parentUrl: parent.url, hash: publicKeyHash(ca.pem)! });
  assert.equal(publicKeyHash(found), publicKeyHash(ca.pem));
  assert.deepEqual(parent.seen, [undefined]);
});

Deno.test("findCaByHash trusts nobody when the hash fits none", async () => {
  const ca = await TestCa.create("parent CA");
  const pair = await serverPair(ca);
  for (const info of [undefined, "no json", JSON.stringify({ data: { kubeconfig: "x: y" } })]) {
    await using parent = await parentServer({ key: pair.key, cert: pair.cert + ca.pem }, info);
    await assert.rejects(
      findCaByHash({ parentUrl: parent.url, hash: "0".repeat(64) }),
      (error: Error) =>
        error instanceof ParentCaError && /--cluster-reg-parent-ca-hash/.test(error.message),
    );
  }
});

Deno.test("findCaByHash says when the parent cannot be reached, or speaks no TLS", async () => {
  const plain = createServer((socket) => {
    socket.on("error", () => {}).resume();
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as AddressInfo;
  const hash = "0".repeat(64);
  await assert.rejects(
    findCaByHash({ parentUrl: `https://127.0.0.1:${port}`, hash }),
    (error: Error) => error instanceof ParentCaError,
  );
  await new Promise((resolve) => plain.close(resolve));
  await assert.rejects(
    findCaByHash({ parentUrl: `https://127.0.0.1:${port}`, hash }),
    (error: Error) => error instanceof ParentCaError && /Cannot reach/.test(error.message),
  );
});

Deno.test("findCaByHash ends with its deadline when the parent is silent", async () => {
  const silent = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  await assert.rejects(
    findCaByHash({ parentUrl: `https://127.0.0.1:${port}`, hash: "0".repeat(64), timeoutMs: 100 }),
    /within 0.1 s/,
  );
  await new Promise((resolve) => silent.close(resolve));
});

Deno.test("findCaByHash goes through an HTTP proxy", async () => {
  const ca = await TestCa.create("parent CA");
  const pair = await serverPair(ca);
  await using parent = await parentServer({ key: pair.key, cert: pair.cert + ca.pem });
  const asked: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const proxy = http.createServer();
  proxy.on("connect", (request, client: Socket) => {
    asked.push(request.headers["proxy-authorization"]);
    const [host, port] = request.url!.split(":");
    const server = connect({ host: host!, port: Number(port) }, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      server.pipe(client).pipe(server);
    });
    for (const socket of [client, server]) sockets.add(socket.on("error", () => {}));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const hash = publicKeyHash(ca.pem)!;
  const proxyUrl = `http://me:secret@127.0.0.1:${port}`;
  const found = await findCaByHash({ parentUrl: parent.url, hash, proxyUrl });
  assert.equal(publicKeyHash(found), hash);
  assert.deepEqual(asked, [`Basic ${btoa("me:secret")}`]);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => proxy.close(resolve));
});

Deno.test("checkCaFile takes certificates, and an empty file for none", async () => {
  const ca = await TestCa.create("parent CA");
  assert.equal(checkCaFile(ca.pem, "ca.crt"), ca.pem);
  assert.equal(checkCaFile("\n", "ca.crt"), undefined);
  assert.throws(() => checkCaFile("hello", "ca.crt"), /holds no certificate/);
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.throws(() => checkCaFile(ca.pem + broken, "ca.crt"), /broken certificate/);
});
