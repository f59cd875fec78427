import assert from "node:assert/strict";
import {
  type ClusterRegistrationRequest,
  type ManagedCluster,
  REQUEST_UID_ANNOTATION,
} from "../../shared/kube/clusternet_types.ts";
import { delay } from "../../shared/backoff.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { idHash, requestName } from "../registration/names.ts";
import {
  ACCOUNTS,
  CLUSTERS,
  fakeParent,
  ID,
  makeRequest,
  REQUESTS,
} from "../registration/testing.ts";
import { type Controllers, createControllers } from "./controllers.ts";
import type { TunnelNews } from "./monitor.ts";
import type { KubeEvent } from "../../shared/kube/types.ts";
import type { FakeKube } from "../../shared/testing/fake_kube.ts";

const NAME = requestName(ID);
const NAMESPACE = `clusternet-${idHash(ID)}`;

/** A hub's controllers on a parent in memory, with tunnels that a test opens and cuts. */
class Rig implements AsyncDisposable {
  readonly fake: FakeKube;
  readonly controllers: Controllers;
  readonly cuts: number[] = [];
  readonly #stop = new AbortController();
  readonly #up = new Set<string>();
  readonly #listeners = new Set<(event: TunnelNews) => void>();

  constructor({ lead = true, fake = fakeParent({ now: Date.now }) } = {}) {
    this.fake = fake.fake;
    this.controllers = createControllers({
      client: fake.client,
      registry: {
        session: () => undefined,
        connected: (id) => this.#up.has(id),
        cut: (id, code) => {
          this.cuts.push(code);
          this.#up.delete(id);
        },
        forget: (id) => void this.#up.delete(id),
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => void this.#listeners.delete(listener);
        },
      },
      approval: "auto",
      tokenTtlMs: 168 * 3_600_000,
      parentCa: () => "PEM",
      times: { lossMs: 30, graceMs: 60, firstConnectMs: 40 },
    });
    this.controllers.start(this.#stop.signal);
    if (lead) this.controllers.lead(this.#stop.signal);
  }

  connect(): void {
    this.#up.add(ID);
    this.#emit({ type: "connected", clusterId: ID });
  }

  lose(code: number = SessionCode.CONNECT_ERROR): void {
    this.#up.delete(ID);
    this.#emit({ type: "disconnected", clusterId: ID, at: Date.now(), reason: "reset", code });
  }

  #emit(event: TunnelNews): void {
    for (const listener of this.#listeners) listener(event);
  }

  cluster(): ManagedCluster | undefined {
    return this.fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE);
  }

  request(): ClusterRegistrationRequest | undefined {
    return this.fake.get<ClusterRegistrationRequest>(REQUESTS, NAME);
  }

  events(reason: string): KubeEvent[] {
    return this.fake.list<KubeEvent>("/events").filter((event) => event.reason === reason);
  }

  status(type: string): string | undefined {
    return this.cluster()?.status?.conditions?.find((one) => one.type === type)?.status;
  }

  /** As the agent's report does: its own fields, nothing else. */
  report(readyz: boolean, at: string): void {
    const cluster = this.cluster()!;
    const status = {
      ...cluster.status,
      readyz,
      lastObservedTime: at,
      heartbeatFrequencySeconds: 180,
    };
    this.fake.put(CLUSTERS, { ...cluster, status });
  }

  async until(what: string, ask: () => boolean): Promise<void> {
    const end = Date.now() + 5_000;
    while (!ask()) {
      if (Date.now() > end) throw new Error(`Waited 5 s for: ${what}`);
      await delay(5);
    }
  }

  async registered(): Promise<void> {
    this.fake.put(REQUESTS, makeRequest());
    await this.until("approval", () => this.request()?.status?.result === "Approved");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controllers.idle();
    await this.controllers.idle();
    this.#stop.abort();
    await this.controllers.stopped;
  }
}

Deno.test("controllers take a cluster from request to Ready, and tell who is alive", async () => {
  await using rig = new Rig();
  await rig.registered();
  assert.equal(rig.controllers.known(ID), true);
  rig.connect();
  rig.report(true, "2026-06-01T00:00:00Z");
  await rig.until("Ready", () => rig.status("Ready") === "True");
  rig.lose();
  await rig.until("Connected=False", () => rig.status("Connected") === "False");
  assert.equal(rig.status("Ready"), "Unknown");
  assert.equal(rig.cluster()?.status?.readyz, false);
  rig.connect();
  await rig.until("Ready again", () => rig.status("Ready") === "True");
  assert.equal(rig.cluster()?.status?.readyz, true);
});

Deno.test("controllers put back what an agent forges", async () => {
  await using rig = new Rig();
  await rig.registered();
  rig.connect();
  rig.report(false, "2026-06-01T00:00:00Z");
  await rig.until("Ready=False", () => rig.status("Ready") === "False");
  const cluster = rig.cluster()!;
  const conditions = cluster.status!.conditions!.map((one) => ({
    ...one,
    status: "True" as const,
  }));
  const forged = { ...conditions[0]!, type: "Mine" };
  rig.fake.put(CLUSTERS, {
    ...cluster,
    status: { ...cluster.status, conditions: [...conditions, forged] },
  });
  await rig.until("the hub's word", () => rig.status("Ready") === "False");
  assert.equal(rig.status("Mine"), undefined);
  await rig.until("an Event", () => rig.events("ConditionsPutBack").length === 1);
  rig.fake.put(CLUSTERS, { ...rig.cluster()!, status: { ...cluster.status, conditions } });
  await rig.until("the hub's word again", () => rig.status("Ready") === "False");
  await rig.controllers.idle();
  assert.equal(rig.events("ConditionsPutBack").length, 1, "told once in a while only");
});

Deno.test("controllers tell of strangers at a cluster's tunnel, once, whoever knocks", async () => {
  await using rig = new Rig();
  await rig.registered();
  for (let i = 0; i < 1_000; i++) rig.controllers.attachRefused(ID, `mallory-${i}`);
  rig.controllers.attachRefused("no-such-cluster", "mallory");
  await rig.controllers.idle();
  const told = rig.events("AttachRefused");
  assert.equal(told.length, 1);
  assert.match(told[0]!.message, /"mallory-0" .*was refused/);
  assert.equal(told[0]!.involvedObject.name, NAME);
});

Deno.test("controllers tell of what the hub trusts as Events of its APIService", async () => {
  await using rig = new Rig();
  await rig.registered();
  rig.controllers.tellOfHub("Warning", "FrontProxyTrustChanged", "now: x");
  await rig.until("an Event", () => rig.events("FrontProxyTrustChanged").length === 1);
  assert.equal(rig.events("FrontProxyTrustChanged")[0]!.involvedObject.kind, "APIService");
});

Deno.test("controllers write nothing when an agent blinks", async () => {
  await using rig = new Rig();
  await rig.registered();
  rig.connect();
  rig.report(true, "2026-06-01T00:00:00Z");
  await rig.until("Ready", () => rig.status("Ready") === "True");
  const writes = rig.fake.count("PATCH", /status/);
  rig.lose();
  rig.connect();
  await delay(80);
  assert.equal(rig.fake.count("PATCH", /status/), writes);
});

Deno.test("deleting a ManagedCluster revokes at once and for good", async () => {
  await using rig = new Rig();
  await rig.registered();
  rig.connect();
  rig.fake.remove(CLUSTERS, "edge-1", NAMESPACE);
  await rig.until("its end", () => rig.cluster() === undefined);
  assert.ok(rig.cuts.includes(SessionCode.REVOKED));
  assert.equal(rig.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  await rig.controllers.idle();
  const { status } = rig.request()!;
  assert.equal(status?.result, "Denied");
  assert.equal(status.sealedCredentials, undefined);
  assert.equal(status.conditions?.at(-1)?.type, "Revoked");
  assert.equal(rig.controllers.agentOf(ID), undefined);
  assert.equal(rig.cluster(), undefined);
});

Deno.test("a revocation that was interrupted is finished by the next hub", async () => {
  const parent = fakeParent({ now: Date.now });
  {
    await using rig = new Rig({ fake: parent });
    await rig.registered();
  }
  parent.fake.remove(CLUSTERS, "edge-1", NAMESPACE);
  await using next = new Rig({ fake: parent });
  await next.until("its end", () => next.cluster() === undefined);
  assert.equal(next.request()?.status?.result, "Denied");
});

Deno.test("deleting a request cleans up, and the same id may register again", async () => {
  await using rig = new Rig();
  await rig.registered();
  const first = rig.request()!;
  rig.fake.remove(REQUESTS, NAME);
  await rig.until("the cluster's end", () => rig.cluster() === undefined);
  await rig.until(
    "the account's end",
    () => rig.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents") === undefined,
  );
  assert.equal(rig.controllers.known(ID), false);
  await rig.registered();
  const second = rig.request()!;
  assert.notEqual(second.status?.serviceAccount?.uid, first.status?.serviceAccount?.uid);
  const mark = rig.cluster()?.metadata.annotations?.[REQUEST_UID_ANNOTATION];
  assert.equal(mark, second.metadata.uid);
});

Deno.test("a standby watches, and writes nothing until it leads", async () => {
  await using rig = new Rig({ lead: false });
  await rig.controllers.synced;
  rig.fake.put(REQUESTS, makeRequest());
  await delay(60);
  assert.ok(rig.fake.requests.every(({ method }) => method === "GET"));
  const term = new AbortController();
  rig.controllers.lead(term.signal);
  await rig.until("approval", () => rig.request()?.status?.result === "Approved");
  await rig.controllers.idle();
  term.abort();
});

Deno.test("a hub that leads again waits for its agents before it writes them off", async () => {
  await using rig = new Rig({ lead: false });
  const first = new AbortController();
  rig.controllers.lead(first.signal);
  await rig.registered();
  rig.connect();
  rig.report(true, "2026-06-01T00:00:00Z");
  await rig.until("Ready", () => rig.status("Ready") === "True");
  await rig.controllers.idle();
  first.abort();
  rig.lose(SessionCode.SHUTTING_DOWN);
  await delay(50); // Longer than a loss is waited for
  const writes = rig.fake.count("PATCH", /status/);
  const second = new AbortController();
  rig.controllers.lead(second.signal);
  await delay(20);
  rig.connect();
  await delay(80);
  assert.equal(rig.fake.count("PATCH", /status/), writes);
  assert.equal(rig.status("Ready"), "True");
  await rig.controllers.idle();
  second.abort();
});

Deno.test("the health check fails until the caches are complete", async () => {
  await using rig = new Rig();
  assert.throws(() => rig.controllers.healthChecks[0]!.check(), /not read yet/);
  await rig.controllers.synced;
  await delay(0);
  rig.controllers.healthChecks[0]!.check();
});
