import assert from "node:assert/strict";
import { GET, readAll, sessionPair, turns, until } from "./testing.ts";
import { ReceiveWindow, type RoundTrips, WindowBudget } from "./window.ts";

const KIB = 1024;

/** A window with hand-made round trips of 10 ms. */
function windowWith(
  budget: WindowBudget,
  unread = { bytes: 0 },
): { window: ReceiveWindow; clock: { now: number; refreshed: number; rtt: number } } {
  const clock = { now: 0, refreshed: 0, rtt: 10 };
  const roundTrips: RoundTrips = {
    now: () => clock.now,
    get lastRttMs(): number {
      return clock.rtt;
    },
    minRttMs: 10,
    refresh: () => clock.refreshed++,
  };
  const window = new ReceiveWindow({
    id: 1,
    base: 64 * KIB,
    max: 4096 * KIB,
    budget,
    unread,
    roundTrips,
  });
  return { window, clock };
}

/** Receives and reads so many bytes, returning credit as the scheduler would. */
function flow(window: ReceiveWindow, bytes: number): void {
  for (let left = bytes; left > 0; left -= 16 * KIB) {
    assert.equal(window.receive(16 * KIB), true);
    if (window.consume(16 * KIB)) window.takeDue();
  }
}

Deno.test("ReceiveWindow doubles once a round trip while it holds the peer up", () => {
  const budget = new WindowBudget();
  const { window, clock } = windowWith(budget);
  const sizes: number[] = [];
  for (let i = 0; i < 12; i++) {
    flow(window, window.size);
    clock.now += 10;
    flow(window, 32 * KIB);
    sizes.push(window.size / KIB);
  }
  assert.deepEqual(sizes.slice(0, 4), [128, 256, 512, 1024]);
  assert.equal(sizes.at(-1), 4096);
  assert.equal(budget.used, (4096 - 64) * KIB);
  assert.ok(clock.refreshed > 0);
  window.close();
  window.close();
  assert.equal(budget.used, 0);
});

Deno.test("ReceiveWindow stops at four times bandwidth times round trip on a full link", () => {
  const { window, clock } = windowWith(new WindowBudget());
  // 20 KiB each ms: the link holds 200 KiB, however long its queues make the round trip
  for (let i = 0; i < 3000; i++) {
    clock.now += 1;
    clock.rtt = Math.max(10, window.size / (20 * KIB));
    assert.equal(window.receive(20 * KIB), true);
    if (window.consume(20 * KIB)) window.takeDue();
  }
  assert.ok(window.size >= 256 * KIB && window.size <= 1024 * KIB, `${window.size / KIB} KiB`);
});

Deno.test("ReceiveWindow does not grow for a slow reader or a slow peer", () => {
  const budget = new WindowBudget();
  const slow = windowWith(budget);
  for (let i = 0; i < 100; i++) {
    slow.clock.now += 10;
    flow(slow.window, 16 * KIB);
  }
  const unread = windowWith(budget, { bytes: 40 * KIB });
  for (let i = 0; i < 100; i++) {
    unread.clock.now += 10;
    flow(unread.window, 64 * KIB);
  }
  assert.equal(budget.used, 0);
});

Deno.test("ReceiveWindow that shrinks returns credit which was not worth a WINDOW before", () => {
  const budget = new WindowBudget();
  const { window, clock } = windowWith(budget);
  for (let i = 0; i < 8; i++) {
    clock.now += 10;
    flow(window, window.size);
  }
  window.takeDue();
  const size = window.size;
  assert.ok(size > 1024 * KIB);
  assert.equal(window.receive(100 * KIB), true);
  assert.equal(window.consume(100 * KIB), false);
  const bytes = window.beginShrink();
  assert.equal(bytes, size - 64 * KIB);
  assert.equal(window.beginShrink(), 0);
  assert.equal(window.finishShrink(bytes), true);
  assert.equal(window.takeDue(), 100 * KIB);
  assert.equal(window.size, 64 * KIB);
  assert.equal(window.receive(64 * KIB), true);
  assert.equal(window.receive(1), false);
  assert.equal(budget.used, 0);
});

Deno.test("Windows grow with the bandwidth-delay product out of the budget and return to it", async () => {
  const budget = new WindowBudget();
  const conn = { latencyMs: 10, bandwidth: 100_000_000 };
  const { hub, close } = await sessionPair({
    conn,
    hub: { budget, config: { idleWindowMs: 40 } },
    agent: {
      onStream: async (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        const size = Number(stream.head.path.slice(1));
        for (let sent = 0; sent < size; sent += 50_000) {
          await stream.write(new Uint8Array(50_000));
        }
        if (stream.head.upgrade) await stream.read();
        stream.end();
      },
    },
  });
  const stream = hub.open({ ...GET, path: "/20000000", upgrade: true });
  const start = performance.now();
  for (let got = 0; got < 20_000_000;) got += (await stream.read())!.length;
  const seconds = (performance.now() - start) / 1000;
  // 64 KiB each 20 ms would be 3.3 MB/s
  assert.ok(20 / seconds > 10, `${20 / seconds} MB/s`);
  assert.ok(budget.used > 256 * KIB, `${budget.used}`);
  assert.ok(budget.used <= budget.total);
  // Idle, but open: the growth is given back, and the stream still works
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(budget.used, 0);
  stream.end();
  assert.equal(await stream.read(), null);
  const again = hub.open({ ...GET, path: "/3000000" });
  again.end();
  assert.equal((await readAll(again)).length, 3_000_000);
  await close();
  assert.equal(budget.used, 0);
});

Deno.test("Growth held for unread bytes of an ended stream returns at reset()", async () => {
  const budget = new WindowBudget();
  const { hub, close } = await sessionPair({
    conn: { latencyMs: 2 },
    hub: { budget },
    agent: {
      onStream: async (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        for (let i = 0; i < 60; i++) await stream.write(new Uint8Array(20_000));
        stream.end();
      },
    },
  });
  const stream = hub.open(GET);
  stream.end();
  let got = 0;
  while (got < 1_150_000) got += (await stream.read())!.length;
  await stream.closed;
  assert.equal(got + stream.unreadBytes, 1_200_000);
  assert.ok(budget.used > 0);
  stream.reset(8, "not wanted any more");
  await assert.rejects(stream.read(), { name: "StreamError", code: 8 });
  assert.equal(stream.unreadBytes, 0);
  await close();
  assert.equal(budget.used, 0);
});

Deno.test("Windows do not grow beyond the budget", async () => {
  const budget = new WindowBudget(100 * KIB);
  const { hub, close } = await sessionPair({
    conn: { latencyMs: 3 },
    hub: { budget },
    agent: {
      onStream: async (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        for (let i = 0; i < 100; i++) await stream.write(new Uint8Array(20_000));
        stream.end();
      },
    },
  });
  let most = 0;
  await Promise.all([1, 2, 3].map(async () => {
    const stream = hub.open(GET);
    stream.end();
    for (; (await stream.read()) !== null;) most = Math.max(most, budget.used);
  }));
  assert.ok(most > 0 && most <= 100 * KIB, `${most}`);
  await close();
  assert.equal(budget.used, 0);
});

Deno.test("Session does not grow the window of a stream that nobody reads", async () => {
  const budget = new WindowBudget();
  const { hub, agent, close } = await sessionPair({
    agent: { budget, onStream: () => {} },
  });
  const stream = hub.open(GET);
  stream.write(new Uint8Array(1_000_000));
  await until(() => agent.stats().unread === 64 * KIB);
  await turns(50);
  assert.equal(agent.stats().unread, 64 * KIB);
  await close();
  assert.equal(budget.used, 0);
});
