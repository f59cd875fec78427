import assert from "node:assert/strict";
import { delay, withDeadline } from "../shared/backoff.ts";
import { KubeClient } from "../shared/kube/client.ts";
import type { ManagedCluster } from "../shared/kube/clusternet_types.ts";
import type { Lease } from "../shared/kube/types.ts";
import { memoryLog } from "../shared/log.ts";
import { createRegistry } from "../shared/metrics.ts";
import { FakeKube } from "../shared/testing/fake_kube.ts";
import { ResetCode, SessionCode } from "../shared/tunnel/errors.ts";
import { memoryConnPair } from "../shared/tunnel/memory_conn.ts";
import { Session } from "../shared/tunnel/session.ts";
import type { TunnelStream } from "../shared/tunnel/stream.ts";
import { startAgent } from "./agent.ts";
import type { Agent, AgentEnd } from "./agent_options.ts";
import { parseAgentFlags } from "./flags.ts";
import { ParentClusterStore } from "./registration/store.ts";
import {
  BOOTSTRAP_TOKEN,
  FakeParent,
  plainCredentials,
  sealTo,
  SECRET_TOKEN,
  waitFor,
} from "./registration/testing.ts";
import { DialError } from "./tunnel/dial_error.ts";

const NS = "clusternet-system";
const CLUSTERS = "clusters.clusternet.io/managedclusters";
const REQUESTS = "clusters.clusternet.io/clusterregistrationrequests";

/** A child's API: objects, version, health, no nodes. */
class FakeChild {
  readonly kube = new FakeKube();

  readonly transport = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/version") {
      return Response.json({ gitVersion: "v1.36.3", platform: "linux/amd64" });
    }
    if (/^\/(healthz|livez|readyz)$/.test(pathname)) return new Response("ok");
    if (pathname === "/api/v1/nodes") return Response.json({ items: [] });
    return await this.kube.transport(request);
  };

  lease(): Lease | undefined {
    return this.kube.get<Lease>("coordination.k8s.io/leases", "self-cluster", NS);
  }
}

/** One parent with a hub, one child; agents as a test starts them. */
class Bed implements AsyncDisposable {
  readonly parent = new FakeParent();
  readonly child = new FakeChild();
  readonly log = memoryLog();
  readonly sessions: Session[] = [];
  readonly dialled: { url: string; token: string | undefined }[] = [];
  readonly #agents: Agent[] = [];
  /** Tokens that the hub's door takes. */
  readonly tokens = new Set([SECRET_TOKEN]);
  /** How the hub decides on requests. */
  decide: "approve" | "deny" = "approve";
  spreadMs = 12_000;

  start(identity = "a", args: string[] = []): Agent {
    const agent = startAgent({
      flags: parseAgentFlags([
        "--cluster-reg-parent-url=https://parent:6443/prefix",
        "--leader-elect-lease-duration=300ms",
        "--leader-elect-renew-deadline=200ms",
        "--leader-elect-retry-period=30ms",
        "--drain-timeout=200ms",
        ...args,
      ]),
      child: { config: { server: "https://10.96.0.1:443" }, transport: this.child.transport },
      identity,
      instanceId: `${identity}-1`,
      bootstrapToken: () => Promise.resolve(BOOTSTRAP_TOKEN),
      pinnedCa: () => Promise.resolve(undefined),
      registry: createRegistry(),
      log: this.log,
      connectParent: () => ({
        transport: this.parent.transport,
        close: () => {},
        [Symbol.dispose]: () => {},
      }),
      dial: ({ url, token }) => {
        this.dialled.push({ url, token });
        if (token === undefined || !this.tokens.has(token)) {
          return Promise.reject(new DialError("refused", "Unauthorized", { status: 401 }));
        }
        const [hub, conn] = memoryConnPair();
        this.sessions.push(
          new Session({
            role: "hub",
            conn: hub,
            instanceId: "hub-1",
            hello: { reconnectSpreadMs: this.spreadMs },
          }),
        );
        return Promise.resolve(conn);
      },
    });
    this.#agents.push(agent);
    return agent;
  }

  /** Plays the hub's approver once the request is there. */
  async hub(): Promise<void> {
    await waitFor(() => this.parent.kube.list(REQUESTS).length > 0, 5_000);
    const request = this.parent.kube.list<{
      metadata: { name: string };
      spec: { clusterId: string; clusterName: string; publicKey: never };
    }>(REQUESTS)[0]!;
    if (this.decide === "deny") {
      this.parent.kube.put(REQUESTS, {
        ...request,
        status: { result: "Denied", errorMessage: "unknown site" },
      });
      return;
    }
    const { clusterId, clusterName, publicKey } = request.spec;
    this.parent.kube.put<ManagedCluster>(CLUSTERS, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ManagedCluster",
      metadata: { name: clusterName, namespace: "clusternet-dhxfs" },
      spec: { clusterId },
    });
    const payload = plainCredentials({ clusterId, managedClusterName: clusterName });
    this.parent.kube.put(REQUESTS, {
      ...request,
      status: { result: "Approved", sealedCredentials: await sealTo(publicKey, payload) },
    });
  }

  cluster(): ManagedCluster | undefined {
    return this.parent.kube.list<ManagedCluster>(CLUSTERS)[0];
  }

  ready(agent: Agent): boolean {
    try {
      for (const { check } of agent.readyz) check();
      return true;
    } catch {
      return false;
    }
  }

  /** The end of an agent; a test that waits for ever tells nothing. */
  async ended(agent: Agent): Promise<AgentEnd> {
    return await withDeadline(10_000, "see the agent end", () => agent.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await withDeadline(
      10_000,
      "stop the agents",
      () => Promise.all(this.#agents.map((agent) => agent.stop())),
    );
    for (const session of this.sessions) session.close(0, "the test has ended");
    await withDeadline(
      10_000,
      "see the sessions end",
      () => Promise.all(this.sessions.map(({ closed }) => closed)),
    );
  }
}

Deno.test("an agent registers, opens its tunnel, reports, and stops in order", async () => {
  await using bed = new Bed();
  const agent = bed.start();
  assert.equal(bed.ready(agent), false);
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  const uid = bed.child.lease()!.metadata!.uid!;
  assert.deepEqual(bed.dialled[0], {
    url: `https://parent:6443/prefix/apis/proxies.clusternet.io/v1alpha1/sockets/${uid}/attach`,
    token: SECRET_TOKEN,
  });
  await waitFor(() => bed.cluster()?.status?.readyz === true);
  assert.match(bed.cluster()!.metadata.name!, /^clusternet-cluster-[a-z0-9]{5}$/);
  const store = new ParentClusterStore({
    client: new KubeClient({ transport: bed.child.transport }),
    namespace: NS,
  });
  const stored = await store.load();
  assert.equal(stored.credentials?.token, SECRET_TOKEN);
  await waitFor(() => bed.child.kube.count("PATCH", /secrets\/parent-cluster/) >= 2);
  assert.equal((await store.load()).reconnectSpreadMs, 12_000);
  await agent.stop();
  assert.deepEqual(await agent.ended, { kind: "stopped" });
  assert.equal(bed.child.lease()?.spec?.holderIdentity, "");
  assert.equal(bed.ready(agent), false);
  const said = JSON.stringify(bed.log.lines);
  assert.ok(!said.includes(SECRET_TOKEN) && !said.includes(BOOTSTRAP_TOKEN));
});

Deno.test("a restarted agent dials with what is stored, without registering", async () => {
  await using bed = new Bed();
  const first = bed.start();
  await bed.hub();
  await waitFor(() => bed.ready(first), 5_000);
  await first.stop();
  const before = bed.parent.kube.count("POST", /clusterregistrationrequests/);
  const second = bed.start();
  await waitFor(() => bed.ready(second), 5_000);
  assert.equal(bed.parent.kube.count("POST", /clusterregistrationrequests/), before);
});

Deno.test("an agent takes fresh credentials from the tunnel for its next dial", async () => {
  await using bed = new Bed();
  const agent = bed.start();
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  const { spec } = bed.parent.kube.list<{ spec: { clusterId: string; publicKey: never } }>(
    REQUESTS,
  )[0]!;
  const fresh = plainCredentials({
    clusterId: spec.clusterId,
    token: "fresh-token",
    expirationTimestamp: "2031-01-01T00:00:00Z",
  });
  const [session] = bed.sessions as [Session];
  await session.hello;
  const stream = session.open({
    method: "POST",
    target: "agent",
    path: "/credentials",
    upgrade: false,
    headers: [["content-type", "application/jose"]],
  });
  await stream.write(new TextEncoder().encode(await sealTo(spec.publicKey, fresh)));
  stream.end();
  assert.equal((await stream.responseHead).status, 204);
  bed.tokens.delete(SECRET_TOKEN);
  bed.tokens.add("fresh-token");
  session.close(0, "the hub restarts");
  await waitFor(() => bed.sessions.length === 2, 5_000);
  assert.equal(bed.dialled.at(-1)?.token, "fresh-token");
});

Deno.test("a denied agent ends and says why", async () => {
  await using bed = new Bed();
  bed.decide = "deny";
  const agent = bed.start();
  await bed.hub();
  const end = await bed.ended(agent);
  assert.equal(end.kind, "refused");
  assert.match(end.kind === "refused" ? end.message : "", /denied.*unknown site.*kubectl delete/);
  assert.equal(bed.child.lease()?.spec?.holderIdentity, "");
});

Deno.test("an agent that is revoked while it runs ends", async () => {
  await using bed = new Bed();
  const agent = bed.start();
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  const request = bed.parent.kube.list<Record<string, unknown>>(REQUESTS)[0]!;
  bed.parent.kube.put(REQUESTS, {
    ...request,
    status: {
      result: "Denied",
      conditions: [{ type: "Revoked", status: "True", reason: "Deleted", message: "" }],
    },
  });
  bed.tokens.clear();
  bed.parent.tokens.delete(SECRET_TOKEN);
  bed.sessions[0]!.close(0, "revoked");
  assert.equal((await bed.ended(agent)).kind, "refused");
});

Deno.test("a standby is ready, dials nothing, and takes over with the stored credentials", async () => {
  await using bed = new Bed();
  const first = bed.start("a");
  await bed.hub();
  await waitFor(() => bed.ready(first), 5_000);
  const standby = bed.start("b");
  await waitFor(() => bed.ready(standby), 5_000);
  assert.equal(bed.dialled.length, 1);
  await first.stop();
  await waitFor(() => bed.sessions.length === 2, 5_000);
  await waitFor(() => bed.ready(standby), 5_000);
  assert.equal(bed.child.lease()?.spec?.holderIdentity, "b");
});

Deno.test("an agent waits for a child whose API starts later", async () => {
  await using bed = new Bed();
  let away = true;
  bed.child.kube.interceptors.push(() => {
    if (away) throw new TypeError("connection refused");
  });
  const agent = bed.start();
  await waitFor(() => bed.log.lines.some(({ level }) => level === "warn"), 5_000);
  away = false;
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
});

Deno.test("with --enable-tunnel-logging each stream is told, without its query", async () => {
  await using bed = new Bed();
  const agent = bed.start("a", ["--enable-tunnel-logging"]);
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  const [session] = bed.sessions as [Session];
  await session.hello;
  const stream = session.open({
    method: "GET",
    target: "agent",
    path: "/nothing?secret=1",
    upgrade: false,
    headers: [],
  });
  stream.end();
  assert.equal((await stream.responseHead).status, 404);
  while (await stream.read() !== null);
  const told = (): string | undefined =>
    bed.log.lines.map((line) => JSON.stringify(line)).find((line) => line.includes("/nothing"));
  await waitFor(() => told() !== undefined);
  assert.ok(!told()!.includes("secret"));
});

Deno.test("without election an agent leads at once", async () => {
  await using bed = new Bed();
  const agent = bed.start("a", ["--leader-elect=false", "--cluster-reg-name=edge-7"]);
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  assert.equal(bed.cluster()?.metadata.name, "edge-7");
});

/** Opens what never ends by itself. */
async function openStream(session: Session): Promise<TunnelStream> {
  await session.hello;
  return session.open({
    method: "POST",
    target: "agent",
    path: "/credentials",
    upgrade: false,
    headers: [],
  });
}

Deno.test("an agent that stops lets another one lead while its own streams go on", async () => {
  await using bed = new Bed();
  const first = bed.start("a", ["--drain-timeout=20s"]);
  await bed.hub();
  await waitFor(() => bed.ready(first), 5_000);
  const standby = bed.start("b");
  await waitFor(() => bed.ready(standby), 5_000);
  const [session] = bed.sessions as [Session];
  const stream = await openStream(session);
  const stopped = first.stop();
  await waitFor(() => bed.sessions.length === 2, 5_000);
  assert.equal(bed.child.lease()?.spec?.holderIdentity, "b");
  assert.equal(stream.resetError, undefined);
  assert.equal(session.usable, true, "the hub decides when it sends nothing more here");
  session.goAway({ code: SessionCode.REPLACED, waitMs: 5_000, reason: "another agent dialled" });
  stream.reset(ResetCode.CANCEL, "done");
  await withDeadline(5_000, "stop", () => stopped);
  assert.equal(bed.dialled.length, 2);
});

Deno.test("an agent without a standby serves while its tunnel is used, then stops", async () => {
  await using bed = new Bed();
  const agent = bed.start("a", ["--drain-timeout=20s"]);
  await bed.hub();
  await waitFor(() => bed.ready(agent), 5_000);
  const [session] = bed.sessions as [Session];
  const stream = await openStream(session);
  let ended = false;
  const stopped = agent.stop().then(() => ended = true);
  await delay(1_500); // Nobody comes
  const late = await openStream(session);
  stream.reset(ResetCode.CANCEL, "done");
  await delay(50);
  assert.equal(ended, false);
  late.reset(ResetCode.CANCEL, "done");
  await withDeadline(5_000, "stop", () => stopped);
});
