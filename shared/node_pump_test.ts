import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { type ByteStream, PumpError, pumpIn, pumpOut, splice } from "./node_pump.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stream by hand: what is pushed is read, what is written is kept. */
class FakeStream implements ByteStream {
  written: string[] = [];
  ended = false;
  resets: string[] = [];
  resetError: Error | undefined;
  /** What write() returns next; `undefined` goes on at once. */
  wait: Promise<void> | undefined;
  readonly #incoming: (Uint8Array | null)[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #reader: PromiseWithResolvers<Uint8Array | null> | undefined;

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  push(...chunks: (string | null)[]): void {
    for (const chunk of chunks) this.#incoming.push(chunk === null ? null : bytes(chunk));
    if (this.#incoming.length > 0) this.#reader?.resolve(this.#incoming.shift()!);
    this.#reader = undefined;
  }

  readSync(): Uint8Array | null | undefined {
    if (this.resetError !== undefined) throw this.resetError;
    return this.#incoming.length === 0 ? undefined : this.#incoming.shift();
  }

  read(): Promise<Uint8Array | null> {
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.written.push(new TextDecoder().decode(chunk));
    return this.wait;
  }

  end(): void {
    this.ended = true;
  }

  reset(code: number, reason: string): void {
    if (this.resetError !== undefined) return;
    this.resets.push(`${code} ${reason}`);
    this.resetError = new Error(reason);
    this.#reader?.reject(this.resetError);
    this.#closed.resolve();
  }
}

function side(error: unknown): string {
  assert.ok(error instanceof PumpError);
  return error.side;
}

/** Lets the event loop turn. */
function tick(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("pumpIn ends the stream at the source's end and holds the source while credit is out", async () => {
  const source = new PassThrough();
  const stream = new FakeStream();
  const credit = Promise.withResolvers<void>();
  let count = 0;
  const done = pumpIn(source, stream, (length) => count += length);
  source.write("one");
  await tick();
  stream.wait = credit.promise;
  source.write("two");
  await tick();
  source.end("three");
  await tick();
  assert.deepEqual(stream.written, ["one", "two"]);
  stream.wait = undefined;
  credit.resolve();
  await done;
  assert.deepEqual(stream.written, ["one", "two", "three"]);
  assert.equal(stream.ended, true);
  assert.equal(count, 11);
  assert.equal(source.listenerCount("data"), 0);
});

Deno.test("pumpIn tells which side broke", async () => {
  const source = new PassThrough();
  const done = pumpIn(source, new FakeStream());
  source.destroy();
  assert.equal(side(await done.catch((error) => error)), "node");

  const stream = new FakeStream();
  stream.wait = Promise.reject(new Error("reset"));
  const other = new PassThrough();
  const second = pumpIn(other, stream);
  other.write("x");
  assert.equal(side(await second.catch((error) => error)), "stream");
  assert.equal(other.isPaused(), true);
  assert.equal(stream.ended, false);
});

Deno.test("pumpOut holds an exact length and never ends a short body", async () => {
  for (const [chunks, text] of [[["ab", null], "ab"], [["abc", "de", null], "abc"]] as const) {
    const stream = new FakeStream();
    const sink = new PassThrough();
    stream.push(...chunks);
    const error = await pumpOut(stream, sink, { length: 4 }).catch((error) => error);
    assert.equal(side(error), "stream");
    assert.equal(sink.writableEnded, false);
    assert.equal(sink.read().toString(), text);
  }
  const stream = new FakeStream();
  const sink = new PassThrough();
  stream.push("ab", "cd", null);
  await pumpOut(stream, sink, { length: 4 });
  assert.equal(sink.writableEnded, true);
});

Deno.test("pumpOut waits for a slow sink and resets the stream when the sink closes", async () => {
  const stream = new FakeStream();
  const taken: (() => void)[] = [];
  const sink = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
  const done = pumpOut(stream, sink).catch((error) => error);
  const big = "x".repeat(200_000);
  stream.push(big, big, big);
  await tick();
  assert.ok(sink.writableLength <= 2 * big.length, String(sink.writableLength));
  sink.destroy();
  assert.equal(side(await done), "node");
  assert.deepEqual(stream.resets, ["8 the reader is gone"]);
});

Deno.test("pumpOut discards what comes for a sink that is gone, where it is told to", async () => {
  const stream = new FakeStream();
  const sink = new PassThrough();
  const done = pumpOut(stream, sink, { whenGone: "discard" }).catch((error) => error);
  await tick();
  sink.destroy();
  await tick();
  stream.push("late", "later", null);
  await tick();
  assert.equal(side(await done), "node");
  assert.deepEqual(stream.resets, []);
});

Deno.test("splice destroys the socket when the stream is reset, though nothing moves", async () => {
  const socket = new PassThrough();
  const stream = new FakeStream();
  const done = splice(socket, stream);
  await tick();
  stream.reset(2, "the far side failed");
  await done;
  assert.equal(socket.destroyed, true);
});
