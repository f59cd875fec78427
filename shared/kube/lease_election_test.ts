import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { FakeKube } from "../testing/fake_kube.ts";
import { KubeClient } from "./client.ts";
import { LeaseElection, type LeaseElectionOptions } from "./lease_election.ts";
import { StatusError } from "./status.ts";
import type { Lease } from "./types.ts";

/** Time that passes only when a test says so. */
class Clock {
  ms = 0;
  #sleepers: { at: number; wake: () => void }[] = [];

  readonly delay = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: this.ms + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      }, { once: true });
    });

  async pass(ms: number): Promise<void> {
    const end = this.ms + ms;
    while (true) {
      await settle();
      const next = this.#sleepers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#sleepers.shift();
      this.ms = next.at;
      next.wake();
    }
    this.ms = end;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface Candidate {
  election: LeaseElection;
  events: string[];
  stop(): Promise<void>;
  /** Its requests fail from now on, or no longer. */
  cut(cut: boolean): void;
}

function candidate(
  kube: FakeKube,
  clock: Clock,
  identity: string,
  options: Partial<LeaseElectionOptions> = {},
): Candidate {
  const events: string[] = [];
  const controller = new AbortController();
  const state = { cut: false };
  const client = new KubeClient({
    transport: async (request) => {
      if (state.cut) throw new TypeError("network is unreachable");
      return await kube.transport(request);
    },
  });
  const election = new LeaseElection({
    client,
    namespace: "n",
    name: "hub",
    identity,
    monotonic: () => clock.ms,
    now: () => clock.ms,
    delay: clock.delay,
    random: () => 0.5,
    onStartedLeading: () => events.push("started"),
    onStoppedLeading: () => events.push("stopped"),
    onNewLeader: (leader) => events.push(`leader ${leader}`),
    ...options,
  });
  const running = election.run(controller.signal);
  return {
    election,
    events,
    cut: (cut) => void (state.cut = cut),
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}

const lease = (kube: FakeKube): Lease => kube.get<Lease>("coordination.k8s.io/leases", "hub", "n")!;

Deno.test("LeaseElection lets one lead and the other wait", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const a = candidate(kube, clock, "a");
  await clock.pass(0);
  const b = candidate(kube, clock, "b");
  await clock.pass(60_000);
  assert.ok(a.election.isLeader);
  assert.ok(!b.election.isLeader);
  assert.equal(b.election.leader(), "a");
  assert.deepEqual(a.events, ["leader a", "started"]);
  assert.deepEqual(b.events, ["leader a"]);
  assert.equal(lease(kube).spec?.leaseDurationSeconds, 15);
  assert.match(lease(kube).spec?.renewTime ?? "", /\.\d{6}Z$/);
  await Promise.all([a.stop(), b.stop()]);
});

Deno.test("LeaseElection gives the Lease back, and the next leads within a retry period", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const a = candidate(kube, clock, "a");
  await clock.pass(0);
  const b = candidate(kube, clock, "b");
  await clock.pass(5_000);
  await a.stop();
  assert.equal(lease(kube).spec?.holderIdentity, "");
  assert.deepEqual(a.events, ["leader a", "started", "stopped"]);
  await clock.pass(2_500);
  assert.ok(b.election.isLeader);
  assert.equal(lease(kube).spec?.leaseTransitions, 1);
  await b.stop();
});

Deno.test("LeaseElection replaces a leader that is gone within 20 s", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const a = candidate(kube, clock, "a");
  await clock.pass(0);
  const b = candidate(kube, clock, "b");
  await clock.pass(4_000);
  a.cut(true);
  await clock.pass(11_000);
  assert.ok(!a.election.isLeader, "the cut leader must have stepped down first");
  assert.ok(!b.election.isLeader, "not before the lease duration is over");
  assert.equal(a.events.at(-1), "stopped");
  await clock.pass(8_000);
  assert.ok(b.election.isLeader);
  a.cut(false);
  await clock.pass(5_000);
  assert.ok(!a.election.isLeader);
  assert.equal(a.events.at(-1), "leader b");
  await Promise.all([a.stop(), b.stop()]);
});

Deno.test("LeaseElection trusts no other clock than its own", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const HOUR = 3_600_000;
  const a = candidate(kube, clock, "a", { now: () => clock.ms - HOUR });
  await clock.pass(0);
  const b = candidate(kube, clock, "b", { now: () => clock.ms + HOUR });
  await clock.pass(60_000);
  assert.ok(a.election.isLeader);
  assert.ok(!b.election.isLeader);
  await Promise.all([a.stop(), b.stop()]);
});

Deno.test("LeaseElection loses the Lease to whoever took it", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const a = candidate(kube, clock, "a");
  await clock.pass(1_000);
  const taken = lease(kube);
  kube.put("coordination.k8s.io/leases", {
    ...taken,
    spec: { ...taken.spec, holderIdentity: "thief" },
  });
  await clock.pass(2_500);
  assert.ok(!a.election.isLeader);
  assert.deepEqual(a.events, ["leader a", "started", "leader thief", "stopped"]);
  await a.stop();
  assert.equal(lease(kube).spec?.holderIdentity, "thief");
});

Deno.test("LeaseElection aborts the leader's signal, and isLeader is false after a pause", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  let leading: AbortSignal | undefined;
  const a = candidate(kube, clock, "a", {
    onStartedLeading: (signal) => void (leading = signal),
  });
  await clock.pass(0);
  assert.ok(a.election.isLeader);
  clock.ms += 30_000; // SIGSTOP, and nothing has run since
  assert.ok(!a.election.isLeader);
  assert.ok(!leading!.aborted);
  await a.stop();
  assert.ok(leading!.aborted);
});

Deno.test("LeaseElection of two that start together has one winner", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const all = ["a", "b", "c"].map((identity) => candidate(kube, clock, identity));
  await clock.pass(10_000);
  assert.equal(all.filter(({ election }) => election.isLeader).length, 1);
  await Promise.all(all.map((one) => one.stop()));
});

Deno.test("LeaseElection takes a Lease without a holder, and keeps its UID", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  const made = kube.put<Lease>("coordination.k8s.io/leases", {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "hub", namespace: "n", labels: { keep: "me" } },
  });
  const a = candidate(kube, clock, "a");
  await clock.pass(0);
  assert.ok(a.election.isLeader);
  assert.equal(a.election.lease?.metadata.uid, made.metadata.uid);
  assert.equal(lease(kube).metadata.labels?.keep, "me");
  await a.stop();
});

Deno.test("LeaseElection lets a conflict pass and a broken callback too", async () => {
  const kube = new FakeKube();
  const clock = new Clock();
  let conflicts = 2;
  kube.interceptors.push(({ method }) => {
    if (method !== "PUT" || conflicts-- <= 0) return;
    throw StatusError.of(409, "conflict");
  });
  const a = candidate(kube, clock, "a", {
    onStartedLeading: () => {
      throw new Error("broken");
    },
  });
  await clock.pass(20_000);
  assert.ok(a.election.isLeader);
  assert.deepEqual(a.events, ["leader a"]);
  await a.stop();
});

Deno.test("LeaseElection refuses times that could give two leaders", () => {
  const options = { client: new KubeClient({ transport: new FakeKube().transport }) };
  const rest = { namespace: "n", name: "hub", identity: "a" };
  for (
    const times of [
      { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 },
      { renewDeadlineMs: 2_000, retryPeriodMs: 2_000 },
      { retryPeriodMs: 0 },
    ]
  ) {
    assert.throws(() => new LeaseElection({ ...options, ...rest, ...times }), RangeError);
  }
});
