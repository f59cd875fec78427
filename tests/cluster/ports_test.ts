import assert from "node:assert/strict";
import { freePorts } from "./ports.ts";

Deno.test("freePorts gives different ports that can be listened on", () => {
  const ports = freePorts(5);
  assert.equal(new Set(ports).size, 5);
  for (const port of ports) {
    assert.ok(port >= 20_000 && port < 32_000);
    using _listener = Deno.listen({ hostname: "127.0.0.1", port });
  }
});

Deno.test("freePorts passes over a port that is taken", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const rolls = [0, 0.5]; // first the taken one, then its neighbour
  const random = (): number => rolls.shift() ?? 0.5;
  assert.deepEqual(freePorts(1, { from: port, to: port + 2, random, bind: binder(port) }), [
    port + 1,
  ]);
});

function binder(taken: number): (port: number) => Disposable | undefined {
  return (port) => port === taken ? undefined : { [Symbol.dispose](): void {} };
}

Deno.test("freePorts gives up with a reason", () => {
  assert.throws(() => freePorts(1, { bind: () => undefined }), /Found 0 of 1 free ports/);
});
