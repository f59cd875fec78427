import assert from "node:assert/strict";
import fc from "fast-check";
import { StatusError } from "../../shared/kube/status.ts";
import { CallerLimiter, type CallerLimits, type LimitReason } from "./limits.ts";
import { RateByKey } from "./rate_by_key.ts";

const NONE: CallerLimits = {
  requestsPerUser: 0,
  upgradesPerUser: 0,
  upgradesPerCluster: 0,
  userShare: 100,
  attachesPerSecond: 0,
};

interface Started {
  limiter: CallerLimiter;
  refused: LimitReason[];
  enter: (user: string, clusterId: string, upgrade?: boolean, uid?: string) => Disposable;
  refusal: (run: () => void) => StatusError;
}

function start(limits: Partial<CallerLimits>, streams = 8): Started {
  const refused: LimitReason[] = [];
  const limiter = new CallerLimiter({
    limits: { ...NONE, ...limits },
    streamsOf: () => streams,
    onRefused: (reason) => refused.push(reason),
    now: () => 0,
  });
  const enter = (user: string, clusterId: string, upgrade = false, uid?: string): Disposable =>
    limiter.enter({
      identity: { user, ...(uid === undefined ? {} : { uid }) },
      clusterId,
      upgrade,
    });
  const refusal = (run: () => void): StatusError => {
    try {
      run();
    } catch (error) {
      if (error instanceof StatusError) return error;
    }
    throw new Error("not refused");
  };
  return { limiter, refused, enter, refusal };
}

Deno.test("CallerLimiter refuses the request above a user's limit over all clusters", () => {
  const { enter, refusal, refused, limiter } = start({ requestsPerUser: 2 });
  const slots = [enter("ann", "a"), enter("ann", "b")];
  const error = refusal(() => enter("ann", "c"));
  assert.equal(error.code, 429);
  assert.equal(error.reason, "TooManyRequests");
  assert.equal(error.status.details?.retryAfterSeconds, 1);
  assert.match(error.message, /"ann" has 2 requests .* --max-requests-per-user/);
  assert.deepEqual(refused, ["user-requests"]);
  slots.push(enter("bob", "c"), enter("ann", "c", false, "another-uid"), enter("ann", "c", true));
  slots.shift()![Symbol.dispose]();
  slots.push(enter("ann", "c"));
  for (const slot of slots) slot[Symbol.dispose]();
  assert.equal(limiter.size, 0);
});

Deno.test("CallerLimiter leaves others a part of each cluster's streams", () => {
  const { enter, refusal, refused } = start({ userShare: 50 });
  for (let i = 0; i < 4; i++) enter("ann", "a", i % 2 === 0);
  const error = refusal(() => enter("ann", "a"));
  assert.match(error.message, /"ann" holds 4 of the 8 streams of cluster a.*--max-user-share/);
  for (let i = 0; i < 4; i++) enter("bob", "a");
  assert.match(refusal(() => enter("eve", "a")).message, /carries 8 requests/);
  enter("ann", "b");
  assert.deepEqual(refused, ["user-share", "cluster-streams"]);
});

Deno.test("CallerLimiter bounds upgrades of a user and of a cluster", () => {
  const { enter, refusal, refused } = start({ upgradesPerUser: 3, upgradesPerCluster: 4 });
  for (let i = 0; i < 3; i++) enter("ann", "a", true);
  assert.match(refusal(() => enter("ann", "b", true)).message, /--max-upgrades-per-user/);
  enter("bob", "a", true);
  assert.match(refusal(() => enter("bob", "a", true)).message, /--max-upgrades-per-cluster/);
  enter("bob", "a");
  assert.deepEqual(refused, ["user-upgrades", "cluster-upgrades"]);
  const half = start({ upgradesPerCluster: 4, userShare: 50 }, 100);
  for (let i = 0; i < 2; i++) half.enter("ann", "a", true);
  assert.match(half.refusal(() => half.enter("ann", "a", true)).message, /2 of the 4 shells/);
  half.enter("bob", "a", true);
});

Deno.test("CallerLimiter knows no share of a cluster that is away, and 0 is no limit", () => {
  const away = new CallerLimiter({ limits: NONE, streamsOf: () => undefined });
  for (let i = 0; i < 2_000; i++) {
    away.enter({ identity: { user: "ann" }, clusterId: "a", upgrade: i % 2 === 0 });
    away.attach("a");
  }
});

Deno.test("CallerLimiter's defaults let automation hold 200 watches on each of 200 clusters", () => {
  const limiter = new CallerLimiter({ streamsOf: () => 1024 });
  for (let cluster = 0; cluster < 200; cluster++) {
    for (let i = 0; i < 200; i++) {
      limiter.enter({ identity: { user: "argo" }, clusterId: `${cluster}`, upgrade: false });
    }
  }
});

Deno.test("CallerLimiter returns each slot once, and never goes above a limit", () => {
  const op = fc.record({
    user: fc.constantFrom("ann", "bob", "eve"),
    cluster: fc.constantFrom("a", "b"),
    upgrade: fc.boolean(),
    /** Ends the exchange of that number, in whatever state it is. */
    end: fc.option(fc.nat(30)),
  });
  fc.assert(fc.property(fc.array(op, { maxLength: 80 }), (ops) => {
    const { enter, limiter } = start({
      requestsPerUser: 4,
      upgradesPerUser: 3,
      upgradesPerCluster: 4,
      userShare: 60,
    });
    const all: { user: string; cluster: string; upgrade: boolean; slot: Disposable }[] = [];
    const open = new Set<(typeof all)[number]>();
    for (const { user, cluster, upgrade, end } of ops) {
      const ended = end === null ? undefined : all[end];
      if (ended !== undefined) {
        ended.slot[Symbol.dispose]();
        open.delete(ended);
        continue;
      }
      const held = [...open];
      const mine = held.filter((one) => one.user === user && one.upgrade === upgrade).length;
      const here = held.filter((one) => one.cluster === cluster);
      const share = here.filter((one) => one.user === user);
      const upgrades = here.filter((one) => one.upgrade);
      const refused = mine >= (upgrade ? 3 : 4) || share.length >= 4 || here.length >= 8 ||
        upgrade && (upgrades.length >= 4 || share.filter((one) => one.upgrade).length >= 2);
      try {
        const one = { user, cluster, upgrade, slot: enter(user, cluster, upgrade) };
        all.push(one);
        open.add(one);
        assert.equal(refused, false);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        assert.equal(refused, true);
      }
    }
    for (const { slot } of all) slot[Symbol.dispose]();
    for (const { slot } of all) slot[Symbol.dispose]();
    assert.equal(limiter.size, 0);
  }));
});

Deno.test("CallerLimiter bounds the dials of one cluster's agent, not of another's", () => {
  const { limiter, refusal, refused } = start({ attachesPerSecond: 1 });
  for (let i = 0; i < 10; i++) limiter.attach("a");
  assert.match(refusal(() => limiter.attach("a")).message, /--max-attaches-per-second/);
  limiter.attach("b");
  assert.deepEqual(refused, ["attaches"]);
});

Deno.test("RateByKey fills its buckets again and forgets the full ones", () => {
  let now = 0;
  const rate = new RateByKey({ perSecond: 2, burst: 4, now: () => now });
  const taken = (key: string): number => {
    let count = 0;
    while (rate.take(key)) count++;
    return count;
  };
  assert.equal(taken("a"), 4);
  now = 1_000;
  assert.equal(taken("a"), 2);
  assert.equal(taken("b"), 4);
  assert.equal(rate.size, 2);
  now = 10_000;
  assert.equal(taken("c"), 4);
  assert.equal(rate.size, 1);
});
