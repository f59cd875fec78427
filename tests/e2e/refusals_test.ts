/**
 * What goes wrong has a meaning: each refusal has the status and the sentence that README names.
 */
import assert from "node:assert/strict";
import { dialTunnel } from "../../agent/tunnel/dial.ts";
import type { CloseInfo } from "../../shared/tunnel/message_conn.ts";
import { startCluster } from "../cluster/cluster.ts";
import { AgentProcess } from "./agent_process.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { eventually } from "./wait.ts";

const OTHER_ID = "00000000-1111-4222-8333-444444444444";
const SOCKETS = "/apis/proxies.clusternet.io/v1alpha1/sockets";

interface Answer {
  status: number;
  headers: Headers;
  body: { kind?: string; message?: string; code?: number; reason?: string };
}

/** Asks the parent's kube-apiserver. */
async function ask(
  fleet: Fleet,
  path: string,
  credential: { token?: string; clientCert?: { cert: string; key: string } } = {},
): Promise<Answer> {
  using client = Deno.createHttpClient({
    caCerts: [fleet.parent.caPem],
    poolMaxIdlePerHost: 0,
    ...credential.clientCert,
  });
  const response = await fetch(fleet.parent.server + path, {
    client,
    redirect: "manual",
    headers: credential.token === undefined ? {} : { Authorization: `Bearer ${credential.token}` },
  });
  const text = await response.text();
  const body = text.startsWith("{") ? JSON.parse(text) : { message: text };
  return { status: response.status, headers: response.headers, body };
}

/** Sends a request line as it is, as admin. @returns the whole answer */
async function rawGet(fleet: Fleet, path: string): Promise<string> {
  const { hostname, port } = new URL(fleet.parent.server);
  using conn = await Deno.connectTls({
    hostname,
    port: Number(port),
    caCerts: [fleet.parent.caPem],
    alpnProtocols: ["http/1.1"],
    ...fleet.parent.adminClientCert,
  });
  const head = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`;
  await conn.write(new TextEncoder().encode(head));
  let text = "";
  for await (const chunk of conn.readable.pipeThrough(new TextDecoderStream())) text += chunk;
  return text;
}

Deno.test("refusals have the documented status and message", async (t) => {
  await using fleet = await startFleet();
  const { parent, child } = fleet;
  const admin = { clientCert: parent.adminClientCert };
  const direct = `${fleet.proxyPath}/version`;
  const expect = (answer: Answer, status: number, message: RegExp): void => {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.equal(answer.body.kind, "Status");
    assert.match(answer.body.message ?? "", message);
    const warning = answer.headers.get("warning") ?? "";
    if (status !== 401) assert.match(warning, /^299 /, `warning: ${warning}`);
  };

  await t.step("a wrong token: 401", async () => {
    assert.equal((await ask(fleet, direct, { token: "wrong" })).status, 401);
  });

  await t.step("an expired token: 401", async () => {
    await parent.kubectlOk(["create", "serviceaccount", "brief"]);
    const token = (await parent.kubectlOk(["create", "token", "brief"])).trim();
    assert.equal((await ask(fleet, "/version", { token })).status, 200);
    await parent.kubectlOk(["delete", "serviceaccount", "brief"]);
    await eventually("the token is void", 20_000, async () => {
      assert.equal((await ask(fleet, direct, { token })).status, 401);
    }, 500);
  });

  await t.step("a user without the right: 403 that names it", async () => {
    const clientCert = await parent.mintClientCert("mallory");
    const answer = await ask(fleet, direct, { clientCert });
    assert.equal(answer.status, 403);
    assert.match(answer.body.message ?? "", /sockets/);
  });

  await t.step("a right on this cluster is none on another", async () => {
    const clientCert = await parent.mintClientCert("alice", ["platform"]);
    assert.equal((await ask(fleet, direct, { clientCert })).status, 200);
    for (const id of [OTHER_ID, fleet.clusterId.toUpperCase(), `${fleet.clusterId}x`]) {
      const answer = await ask(fleet, `${SOCKETS}/${id}/proxy/direct/version`, { clientCert });
      assert.equal(answer.status, 403, id);
    }
  });

  await t.step("an unknown cluster: 404", async () => {
    expect(
      await ask(fleet, `${SOCKETS}/${OTHER_ID}/proxy/direct/version`, admin),
      404,
      /is not registered/,
    );
  });

  await t.step("a malformed cluster id: 400", async () => {
    expect(
      await ask(fleet, `${SOCKETS}/nonsense/proxy/direct/version`, admin),
      400,
      /cluster id "nonsense"/,
    );
  });

  await t.step("a path that leaves its target: 400", async () => {
    const { pathname } = new URL(parent.server);
    assert.equal(pathname, "/");
    // fetch would normalise the path, so it is written by hand
    const answer = await rawGet(fleet, `${fleet.proxyPath}/../../../x`);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /leads out of the target/);
  });

  await t.step("an unknown kind of target: 404", async () => {
    expect(
      await ask(fleet, `${SOCKETS}/${fleet.clusterId}/proxy/gopher/x`, admin),
      404,
      /proxy\/direct/,
    );
  });

  await t.step("a target outside the allow-list: 403 that names the flag", async () => {
    for (const target of ["http/127.0.0.1:1", "http/169.254.169.254", "https/example.com"]) {
      const path = `${SOCKETS}/${fleet.clusterId}/proxy/${target}/`;
      expect(await ask(fleet, path, admin), 403, /--allow-target/);
    }
  });

  await t.step("system:masters of the parent is nobody in the child", async () => {
    const answer = await ask(fleet, `${fleet.proxyPath}/api/v1/nodes`, admin);
    assert.equal(answer.status, 403);
    assert.match(answer.body.message ?? "", /cannot list resource "nodes"/);
  });

  await t.step("an anonymous caller is refused", async () => {
    const answer = await ask(fleet, direct);
    assert.ok([401, 403].includes(answer.status), String(answer.status));
  });

  await t.step(
    "hostile frames: that session ends with a code, the cluster's tunnel stays",
    async () => {
      const secret = await child.api.get<{ data: Record<string, string> }>(
        "/api/v1/namespaces/clusternet-system/secrets/parent-cluster",
      );
      const hostile: Record<string, Uint8Array> = {
        "random bytes": crypto.getRandomValues(new Uint8Array(2000)),
        "a truncated frame": new Uint8Array([0, 0, 100, 3, 0, 0, 0, 0, 1]),
        "a frame longer than may be": new Uint8Array([255, 255, 255, 3, 0, 0, 0, 0, 1]),
        "OPEN before HELLO": new Uint8Array([0, 0, 0, 2, 0, 0, 0, 0, 2]),
        "a message above 256 KiB": new Uint8Array(300_000),
      };
      for (const [what, bytes] of Object.entries(hostile)) {
        const conn = await dialTunnel({
          url: `${parent.server}${SOCKETS}/${fleet.clusterId}/attach`,
          ca: parent.caPem,
          token: atob(secret.data["token"]!),
        });
        const closed = Promise.withResolvers<CloseInfo>();
        conn.start({ message: () => {}, close: closed.resolve });
        conn.send(bytes);
        const { code, reason } = await closed.promise;
        // kube-apiserver closes both directions when one ends: who still sends may miss the code
        const late = bytes.length > 256 * 1024 && code === 1006;
        assert.ok(late || code > 4000 && code < 4100, `${what}: ${code} ${reason}`);
        assert.equal((await ask(fleet, direct, admin)).status, 200, what);
      }
      assert.match(await fleet.hub.process.log(), /sends what no agent sends/);
    },
  );

  await t.step("a wrong CA: the agent says so and does not register", async () => {
    await using stranger = await startCluster({ name: "stranger", kwok: false });
    await child.api.remove("/api/v1/namespaces/clusternet-system/secrets/parent-cluster");
    const agent = await AgentProcess.create(parent, child, {
      name: "wrong-ca",
      parentCa: stranger.caPem,
      args: ["--leader-elect=false"],
    });
    await agent.process.start();
    await eventually("it says so", 20_000, async () => {
      assert.match(await agent.process.log(), /certificate|--cluster-reg-parent-ca-file/i);
    });
    await agent.process.kill9();
  });

  await t.step("an offline agent: 503 at once, without Retry-After", async () => {
    await fleet.agent!.process.kill9();
    await eventually("503", 15_000, async () => {
      const answer = await ask(fleet, direct, admin);
      expect(answer, 503, /agent/i);
      assert.equal(answer.headers.get("retry-after"), null);
    }, 200);
    const started = performance.now();
    const { code, stderr } = await fleet.through(["get", "nodes"]);
    assert.equal(code, 1);
    assert.match(stderr, /agent/i);
    assert.ok(performance.now() - started < 10_000, "kubectl is told at once");
  });
});
