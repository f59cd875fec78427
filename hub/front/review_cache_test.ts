import assert from "node:assert/strict";
import { StatusError } from "../../shared/kube/status.ts";
import { ReviewCache, type ReviewCacheOptions, type ReviewLimit } from "./review_cache.ts";

interface SetUp {
  cache: ReviewCache<boolean>;
  clock: { ms: number };
  refused: ReviewLimit[];
  /** Asks what is answered only by {@linkcode SetUp.answer}. */
  ask(key: string, asker: string): Promise<{ value: boolean; fresh: boolean }>;
  /** Answers all questions that are under way. */
  answer(value: boolean): void;
}

function setUp(options: Partial<ReviewCacheOptions<boolean>> = {}): SetUp {
  const clock = { ms: 0 };
  const refused: ReviewLimit[] = [];
  let open: ((value: boolean) => void)[] = [];
  const cache = new ReviewCache<boolean>({
    ttlMs: () => 1_000,
    isYes: (allowed) => allowed,
    onRefused: (reason) => void refused.push(reason),
    now: () => clock.ms,
    ...options,
  });
  return {
    cache,
    clock,
    refused,
    ask: (key, asker) => cache.get(key, asker, () => new Promise((resolve) => open.push(resolve))),
    answer: (value) => {
      for (const resolve of open) resolve(value);
      open = [];
    },
  };
}

function is429(error: unknown): boolean {
  return error instanceof StatusError && error.code === 429 &&
    error.status.details?.retryAfterSeconds === 1 && /try again/.test(error.message);
}

/** The answer of a question that must not be asked. */
function unasked(): Promise<boolean> {
  return Promise.reject(new Error("was asked"));
}

Deno.test("An asker at their bound reads 429 while another is served, and again when theirs are over", async () => {
  const { cache, ask, answer, refused } = setUp({ maxPerAsker: 3 });
  const held = ["1", "2", "3"].map((key) => ask(`m${key}`, "mallory"));
  await assert.rejects(ask("m4", "mallory"), is429);
  assert.deepEqual(refused, ["asker-reviews"]);
  const alice = ask("a", "alice");
  const joined = ask("m1", "mallory");
  assert.equal(cache.askers, 2);
  answer(true);
  assert.deepEqual(await alice, { value: true, fresh: true });
  assert.deepEqual(await joined, { value: true, fresh: false }, "a known question takes no place");
  await Promise.all(held);
  assert.equal(cache.askers, 0, "nobody is kept at zero");
  const again = ask("m4", "mallory");
  answer(false);
  assert.deepEqual(await again, { value: false, fresh: true });
});

Deno.test("The last quarter is for askers who have none under way; the whole is bounded", async () => {
  const { cache, ask, answer, refused } = setUp({ maxInFlight: 8, maxPerAsker: 3 });
  const held = ["a1", "a2", "a3", "b1", "b2", "b3"].map((key) => ask(key, key.slice(0, 1)));
  held.push(ask("c1", "c"));
  await assert.rejects(ask("c2", "c"), is429, "c has one");
  held.push(ask("d1", "d"));
  await assert.rejects(ask("e1", "e"), is429, "all are taken");
  assert.deepEqual(refused, ["reviews", "reviews"]);
  answer(true);
  await Promise.all(held);
  assert.equal(cache.askers, 0);
});

Deno.test("Noes push out noes, and no yes", async () => {
  const { cache } = setUp({ max: 4 });
  const say = (value: boolean) => (): Promise<boolean> => Promise.resolve(value);
  await cache.get("yes", "alice", say(true));
  for (let i = 0; i < 100; i++) await cache.get(`no${i}`, "mallory", say(false));
  assert.deepEqual(await cache.get("yes", "alice", unasked), { value: true, fresh: false });
  assert.deepEqual(await cache.get("no99", "mallory", unasked), { value: false, fresh: false });
  await assert.rejects(cache.get("no0", "mallory", unasked), /was asked/);
});

Deno.test("A yes that became a no is one no more, and the other way round", async () => {
  const { cache, clock } = setUp({ ttlMs: (allowed) => allowed ? 1_000 : 500 });
  for (const value of [true, false, true]) {
    await cache.get("q", "alice", () => Promise.resolve(value));
    assert.deepEqual(await cache.get("q", "alice", unasked), { value, fresh: false });
    clock.ms += value ? 1_000 : 500;
    await assert.rejects(cache.get("q", "alice", unasked), /was asked/, "no longer than its time");
  }
});

Deno.test("A question that fails, at once or later, gives its place back and is not kept", async () => {
  const { cache } = setUp({ maxPerAsker: 1 });
  const fails: (() => Promise<boolean>)[] = [
    unasked,
    () => {
      throw new Error("was asked");
    },
  ];
  for (const fail of [...fails, ...fails]) {
    await assert.rejects(cache.get("q", "alice", fail), /was asked/);
    assert.equal(cache.askers, 0);
  }
});

Deno.test("Who was let in before is counted by what they were then", async () => {
  const { cache, clock, ask, answer } = setUp({ maxPerAsker: 1 });
  const seen: (boolean | undefined)[] = [];
  const name = (stale: boolean | undefined): string => {
    seen.push(stale);
    return stale === true ? "known" : "192.0.2.1";
  };
  await cache.get("good", name, () => Promise.resolve(true));
  clock.ms += 5_000;
  const junk = ask("junk", "192.0.2.1");
  assert.deepEqual(await cache.get("good", name, () => Promise.resolve(true)), {
    value: true,
    fresh: true,
  });
  await assert.rejects(cache.get("new", name, unasked), is429);
  assert.deepEqual(seen, [undefined, true, undefined]);
  answer(false);
  await junk;
});
