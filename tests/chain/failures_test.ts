import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { type Answer, Chain, CLUSTER, request, tick } from "./harness.ts";

/** The `Status` of an answer; its sentence stands in the Warning header too. */
function statusOf(answer: Answer): { message: string; reason: string; code: number } {
  const status = JSON.parse(answer.body);
  assert.equal(status.kind, "Status");
  assert.equal(status.code, answer.status);
  assert.match(answer.headers["content-type"]!, /^application\/json/);
  assert.ok(
    answer.headers.warning!.startsWith(`299 clusternet "${status.message.slice(0, 20)}`),
    answer.headers.warning ?? "no warning",
  );
  return status;
}

Deno.test("An unknown cluster is 404 and one without agent 503, without Retry-After", async () => {
  let clock = 1_000_000;
  await using chain = await Chain.start({ registry: { now: () => clock } });
  const other = "00000000-0000-0000-0000-000000000000";
  const unknown = await request(chain.port, "GET", chain.path("/").replace(CLUSTER, other));
  assert.equal(unknown.status, 404);
  assert.match(statusOf(unknown).message, /not registered/);
  const starting = await chain.get("/");
  assert.equal(starting.status, 503);
  assert.equal(starting.headers["retry-after"], "1");
  clock += 10_000;
  const absent = await chain.get("/");
  assert.equal(absent.status, 503);
  assert.equal(absent.headers["retry-after"], undefined);
  assert.match(statusOf(absent).message, /No agent of cluster/);

  const session = await chain.connect();
  assert.equal((await chain.get("/")).status, 200);
  session.close(0, "bye");
  while (chain.registry.connected(CLUSTER)) await tick(5);
  const lost = await chain.get("/");
  assert.deepEqual([lost.status, lost.headers["retry-after"]], [503, "1"]);
  clock += 6_000;
  const away = await chain.get("/");
  assert.deepEqual([away.status, away.headers["retry-after"]], [503, undefined]);
  assert.match(statusOf(away).message, /since 1970/);
});

Deno.test("A session that dies before the answer ends the request at once", async () => {
  await using chain = await Chain.connected({ child: () => {} });
  const get = chain.get("/silent");
  const post = request(chain.port, "POST", chain.path("/silent"), ["Content-Length", "1"], "x");
  await tick(50);
  const began = performance.now();
  chain.agents[0]!.close(0, "gone");
  const [one, two] = await Promise.all([get, post]);
  assert.ok(performance.now() - began < 2_000);
  assert.deepEqual([one.status, one.headers["retry-after"]], [503, "1"]);
  assert.deepEqual([two.status, two.headers["retry-after"]], [502, undefined]);
  assert.match(statusOf(two).message, /may have been carried out/);
  await chain.idle();
});

Deno.test("A child that is down is 502 and says which server and why", async () => {
  await using chain = await Chain.connected();
  await new Promise<void>((resolve) => {
    chain.child.close(() => resolve());
    chain.child.closeAllConnections();
  });
  const answer = await chain.get("/");
  assert.equal(answer.status, 502);
  assert.match(
    statusOf(answer).message,
    /cannot reach the child's kube-apiserver at http:\/\/127\.0\.0\.1:\d+: connection refused/,
  );
  const post = await request(chain.port, "POST", chain.path("/"), [
    "Content-Length",
    "3",
  ], "abc");
  assert.equal(post.status, 502);
  const upgrade = await chain.raw(
    `GET ${
      chain.path("/")
    } HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  assert.match(upgrade, /^HTTP\/1\.1 502 [\s\S]*cannot reach the child/);
  await chain.idle();
  await new Promise<void>((resolve) => chain.child.listen(0, "127.0.0.1", resolve));
});

Deno.test("A child that never answers is 504; an upload that moves is not silent", async () => {
  await using chain = await Chain.connected({
    openToHeadMs: 200,
    child: (req, res) => {
      if (req.url === "/silent") return;
      if (req.url!.startsWith("/watch")) return void setTimeout(() => res.end("event"), 500);
      req.resume().on("end", () => res.end("got it"));
    },
  });
  const answer = await chain.get("/silent");
  assert.equal(answer.status, 504);
  assert.match(statusOf(answer).message, /did not answer within 0\.2 s/);
  assert.equal((await chain.get("/watch?a=b&follow=true")).body, "event");
  assert.equal((await chain.get("/watch?watch=1&x")).body, "event");
  const slow = await new Promise<number>((resolve, reject) => {
    const req = http.request({
      port: chain.port,
      method: "POST",
      path: chain.path("/slow"),
      agent: false,
    }, (res) => resolve(res.resume().statusCode!)).on("error", reject);
    let left = 6;
    const timer = setInterval(() => {
      req.write("x".repeat(1024));
      if (--left > 0) return;
      clearInterval(timer);
      req.end();
    }, 100);
  });
  assert.equal(slow, 200);
  await chain.idle();
});

Deno.test("A server that takes no connection is 504 after the connect deadline", async () => {
  // Accepts TCP and never speaks TLS
  const mute = net.createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as net.AddressInfo;
  {
    await using chain = await Chain.connected({
      allow: [`https://127.0.0.1:${port}`],
      agent: { connectMs: 150 },
    });
    const path = chain.path("/", `https/127.0.0.1:${port}`);
    const answer = await request(chain.port, "GET", path);
    assert.equal(answer.status, 504);
    assert.match(statusOf(answer).message, /no connection to https:\/\/127\.0\.0\.1/);
    await chain.idle();
  }
  await new Promise<void>((resolve) => mute.close(() => resolve()));
});

Deno.test("A target that is not allowed is 403 and names the flag; so is a wrong caller", async () => {
  await using chain = await Chain.connected();
  const denied = await request(
    chain.port,
    "POST",
    chain.path("/x", "http/169.254.169.254"),
    ["Content-Length", "5"],
    "hello",
  );
  assert.equal(denied.status, 403);
  assert.match(statusOf(denied).message, /--allow-target/);
  const head = await request(chain.port, "HEAD", chain.path("/x", "http/10.0.0.1:80"));
  assert.deepEqual([head.status, head.body], [403, ""]);
  await chain.idle();
  await using anonymous = await Chain.connected({
    identity: { user: "system:anonymous", groups: ["system:unauthenticated"], extra: [] },
  });
  assert.equal((await anonymous.get("/")).status, 403);
});

Deno.test("A missing impersonation grant is named beside the child's own 403", async () => {
  const message = 'users "ann" is forbidden: User "system:serviceaccount:clusternet-system:' +
    'clusternet-agent" cannot impersonate resource "users" in API group "" at the cluster scope';
  const body = JSON.stringify({ kind: "Status", message, code: 403 });
  await using chain = await Chain.connected({
    child: (req, res) => {
      const big = req.url === "/big" ? " ".repeat(500_000) : "";
      res.writeHead(req.url === "/401" ? 401 : 403).end(req.url === "/other" ? "no" : body + big);
    },
  });
  const answer = await chain.get("/");
  assert.equal(answer.status, 403);
  assert.equal(answer.body, body);
  assert.match(
    answer.headers.warning!,
    /may not impersonate users: .*ClusterRole clusternet-agent/,
  );
  assert.equal((await chain.get("/big")).body, body + " ".repeat(500_000));
  assert.equal((await chain.get("/other")).headers.warning, undefined);
  assert.match((await chain.get("/401")).headers.warning!, /agent's own credential/);
  await chain.idle();
});

Deno.test("A tunnel that is full is 429, one that is going away 503, both may be tried again", async () => {
  const waiting: http.ServerResponse[] = [];
  await using chain = await Chain.connected({
    child: (_, res) => void waiting.push(res),
  });
  const { maxStreams } = await chain.registry.session(CLUSTER)!.hello;
  const agent = new http.Agent({ keepAlive: false });
  const open = Array.from(
    { length: maxStreams },
    () => http.get({ port: chain.port, path: chain.path("/"), agent }).on("error", () => {}),
  );
  while (waiting.length < maxStreams) await tick(10);
  const full = await chain.get("/");
  assert.deepEqual([full.status, full.headers["retry-after"]], [429, "1"]);
  for (const req of open) req.destroy();
  await chain.idle();
  chain.registry.goAwayAll({ waitMs: 0, reason: "test" });
  const away = await chain.get("/");
  assert.deepEqual([away.status, away.headers["retry-after"]], [503, "1"]);
});

Deno.test("The child's certificate is verified against its CA and its name", async () => {
  const ca = await TestCa.create("child");
  const stranger = await TestCa.create("stranger");
  const leaf = await ca.issue({ subject: "CN=child", usage: "server", ips: ["127.0.0.1"] });
  const elsewhere = await ca.issue({ subject: "CN=other", usage: "server", ips: ["127.0.0.9"] });
  {
    await using chain = await Chain.connected({ childTls: { ...leaf, ca: ca.pem } });
    for (let i = 0; i < 3; i++) assert.equal((await chain.get("/")).body, "ok");
    await chain.idle();
  }
  for (const tls of [{ ...leaf, ca: stranger.pem }, { ...elsewhere, ca: ca.pem }]) {
    await using chain = await Chain.connected({ childTls: tls });
    const answer = await chain.get("/");
    assert.equal(answer.status, 502);
    assert.match(statusOf(answer).message, /its certificate is/);
    await chain.idle();
  }
});

Deno.test("A legacy client certificate goes to the child on a connection of its own", async () => {
  const ca = await TestCa.create("child");
  const leaf = await ca.issue({ subject: "CN=child", usage: "server", ips: ["127.0.0.1"] });
  const user = await ca.issue({ subject: "CN=bob", usage: "client" });
  const { IdentityMapper } = await import("../../agent/target/identity.ts");
  await using chain = await Chain.connected({
    childTls: { ...leaf, ca: ca.pem, requestCert: true, rejectUnauthorized: false } as never,
    agent: { identity: new IdentityMapper({ legacyChildCredentials: true }) },
    identity: {
      user: "clusternet",
      groups: [],
      extra: [
        ["clusternet-certificate", btoa(user.cert)],
        ["clusternet-privatekey", btoa(user.key)],
      ],
    },
    child: (req, res) => {
      const socket = req.socket as unknown as {
        authorized: boolean;
        getPeerCertificate(): { subject?: { CN: string } };
      };
      const { authorization, "impersonate-user": user } = req.headers;
      res.end(JSON.stringify({
        cn: socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined,
        authorization,
        user,
      }));
    },
  });
  assert.equal((await chain.get("/")).body, '{"cn":"bob"}');
  const path = chain.path("/", `https/127.0.0.1:${chain.childPort}`);
  assert.equal((await request(chain.port, "GET", path)).body, '{"cn":"bob"}');
  await chain.idle();
  assert.ok(https.globalAgent !== undefined);
});
