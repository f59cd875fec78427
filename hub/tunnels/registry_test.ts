import assert from "node:assert/strict";
import { createRegistry } from "../../shared/metrics.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { type GoAwayInfo, Session } from "../../shared/tunnel/session.ts";
import { createTunnelMetrics } from "./metrics.ts";
import { type TunnelEvent, TunnelRegistry, type TunnelRegistryOptions } from "./registry.ts";

const A = "aaaaaaaa-0000-0000-0000-000000000000";
const B = "bbbbbbbb-0000-0000-0000-000000000000";
const HEAD = { method: "GET", target: "direct", path: "/", upgrade: false, headers: [] };

/** A registry, what it told, and agents that answer 204 when their path is "/". */
class Bed implements AsyncDisposable {
  readonly registry: TunnelRegistry;
  readonly events: TunnelEvent[] = [];
  readonly agents: Session[] = [];
  clock = 1_000_000;

  constructor(options: Partial<TunnelRegistryOptions> = {}) {
    this.registry = new TunnelRegistry({
      instanceId: "hub",
      now: () => this.clock,
      ...options,
    });
    this.registry.subscribe((event) => this.events.push(event));
  }

  /** Dials; resolves once the agent has the hub's HELLO or was refused. */
  async dial(
    clusterId: string,
    instanceId: string,
    onGoAway?: (info: GoAwayInfo) => void,
  ): Promise<Session> {
    const [hubConn, agentConn] = memoryConnPair();
    this.registry.attach(clusterId, hubConn, { remote: "memory", serviceAccountUid: "u" });
    const agent = new Session({
      role: "agent",
      conn: agentConn,
      instanceId,
      hello: { agentVersion: "v9" },
      onStream: (stream) => {
        if (stream.head.path !== "/") return;
        stream.sendHead({ status: 204, statusText: "", headers: [] });
        stream.end();
      },
      ...(onGoAway === undefined ? {} : { onGoAway }),
    });
    this.agents.push(agent);
    await agent.hello;
    await turn();
    return agent;
  }

  types(): string[] {
    return this.events.map(({ type }) => type).filter((type) => type !== "hello");
  }

  async ask(clusterId: string): Promise<number> {
    const stream = this.registry.session(clusterId)!.open(HEAD);
    stream.end();
    return (await stream.responseHead).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.registry.close();
    for (const agent of this.agents) agent.close(0, "over");
    await Promise.all(this.agents.map(({ closed }) => closed));
    await turn();
  }
}

function turn(ms = 5): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The hub's end of a close comes a while after the agent's. */
async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds() && waited < 5_000; waited += 5) await turn();
  assert.ok(holds());
}

Deno.test("TunnelRegistry routes to a cluster once its HELLO came, and forgets it at the end", async () => {
  await using bed = new Bed();
  assert.deepEqual(bed.registry.lastSeen(A), {});
  const agent = await bed.dial(A, "one");
  assert.equal(await bed.ask(A), 204);
  assert.deepEqual(bed.registry.ids(), [A]);
  assert.equal(bed.registry.connected(B), false);
  assert.deepEqual(bed.registry.info(A), {
    remote: "memory",
    serviceAccountUid: "u",
    instanceId: "one",
    agentVersion: "v9",
    connectedAt: 1_000_000,
  });
  assert.deepEqual(bed.registry.lastSeen(A), { connectedAt: 1_000_000 });
  bed.clock += 5_000;
  agent.close(0, "maintenance");
  await agent.closed;
  await until(() => bed.registry.session(A) === undefined);
  assert.deepEqual(bed.types(), ["connected", "disconnected"]);
  const seen = bed.registry.lastSeen(A);
  assert.deepEqual([seen.connectedAt, seen.disconnectedAt], [1_000_000, 1_005_000]);
  assert.equal(bed.registry.returnDue(A), true);
  bed.clock += 5_000;
  assert.equal(bed.registry.returnDue(A), false);
});

Deno.test("TunnelRegistry does not route to a session without HELLO, nor lose the old one to it", async () => {
  await using bed = new Bed({ config: { helloTimeoutMs: 50 } });
  await bed.dial(A, "one");
  const silent = Array.from({ length: 8 }, () => {
    const [hubConn, agentConn] = memoryConnPair();
    bed.registry.attach(A, hubConn, { remote: "memory" });
    const closed = Promise.withResolvers<void>();
    agentConn.start({ message: () => {}, close: () => closed.resolve() });
    return closed.promise;
  });
  assert.equal(await bed.ask(A), 204);
  await Promise.all(silent);
  await turn();
  assert.equal(await bed.ask(A), 204);
  assert.deepEqual(bed.types(), ["connected"]);
});

Deno.test("TunnelRegistry: the newest session wins at once, the old one drains and its close is not heard", async () => {
  await using bed = new Bed();
  const said: GoAwayInfo[] = [];
  const old = await bed.dial(A, "one", (info) => said.push(info));
  const slow = bed.registry.session(A)!.open({ ...HEAD, path: "/slow" });
  slow.end();
  const fresh = await bed.dial(A, "one");
  assert.equal(await bed.ask(A), 204);
  assert.deepEqual(said.map(({ code }) => code), [SessionCode.REPLACED]);
  assert.equal(old.streamCount, 1);
  assert.equal(slow.resetError, undefined);
  slow.reset(8, "enough");
  await old.closed;
  await turn();
  assert.equal(bed.registry.connected(A), true);
  assert.equal(await bed.ask(A), 204);
  assert.deepEqual(bed.types(), ["connected", "connected"]);
  assert.equal(fresh.streamCount, 0);
});

Deno.test("TunnelRegistry ends an old session that does not drain in time", async () => {
  await using bed = new Bed({ drainMs: 50 });
  const old = await bed.dial(A, "one");
  const stuck = bed.registry.session(A)!.open({ ...HEAD, path: "/slow" });
  await bed.dial(A, "one");
  const end = await old.closed;
  assert.equal(end.code, SessionCode.REPLACED);
  await assert.rejects(stuck.responseHead);
  assert.equal(await bed.ask(A), 204);
});

Deno.test("TunnelRegistry refuses two instances that keep replacing each other", async () => {
  await using bed = new Bed({ duplicates: { baseMs: 20_000 } });
  const told: GoAwayInfo[] = [];
  const note = (info: GoAwayInfo): void => void told.push(info);
  await bed.dial(A, "one");
  await bed.dial(A, "two");
  await bed.dial(A, "one", note);
  const last = await bed.dial(A, "two", note);
  const event = bed.events.find(({ type }) => type === "duplicate");
  assert.deepEqual(event, {
    type: "duplicate",
    clusterId: A,
    at: 1_000_000,
    instances: ["one", "two"],
    refusedMs: 20_000,
  });
  assert.deepEqual(told.map(({ code, waitMs }) => [code, waitMs]), [
    [SessionCode.DUPLICATE_AGENT, 20_000],
    [SessionCode.DUPLICATE_AGENT, 20_000],
  ]);
  assert.equal((await last.closed).code, SessionCode.DUPLICATE_AGENT);
  await turn();
  assert.equal(bed.registry.connected(A), false);
  assert.match(told[0]!.reason, /two agents claim this cluster/);

  bed.clock += 5_000;
  const refused: GoAwayInfo[] = [];
  const late = await bed.dial(A, "one", (info) => refused.push(info));
  assert.equal((await late.closed).code, SessionCode.DUPLICATE_AGENT);
  assert.equal(refused[0]!.waitMs, 15_000);
  assert.equal(bed.registry.connected(A), false);
  await bed.dial(B, "other");
  assert.equal(bed.registry.connected(B), true);

  bed.clock += 15_000;
  await bed.dial(A, "one");
  assert.equal(await bed.ask(A), 204);
});

Deno.test("TunnelRegistry.cut ends every session of one cluster and no other", async () => {
  await using bed = new Bed();
  const one = await bed.dial(A, "one");
  const other = await bed.dial(B, "other");
  bed.registry.cut(A, SessionCode.REVOKED, "the cluster was revoked");
  assert.equal((await one.closed).code, SessionCode.REVOKED);
  await turn();
  assert.equal(bed.registry.connected(A), false);
  assert.equal(bed.registry.lastSeen(A).reason, "the cluster was revoked");
  assert.equal(bed.registry.connected(B), true);
  assert.equal(other.streamCount, 0);
  bed.registry.forget(A);
  assert.deepEqual(bed.registry.lastSeen(A), {});
});

Deno.test("TunnelRegistry.goAwayAll spreads the return, refuses new attaches and waits for streams", async () => {
  let next = 0;
  await using bed = new Bed({ random: () => [0.25, 0.75][next++ % 2]! });
  const waits: number[] = [];
  await bed.dial(A, "one", ({ waitMs }) => waits.push(waitMs));
  await bed.dial(B, "two", ({ waitMs }) => waits.push(waitMs));
  const slow = bed.registry.session(A)!.open({ ...HEAD, path: "/slow" });
  bed.registry.goAwayAll({ waitMs: 10_000, reason: "the hub restarts" });
  await turn();
  assert.deepEqual(waits, [2_500, 7_500]);
  assert.throws(() => bed.registry.session(B)!.open(HEAD), { code: "going-away" });
  assert.equal(bed.registry.returnDue(A), true);
  let drained = false;
  const done = bed.registry.drained().then(() => drained = true);
  await turn();
  assert.equal(drained, false);
  slow.reset(8, "enough");
  await done;
  const late = await bed.dial(A, "one");
  assert.equal((await late.closed).code, SessionCode.SHUTTING_DOWN);
});

Deno.test("TunnelRegistry notices an agent that fell silent", async () => {
  await using bed = new Bed({ config: { pingIntervalMs: 20, deadAfterMs: 100 } });
  const [hubConn, agentConn] = memoryConnPair();
  const agent = new Session({ role: "agent", conn: agentConn, instanceId: "one" });
  bed.agents.push(agent);
  // Everything from the hub is lost from here on, and nothing comes back
  let mute = false;
  const conn: MessageConn = {
    start: (handler) => hubConn.start(handler),
    send: (message) => mute ? undefined : hubConn.send(message),
    get bufferedAmount(): number {
      return hubConn.bufferedAmount;
    },
    drained: () => hubConn.drained(),
    close: (code, reason) => hubConn.close(code, reason),
    abort: (reason) => hubConn.abort(reason),
  };
  bed.registry.attach(A, conn, { remote: "memory" });
  await agent.hello;
  await turn();
  assert.equal(bed.registry.connected(A), true);
  mute = true;
  for (let i = 0; bed.registry.connected(A) && i < 100; i++) await turn();
  assert.equal(bed.registry.connected(A), false);
});

Deno.test("TunnelRegistry counts what came and went", async () => {
  const prometheus = createRegistry();
  await using bed = new Bed({ metrics: createTunnelMetrics(prometheus) });
  await bed.dial(A, "one");
  await bed.dial(B, "two");
  const text = await prometheus.metrics();
  assert.match(text, /clusternet_hub_tunnels_connected 2/);
  assert.match(text, /clusternet_hub_tunnel_connects_total 2/);
  bed.registry.cut(A, SessionCode.REVOKED, "revoked");
  await turn();
  assert.match(await prometheus.metrics(), /disconnects_total\{reason="REVOKED"\} 1/);
});
