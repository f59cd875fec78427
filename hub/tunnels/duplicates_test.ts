import assert from "node:assert/strict";
import { DuplicateGuard } from "./duplicates.ts";

Deno.test("DuplicateGuard finds two instances that replace each other three times in a minute", () => {
  const guard = new DuplicateGuard({ baseMs: 1_000 });
  assert.equal(guard.replaced("c", "a", "b", 0), undefined);
  assert.equal(guard.replaced("c", "b", "a", 10_000), undefined);
  assert.deepEqual(guard.replaced("c", "a", "b", 20_000), {
    instances: ["a", "b"],
    refusedMs: 1_000,
  });
  assert.equal(guard.refusedMs("c", 20_400), 600);
  assert.equal(guard.refusedMs("c", 21_000), 0);
  assert.equal(guard.refusedMs("other", 20_400), 0);
});

Deno.test("DuplicateGuard finds a rival that takes another name at each dial", () => {
  const guard = new DuplicateGuard({ baseMs: 1_000 });
  assert.equal(guard.replaced("c", "a", "x1", 0), undefined);
  assert.equal(guard.replaced("c", "x1", "a", 6_000), undefined);
  assert.equal(guard.replaced("c", "a", "x2", 7_000), undefined);
  assert.deepEqual(guard.replaced("c", "x2", "a", 13_000), {
    instances: ["x2", "a"],
    refusedMs: 1_000,
  });
  // Once in a minute is no fight yet
  for (let i = 0; i < 6; i++) {
    assert.equal(guard.replaced("slow", "a", `x${i}`, i * 61_000), undefined);
    assert.equal(guard.replaced("slow", `x${i}`, "a", i * 61_000 + 6_000), undefined);
  }
});

Deno.test("DuplicateGuard finds a rival that takes its victim's name", () => {
  const guard = new DuplicateGuard({ baseMs: 1_000 });
  for (let i = 0; i < 5; i++) assert.equal(guard.replaced("c", "a", "a", i * 5_000), undefined);
  assert.equal(guard.replaced("c", "a", "a", 25_000)?.refusedMs, 1_000);
  for (let i = 0; i < 30; i++) {
    assert.equal(guard.replaced("slow", "a", "a", i * 15_000), undefined);
  }
});

Deno.test("DuplicateGuard lets a slow fight, a crash loop and a reconnect pass", () => {
  const guard = new DuplicateGuard();
  for (let i = 0; i < 10; i++) {
    const [from, to] = i % 2 === 0 ? ["a", "b"] : ["b", "a"];
    assert.equal(guard.replaced("slow", from!, to!, i * 31_000), undefined);
    assert.equal(guard.replaced("crash", `i${i}`, `i${i + 1}`, i * 1_000), undefined);
    assert.equal(guard.replaced("same", "a", "a", i * 13_000), undefined);
  }
});

Deno.test("DuplicateGuard refuses longer with each fight, up to a limit, and forgets", () => {
  const guard = new DuplicateGuard({ baseMs: 1_000, maxMs: 3_000, forgetMs: 100_000 });
  const fight = (at: number): number | undefined => {
    guard.replaced("c", "a", "b", at);
    guard.replaced("c", "b", "a", at + 1);
    return guard.replaced("c", "a", "b", at + 2)?.refusedMs;
  };
  assert.deepEqual([fight(0), fight(10_000), fight(20_000), fight(30_000)], [
    1_000,
    2_000,
    3_000,
    3_000,
  ]);
  assert.equal(fight(500_000), 1_000);
});
