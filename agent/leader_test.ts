import assert from "node:assert/strict";
import { delay } from "../shared/backoff.ts";
import { KubeClient } from "../shared/kube/client.ts";
import type { Lease } from "../shared/kube/types.ts";
import { FakeKube } from "../shared/testing/fake_kube.ts";
import { ensureClusterId, leadWhenElected, type Term } from "./leader.ts";
import { waitFor } from "./registration/testing.ts";

const LEASES = "coordination.k8s.io/leases";
const NS = "clusternet-system";

function lease(kube: FakeKube): Lease | undefined {
  return kube.get<Lease>(LEASES, "self-cluster", NS);
}

/** A candidate with short times. */
class Bed implements AsyncDisposable {
  readonly stop = new AbortController();
  readonly resign = new AbortController();
  readonly terms: Term[] = [];
  ended = 0;
  standby: boolean | undefined;
  readonly done: Promise<void>;

  constructor(kube: FakeKube, identity: string, work?: (term: Term) => Promise<void>) {
    this.done = leadWhenElected({
      client: new KubeClient({ transport: kube.transport }),
      namespace: NS,
      identity,
      enabled: true,
      leaseDurationMs: 120,
      renewDeadlineMs: 80,
      retryPeriodMs: 15,
      lead: async (term) => {
        this.terms.push(term);
        try {
          if (work !== undefined) await work(term);
          else await delay(60_000, term.signal).catch(() => {});
        } finally {
          this.ended++;
        }
      },
      onStandby: (standby) => this.standby = standby,
      resign: this.resign.signal,
      signal: this.stop.signal,
    });
    this.done.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error("the test has ended"));
    await this.done.catch(() => {});
  }
}

Deno.test("ensureClusterId makes the Lease once, whoever is first", async () => {
  const kube = new FakeKube();
  const client = new KubeClient({ transport: kube.transport });
  const found = await Promise.all(
    [1, 2, 3].map(() => ensureClusterId({ client, namespace: NS })),
  );
  const uid = lease(kube)!.metadata!.uid;
  assert.deepEqual(found, [uid, uid, uid]);
});

Deno.test("ensureClusterId says which namespace is missing", async () => {
  const kube = new FakeKube();
  kube.interceptors.push(({ method }) =>
    method === "POST"
      ? Response.json({ kind: "Status", message: "namespaces not found", code: 404 }, {
        status: 404,
      })
      : undefined
  );
  const client = new KubeClient({ transport: kube.transport });
  await assert.rejects(
    ensureClusterId({ client, namespace: NS }),
    /kubectl create namespace clusternet-system/,
  );
});

Deno.test("one of two agents leads; the other takes over when it stops, at once", async () => {
  const kube = new FakeKube();
  const first = new Bed(kube, "a");
  await waitFor(() => first.terms.length === 1);
  await using second = new Bed(kube, "b");
  await waitFor(() => second.standby === true);
  assert.equal(second.terms.length, 0);
  await first[Symbol.asyncDispose]();
  assert.equal(first.ended, 1);
  await waitFor(() => second.terms.length === 1);
  assert.equal(second.standby, false);
  assert.equal(lease(kube)?.spec?.holderIdentity, "b");
});

Deno.test("an agent that lost the Lease ends its term and takes part again", async () => {
  const kube = new FakeKube();
  await using agent = new Bed(kube, "a");
  await waitFor(() => agent.terms.length === 1);
  kube.put<Lease>(LEASES, {
    ...lease(kube)!,
    spec: { holderIdentity: "thief", leaseDurationSeconds: 0 },
  });
  await waitFor(() => agent.ended === 1);
  assert.equal(agent.terms[0]!.signal.aborted, true);
  // The thief never renews: the Lease comes back
  await waitFor(() => agent.terms.length === 2);
  assert.equal(agent.standby, false);
});

Deno.test("while the child's API is away the term goes on, without new dials", async () => {
  const kube = new FakeKube();
  let away = false;
  kube.interceptors.push(() => {
    if (away) throw new TypeError("connection refused");
  });
  await using agent = new Bed(kube, "a");
  await waitFor(() => agent.terms.length === 1);
  const [term] = agent.terms as [Term];
  await term.confirmed(term.signal);
  away = true;
  await delay(200);
  assert.equal(term.signal.aborted, false);
  let confirmed = false;
  const dial = term.confirmed(term.signal).then(() => confirmed = true);
  await delay(30);
  assert.equal(confirmed, false, "no dial while another agent may lead");
  away = false;
  await dial;
  assert.equal(agent.terms.length, 1, "still the same term");
});

Deno.test("a term in doubt ends when another agent is seen to lead", async () => {
  const kube = new FakeKube();
  let away = false;
  kube.interceptors.push(() => {
    if (away) throw new TypeError("connection refused");
  });
  await using agent = new Bed(kube, "a");
  await waitFor(() => agent.terms.length === 1);
  const [term] = agent.terms as [Term];
  away = true;
  await delay(150);
  const dial = term.confirmed(term.signal);
  kube.put<Lease>(LEASES, {
    ...lease(kube)!,
    spec: { holderIdentity: "b", leaseDurationSeconds: 60 },
  });
  away = false;
  await assert.rejects(dial, /"b" leads/);
  await waitFor(() => agent.ended === 1);
});

Deno.test("what a term throws ends the election, and the Lease is given back", async () => {
  const kube = new FakeKube();
  await using agent = new Bed(kube, "a", () => Promise.reject(new Error("denied")));
  await assert.rejects(agent.done, /denied/);
  assert.equal(lease(kube)?.spec?.holderIdentity, "");
});

Deno.test("without election the agent leads at once", async () => {
  const stop = new AbortController();
  let led = false;
  await leadWhenElected({
    client: new KubeClient({ transport: new FakeKube().transport }),
    namespace: NS,
    identity: "a",
    enabled: false,
    leaseDurationMs: 3,
    renewDeadlineMs: 2,
    retryPeriodMs: 1,
    lead: async ({ signal, confirmed }) => {
      await confirmed(signal);
      led = true;
    },
    onStandby: () => {},
    signal: stop.signal,
  });
  assert.equal(led, true);
});

Deno.test("who resigns gives the Lease back and ends its term when it is stopped", async () => {
  const kube = new FakeKube();
  await using first = new Bed(kube, "a");
  await waitFor(() => first.terms.length === 1);
  await using second = new Bed(kube, "b");
  first.resign.abort(new Error("drains"));
  await waitFor(() => second.terms.length === 1);
  assert.equal(lease(kube)?.spec?.holderIdentity, "b");
  assert.equal(first.terms[0]!.signal.aborted, false);
  assert.equal(first.ended, 0);
  first.stop.abort(new Error("drained"));
  await first.done;
  assert.equal(first.terms[0]!.signal.aborted, true);
  assert.equal(first.terms.length, 1);
});

Deno.test("a standby that resigns ends", async () => {
  const kube = new FakeKube();
  await using first = new Bed(kube, "a");
  await waitFor(() => first.terms.length === 1);
  await using second = new Bed(kube, "b");
  await waitFor(() => second.standby === true);
  second.resign.abort(new Error("drains"));
  await second.done;
  assert.equal(second.terms.length, 0);
});
