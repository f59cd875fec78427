/**
 * What every {@linkcode MessageConn} must do: one suite, run over each of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type CloseInfo, LOW_WATER_BYTES, type MessageConn } from "./message_conn.ts";

/** What the suite gets for each test. */
export interface ConnPair {
  /** The two joined ends, neither of them started. */
  pair: [MessageConn, MessageConn];
  /** Closes what is behind them: servers, sockets, directories. Called once both have ended. */
  cleanup(): Promise<void> | void;
}

/** What a connection delivered. */
class Sink {
  readonly messages: Uint8Array[] = [];
  readonly closes: CloseInfo[] = [];
  readonly #waiters: (() => void)[] = [];

  constructor(readonly conn: MessageConn, start = true) {
    if (start) this.start();
  }

  start(): void {
    this.conn.start({
      message: (data) => {
        assert.equal(this.closes.length, 0, "a message came after close");
        this.messages.push(data);
        this.#wake();
      },
      close: (info) => {
        this.closes.push(info);
        this.#wake();
      },
    });
  }

  async until(what: (sink: Sink) => boolean): Promise<void> {
    const deadline = setTimeout(() => this.#wake(), 5000);
    const end = performance.now() + 5000;
    while (!what(this)) {
      if (performance.now() >= end) throw new Error(`It did not happen within 5 s: ${what}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    clearTimeout(deadline);
  }

  get closed(): Promise<void> {
    return this.until(({ closes }) => closes.length > 0);
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** Some more turns, in which nothing should happen. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/**
 * Registers the tests.
 *
 * @param name stands before each test's name
 * @param makePair called once for each test
 */
export function messageConnSuite(name: string, makePair: () => Promise<ConnPair> | ConnPair): void {
  const test = (rule: string, run: (a: MessageConn, b: MessageConn) => Promise<void>): void => {
    Deno.test(`${name} ${rule}`, async () => {
      const { pair: [a, b], cleanup } = await makePair();
      try {
        await run(a, b);
      } finally {
        a.abort("the test is over");
        b.abort("the test is over");
        await settle();
        await cleanup();
      }
    });
  };

  test("carries messages in order and unchanged, both ways", async (a, b) => {
    const left = new Sink(a);
    const right = new Sink(b);
    const sizes = [0, 1, 2, 125, 126, 127, 1024, 1025, 65_535, 65_536, 65_537, 262_144];
    const make = (size: number, seed: number): Uint8Array =>
      new Uint8Array(size).map((_, i) => i * 31 + seed);
    for (const size of sizes) {
      a.send(make(size, 1));
      b.send(make(size, 2));
    }
    await left.until(({ messages }) => messages.length === sizes.length);
    await right.until(({ messages }) => messages.length === sizes.length);
    sizes.forEach((size, i) => {
      assert.deepEqual(right.messages[i], make(size, 1));
      assert.deepEqual(left.messages[i], make(size, 2));
    });
  });

  test("lets the sender use its buffer again at once", async (a, b) => {
    const right = new Sink(b);
    new Sink(a);
    const buffer = new Uint8Array(70_000);
    for (let i = 1; i <= 3; i++) {
      buffer.fill(i);
      a.send(buffer.subarray(0, 70_000 - i));
    }
    buffer.fill(0xff);
    await right.until(({ messages }) => messages.length === 3);
    for (let i = 1; i <= 3; i++) {
      assert.equal(right.messages[i - 1]!.length, 70_000 - i);
      assert.ok(right.messages[i - 1]!.every((byte) => byte === i));
    }
  });

  test("gives messages away for good: views of them stay as they are", async (a, b) => {
    const right = new Sink(b);
    new Sink(a);
    for (let i = 0; i < 20; i++) a.send(new Uint8Array(5000).fill(i));
    await right.until(({ messages }) => messages.length === 20);
    right.messages.forEach((message, i) => assert.ok(message.every((byte) => byte === i)));
  });

  test("keeps messages that come before start", async (a, b) => {
    new Sink(a);
    const right = new Sink(b, false);
    a.send(new Uint8Array([1]));
    a.send(new Uint8Array([2]));
    await settle();
    right.start();
    a.send(new Uint8Array([3]));
    await right.until(({ messages }) => messages.length === 3);
    assert.deepEqual(right.messages.map((message) => message[0]), [1, 2, 3]);
    assert.throws(() => right.start(), TypeError);
  });

  test("reports an end that came before start", async (a, b) => {
    new Sink(a);
    a.send(new Uint8Array([1]));
    a.close(4001, "early");
    await settle();
    const right = new Sink(b, false);
    right.start();
    await right.closed;
    assert.equal(right.messages.length, 1);
    assert.equal(right.closes[0]?.code, 4001);
  });

  test("calls no handler inside start, send, close or abort", async (a, b) => {
    let inside = true;
    let calls = 0;
    const handler = {
      message: (): void => void (inside ? assert.fail("message inside a call") : calls++),
      close: (): void => void (inside ? assert.fail("close inside a call") : calls++),
    };
    a.start(handler);
    b.start(handler);
    a.send(new Uint8Array(1));
    b.close(1000, "");
    a.close(1000, "");
    inside = false;
    await settle();
    inside = true;
    a.abort("");
    b.abort("");
    inside = false;
    await settle();
    assert.ok(calls >= 2);
  });

  test("closes with code and reason after what was sent before", async (a, b) => {
    const left = new Sink(a);
    const right = new Sink(b);
    for (let i = 0; i < 10; i++) a.send(new Uint8Array(50_000));
    a.close(4050, "replaced by a newer session");
    a.send(new Uint8Array(1));
    a.close(4000, "again");
    await left.closed;
    await right.closed;
    assert.equal(right.messages.length, 10);
    assert.deepEqual(right.closes, [{
      code: 4050,
      reason: "replaced by a newer session",
      clean: true,
    }]);
    assert.equal(left.closes.length, 1);
    assert.equal(left.closes[0]?.clean, true);
    await settle();
    assert.equal(left.closes.length + right.closes.length, 2);
  });

  test("cuts a long reason to 123 bytes between two characters", async (a, b) => {
    new Sink(a);
    const right = new Sink(b);
    a.close(4000, "\u00e9".repeat(100));
    await right.closed;
    assert.equal(right.closes[0]?.reason, "\u00e9".repeat(61));
  });

  test("takes a close from both ends at once", async (a, b) => {
    const left = new Sink(a);
    const right = new Sink(b);
    a.close(1000, "");
    b.close(1000, "");
    await left.closed;
    await right.closed;
    await settle();
    assert.equal(left.closes.length, 1);
    assert.equal(right.closes.length, 1);
  });

  test("aborts at once and tells both ends once, unclean", async (a, b) => {
    const left = new Sink(a);
    const right = new Sink(b);
    a.abort("dead");
    await left.closed;
    await right.closed;
    assert.equal(left.closes[0]?.code, 1006);
    assert.equal(left.closes[0]?.clean, false);
    assert.equal(right.closes[0]?.clean, false);
    a.send(new Uint8Array(1));
    a.close(1000, "");
    a.abort("again");
    await settle();
    assert.equal(left.closes.length + right.closes.length, 2);
    assert.equal(a.bufferedAmount, 0);
  });

  test("counts what waits and tells when it has drained", async (a, b) => {
    const right = new Sink(b);
    new Sink(a);
    await a.drained();
    for (let i = 0; i < 16; i++) a.send(new Uint8Array(64 * 1024));
    assert.ok(a.bufferedAmount > LOW_WATER_BYTES, `${a.bufferedAmount}`);
    await a.drained();
    assert.ok(a.bufferedAmount <= LOW_WATER_BYTES, `${a.bufferedAmount}`);
    await right.until(({ messages }) => messages.length === 16);
    for (let i = 0; i < 16; i++) a.send(new Uint8Array(64 * 1024));
    const waits = [a.drained(), a.drained()];
    a.abort("gone");
    await Promise.all(waits);
    await a.drained();
    assert.equal(a.bufferedAmount, 0);
  });

  test("ends at a message above 256 KiB", async (a, b) => {
    const left = new Sink(a);
    const right = new Sink(b);
    a.send(new Uint8Array(256 * 1024 + 1));
    await left.closed;
    await right.closed;
    assert.equal(right.messages.length, 0);
  });
}
