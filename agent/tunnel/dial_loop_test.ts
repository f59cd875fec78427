import assert from "node:assert/strict";
import { mock } from "node:test";
import { memoryLog } from "../../shared/log.ts";
import { SessionCode, SessionError } from "../../shared/tunnel/errors.ts";
import type { PeerHello } from "../../shared/tunnel/hello.ts";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { type GoAwayInfo, Session, type SessionEnd } from "../../shared/tunnel/session.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { DialError } from "./dial_error.ts";
import { type DialLoopOptions, type LoopSession, runDialLoop } from "./dial_loop.ts";

/** A session that does what the test says. */
class FakeSession implements LoopSession {
  readonly #hello = Promise.withResolvers<PeerHello>();
  readonly #closed = Promise.withResolvers<SessionEnd>();
  readonly #drained = Promise.withResolvers<void>();
  readonly goAway: (info: GoAwayInfo) => void;
  ended: string | undefined;

  constructor(onGoAway: (info: GoAwayInfo) => void) {
    this.goAway = onGoAway;
    this.#hello.promise.catch(() => {});
  }
  get hello(): Promise<PeerHello> {
    return this.#hello.promise;
  }
  get closed(): Promise<SessionEnd> {
    return this.#closed.promise;
  }
  drained(): Promise<void> {
    return this.#drained.promise;
  }
  close(code: number, reason: string): void {
    this.ended ??= reason;
    this.#hello.reject(new SessionError("closed", reason));
    this.#closed.resolve({ code, reason, clean: code === 0 });
  }
  greet(reconnectSpreadMs?: number): void {
    const hello = { instanceId: "hub", ...(reconnectSpreadMs ? { reconnectSpreadMs } : {}) };
    this.#hello.resolve(hello as PeerHello);
  }
  drain(): void {
    this.#drained.resolve();
  }
}

/** Lets promises settle; real timers are mocked, this is none. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** A loop on a mocked clock: every wait is half of its bound. */
class Bench implements AsyncDisposable {
  readonly controller = new AbortController();
  readonly sessions: FakeSession[] = [];
  readonly events: string[] = [];
  readonly dialledAt: number[] = [];
  readonly log = memoryLog();
  /** Thrown by the next dials. */
  failure: Error | undefined;
  now = 0;
  readonly #running: Promise<void>;

  constructor(options: Partial<DialLoopOptions<FakeSession>> = {}) {
    mock.timers.enable({ apis: ["setTimeout"] });
    this.#running = runDialLoop<FakeSession>({
      signal: this.controller.signal,
      dial: () => {
        this.dialledAt.push(this.now);
        return this.failure === undefined
          ? Promise.resolve(memoryConnPair()[0])
          : Promise.reject(this.failure);
      },
      createSession: (_conn, onGoAway) => {
        const session = new FakeSession(onGoAway);
        this.sessions.push(session);
        return session;
      },
      onConnected: () => this.events.push("up"),
      onDisconnected: ({ reason, goAway }) =>
        this.events.push(`${goAway ? "leaving" : "down"} ${reason}`),
      onReconnectSpread: (ms) => this.events.push(`spread ${ms}`),
      log: this.log,
      now: () => this.now,
      random: () => 0.5,
      ...options,
    });
  }

  get last(): FakeSession {
    return this.sessions.at(-1)!;
  }

  /** Lets time pass in steps of 10 ms. */
  async pass(ms: number): Promise<void> {
    await settle();
    for (let left = ms; left > 0; left -= 10) {
      this.now += Math.min(10, left);
      mock.timers.tick(Math.min(10, left));
      await settle();
    }
  }

  /** Ends the loop. */
  async stop(): Promise<void> {
    this.controller.abort(new Error("the agent stops"));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    mock.timers.reset();
  }
}

/** The waits between dials, in milliseconds; steps of 10. */
function waits(bench: Bench): number[] {
  return bench.dialledAt.slice(1).map((at, index) => at - bench.dialledAt[index]!);
}

Deno.test("runDialLoop backs off while dials fail, and tells it once", async () => {
  const results: string[] = [];
  await using bench = new Bench({
    onDial: (result) => results.push(result.ok ? "ok" : result.stage),
  });
  bench.failure = new DialError("connect", "Cannot reach the hub");
  await bench.pass(0);
  await settle();
  bench.sessions[0]?.close(0, "first");
  await bench.pass(20_000);
  assert.deepEqual(waits(bench).slice(1, 6), [320, 630, 1250, 2500, 5000]);
  const warnings = bench.log.lines.filter(({ message }) => message.startsWith("Cannot open"));
  assert.equal(warnings.length, 2, "the session that ended before its HELLO, and the dials");
  assert.match(String(warnings[1]!.properties.error), /Cannot reach the hub/);
  bench.failure = new DialError("refused", "busy", { status: 503 });
  await bench.pass(30_000);
  assert.equal(
    bench.log.lines.filter(({ message }) => message.startsWith("Cannot open")).length,
    3,
  );
  assert.deepEqual([...new Set(results)], ["hello", "connect", "refused"]);
});

Deno.test("runDialLoop dials anew soon after a stable session, later after a short one", async () => {
  await using bench = new Bench();
  await settle();
  for (let i = 0; i < 4; i++) {
    bench.last.greet();
    await settle();
    bench.last.close(SessionCode.CONNECT_ERROR, "cut");
    await bench.pass([160, 320, 630, 1250][i]!);
    assert.equal(bench.sessions.length, i + 2);
  }
  bench.last.greet();
  await bench.pass(60_000);
  bench.last.close(SessionCode.CONNECT_ERROR, "cut");
  await bench.pass(160);
  assert.equal(bench.sessions.length, 6);
  assert.deepEqual(bench.events.slice(0, 4), ["up", "down cut", "up", "down cut"]);
});

Deno.test("runDialLoop counts a session without HELLO as a failure", async () => {
  await using bench = new Bench();
  await settle();
  bench.last.close(SessionCode.HELLO_TIMEOUT, "no HELLO");
  await bench.pass(150);
  assert.equal(bench.sessions.length, 1);
  await bench.pass(10);
  assert.equal(bench.sessions.length, 2);
  assert.deepEqual(bench.events, []);
});

Deno.test("runDialLoop remembers the spread that the hub told", async () => {
  await using bench = new Bench({ reconnectSpreadMs: 20_000 });
  await settle();
  bench.last.greet(20_000);
  await settle();
  assert.deepEqual(bench.events, ["up"]);
  bench.last.close(0, "cut");
  await bench.pass(400);
  bench.last.greet(40_000);
  await settle();
  assert.deepEqual(bench.events.slice(2), ["spread 40000", "up"]);
});

Deno.test("runDialLoop dials anew after GOAWAY while the old session finishes", async () => {
  await using bench = new Bench();
  await settle();
  const [old] = bench.sessions;
  old!.greet();
  await settle();
  old!.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 2_000, reason: "restart" });
  old!.goAway({ code: SessionCode.REPLACED, waitMs: 0, reason: "twice is once" });
  await bench.pass(990);
  assert.equal(bench.sessions.length, 1);
  await bench.pass(10);
  assert.equal(bench.sessions.length, 2);
  old!.drain();
  await settle();
  assert.equal(old!.ended, undefined, "it stays until the next one is up");
  bench.last.greet();
  await settle();
  assert.equal(old!.ended, "a newer session took over");
  assert.deepEqual(bench.events, ["up", "leaving restart", "up"]);
  assert.equal(bench.last.ended, undefined);
});

Deno.test("runDialLoop cuts an old session whose streams do not end", async () => {
  await using bench = new Bench({ drainMs: 5_000 });
  await settle();
  const [old] = bench.sessions;
  old!.greet();
  await settle();
  old!.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 2_000, reason: "restart" });
  await bench.pass(1_000);
  bench.last.greet();
  await bench.pass(4_990);
  assert.equal(old!.ended, undefined);
  await bench.pass(10);
  assert.equal(old!.ended, "a newer session took over");
});

Deno.test("runDialLoop asks for new credentials after 401 and 403, and uses them soon", async () => {
  const asked: number[] = [];
  let renewed = true;
  await using bench = new Bench({
    onUnauthorized: (error) => {
      asked.push(error.status!);
      return renewed;
    },
  });
  await settle();
  bench.last.greet();
  await settle();
  bench.failure = new DialError("refused", "no", { status: 401 });
  bench.last.close(0, "cut");
  await bench.pass(160);
  assert.deepEqual(asked, [401]);
  await bench.pass(130);
  assert.deepEqual(asked, [401, 401], "soon");
  await bench.pass(130);
  assert.equal(asked.length, 2, "but only once in a row");
  renewed = false;
  bench.failure = new DialError("refused", "no", { status: 403 });
  await bench.pass(60_000);
  assert.ok(asked.length > 6 && asked.length < 12, String(asked));
  assert.equal(waits(bench).at(-1), 15_000, "refused for long: seldom");
});

Deno.test("runDialLoop goes on when the renewal fails", async () => {
  await using bench = new Bench({ onUnauthorized: () => Promise.reject(new Error("no API")) });
  bench.failure = new DialError("refused", "no", { status: 401 });
  await settle();
  bench.last.close(0, "");
  await bench.pass(2_000);
  assert.ok(bench.dialledAt.length > 2);
  const line = bench.log.lines.find(({ message }) => message.startsWith("Cannot renew"));
  assert.match(String(line?.properties.error), /no API/);
});

Deno.test("runDialLoop waits as long as Retry-After says", async () => {
  await using bench = new Bench();
  bench.failure = new DialError("refused", "busy", { status: 429, retryAfterMs: 4_000 });
  await settle();
  bench.last.close(0, "");
  await bench.pass(160 + 4_000);
  assert.equal(bench.dialledAt.length, 2);
  await bench.pass(3_000);
  assert.equal(bench.dialledAt.length, 3);
});

Deno.test("runDialLoop stops in each of its states", async () => {
  const wait = new Bench();
  await settle();
  wait.last.close(0, "");
  await settle();
  await wait[Symbol.asyncDispose]();

  const greeting = new Bench();
  await settle();
  await greeting[Symbol.asyncDispose]();
  assert.equal(greeting.last.ended, "no HELLO came");

  const up = new Bench();
  await settle();
  up.last.greet();
  await settle();
  await up[Symbol.asyncDispose]();
  assert.equal(up.last.ended, "the agent stops");
  assert.deepEqual(up.events, ["up", "down the agent stops"]);

  const draining = new Bench();
  await settle();
  draining.last.greet();
  await settle();
  draining.last.goAway({ code: 0, waitMs: 60_000, reason: "" });
  await settle();
  await draining[Symbol.asyncDispose]();
  assert.equal(draining.last.ended, "a newer session took over");

  const renewing = new Bench({ onUnauthorized: () => new Promise(() => {}) });
  renewing.failure = new DialError("refused", "no", { status: 401 });
  await settle();
  renewing.last.close(0, "");
  await renewing.pass(200);
  await renewing[Symbol.asyncDispose]();
});

Deno.test("runDialLoop hands over between real sessions without losing a stream", async () => {
  const hubs: Session[] = [];
  const served: string[] = [];
  const streams: TunnelStream[] = [];
  const stop = new AbortController();
  const two = Promise.withResolvers<void>();
  const dial = (): Promise<MessageConn> => {
    const [hub, agent] = memoryConnPair();
    hubs.push(new Session({ role: "hub", conn: hub, instanceId: "hub" }));
    return Promise.resolve(agent);
  };
  const loop = runDialLoop({
    dial,
    signal: stop.signal,
    createSession: (conn, onGoAway) =>
      new Session({
        role: "agent",
        conn,
        instanceId: "agent",
        onGoAway,
        onStream: (stream) => {
          served.push(stream.head.path);
          streams.push(stream);
          stream.sendHead({ status: 200, statusText: "OK", headers: [] });
        },
      }),
    onConnected: () => hubs.length === 2 && two.resolve(),
  });
  const head = { method: "GET", target: "direct", path: "/old", upgrade: false, headers: [] };
  await hubs[0]!.hello;
  const old = hubs[0]!.open(head);
  assert.equal((await old.responseHead).status, 200);
  hubs[0]!.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 0, reason: "restart" });
  await two.promise;
  await hubs[1]!.hello;
  const fresh = hubs[1]!.open({ ...head, path: "/new" });
  assert.equal((await fresh.responseHead).status, 200);
  await streams[0]!.write(new TextEncoder().encode("late"));
  streams[0]!.end();
  old.end();
  assert.equal(new TextDecoder().decode((await old.read())!), "late");
  assert.equal(await old.read(), null);
  assert.equal((await hubs[0]!.closed).code, SessionCode.NO_ERROR);
  assert.deepEqual(served, ["/old", "/new"]);
  stop.abort(new Error("done"));
  await loop;
  await hubs[1]!.closed;
});

Deno.test("runDialLoop dials no more once it was asked to, and keeps the session it has", async () => {
  const last = new AbortController();
  await using bench = new Bench({ noMoreDials: last.signal });
  await bench.pass(10);
  bench.last.greet();
  await bench.pass(10);
  last.abort(new Error("another agent leads"));
  await bench.pass(5_000);
  assert.equal(bench.last.ended, undefined);
  bench.last.goAway({ code: SessionCode.REPLACED, waitMs: 5_000, reason: "replaced" });
  await bench.pass(10_000);
  assert.equal(bench.last.ended, undefined, "its streams go on");
  bench.last.drain();
  await bench.pass(10);
  assert.equal(bench.last.ended, "a newer session took over");
  assert.deepEqual(bench.dialledAt.length, 1);
  assert.deepEqual(bench.events, ["up", "leaving replaced"]);
});

Deno.test("runDialLoop ends at once when no more dials are wanted and nothing stands", async () => {
  const last = new AbortController();
  await using bench = new Bench({ noMoreDials: last.signal });
  await bench.pass(10); // No HELLO yet
  last.abort(new Error("another agent leads"));
  await bench.pass(10);
  assert.equal(bench.last.ended, "no HELLO came");
  assert.equal(bench.dialledAt.length, 1);
});
