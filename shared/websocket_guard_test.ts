import assert from "node:assert/strict";
import fc from "fast-check";
import { closeFrame, WebSocketGuard } from "./websocket_guard.ts";

interface Frame {
  opcode: number;
  final?: boolean;
  rsv?: number;
  masked?: boolean;
  payload?: number;
  /** What the header says, when it is not the payload's length. */
  says?: number | bigint;
  /** Bytes that hold the length. */
  width?: 0 | 2 | 8;
}

/** One frame of zeros, written by the RFC and not by the guard. */
function frame(
  { opcode, final = true, rsv = 0, masked = true, payload = 0, ...rest }: Frame,
): Uint8Array {
  const says = BigInt(rest.says ?? payload);
  const width = rest.width ?? (says < 126n ? 0 : says < 65_536n ? 2 : 8);
  const bytes: number[] = [(final ? 0x80 : 0) | (rsv << 4) | opcode];
  bytes.push((masked ? 0x80 : 0) | (width === 0 ? Number(says) : width === 2 ? 126 : 127));
  for (let i = width - 1; i >= 0; i--) bytes.push(Number((says >> BigInt(8 * i)) & 0xffn));
  if (masked) bytes.push(9, 9, 9, 9);
  return new Uint8Array([...bytes, ...new Uint8Array(payload)]);
}

function stream(...frames: Frame[]): Uint8Array {
  return join(frames.map(frame));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

interface Verdict {
  admitted: Uint8Array;
  code: number | undefined;
  reason: string | undefined;
}

/** Feeds a guard; gives what it admitted and why it stopped. */
function run(guard: WebSocketGuard, bytes: Uint8Array, cuts: readonly number[] = []): Verdict {
  const admitted: Uint8Array[] = [];
  const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)];
  borders.push(bytes.length);
  for (let i = 1; i < borders.length; i++) {
    const { head, body } = guard.admit(bytes.subarray(borders[i - 1], borders[i]));
    admitted.push(head ?? new Uint8Array(), body);
  }
  return { code: undefined, reason: undefined, ...guard.violation, admitted: join(admitted) };
}

const guard = (maxFrames?: number): WebSocketGuard =>
  new WebSocketGuard({
    masked: true,
    maxMessageBytes: 70_000,
    ...(maxFrames === undefined ? {} : { maxFrames }),
  });

Deno.test("WebSocketGuard admits what a peer of ours sends", () => {
  const bytes = stream(
    { opcode: 2, payload: 0 },
    { opcode: 2, payload: 125 },
    { opcode: 9, payload: 125 },
    { opcode: 2, payload: 126 },
    { opcode: 2, payload: 70_000 },
    { opcode: 2, payload: 69_000, final: false },
    { opcode: 10 },
    { opcode: 0, payload: 999, final: false },
    { opcode: 0, payload: 1 },
    { opcode: 8, payload: 2 },
  );
  const { admitted, reason } = run(guard(), bytes);
  assert.equal(reason, undefined);
  assert.deepEqual(admitted, bytes);
  const server = new WebSocketGuard({ masked: false });
  assert.equal(
    server.admit(frame({ opcode: 2, payload: 262_144, masked: false })).violation,
    undefined,
  );
});

const GOOD: Frame = { opcode: 2, payload: 3 };
const BAD: [name: string, code: number, frames: Frame[]][] = [
  ["a message above the limit", 4006, [{ opcode: 2, says: 70_001 }]],
  ["100 MiB in one frame", 4006, [{ opcode: 2, says: 104_857_600 }]],
  ["the largest length there is", 4006, [{ opcode: 2, says: 2n ** 63n - 1n }]],
  ["fragments above the limit together", 4006, [
    { opcode: 2, payload: 60_000, final: false },
    { opcode: 0, says: 10_001 },
  ]],
  ["a text message", 4001, [{ opcode: 1, payload: 1 }]],
  ["compression", 1002, [{ opcode: 2, rsv: 4 }]],
  ["the second reserved bit", 1002, [{ opcode: 2, rsv: 2 }]],
  ["the third reserved bit", 1002, [{ opcode: 2, rsv: 1 }]],
  ["a reserved data opcode", 1002, [{ opcode: 3 }]],
  ["a reserved control opcode", 1002, [{ opcode: 11 }]],
  ["a control frame above 125 bytes", 1002, [{ opcode: 9, says: 126 }]],
  ["a control frame in fragments", 1002, [{ opcode: 9, final: false }]],
  ["a wrong mask bit", 1002, [{ opcode: 2, masked: false }]],
  ["a negative length", 1002, [{ opcode: 2, says: 2n ** 63n }]],
  ["a short length in 16 bits", 1002, [{ opcode: 2, says: 125, width: 2 }]],
  ["a short length in 64 bits", 1002, [{ opcode: 2, says: 65_535, width: 8 }]],
  ["a continuation without a start", 1002, [{ opcode: 0, payload: 1 }]],
  ["a message inside another", 1002, [{ opcode: 2, final: false }, { opcode: 2 }]],
];

for (const [name, code, bad] of BAD) {
  Deno.test(`WebSocketGuard stops at ${name}, whatever the segments`, () => {
    const start = stream(GOOD, ...bad.slice(0, -1));
    const bytes = new Uint8Array([...start, ...frame(bad.at(-1)!), 1, 2, 3]);
    const whole = run(guard(), bytes);
    assert.equal(whole.code, code);
    assert.ok(new TextEncoder().encode(whole.reason).length <= 123);
    assert.deepEqual(whole.admitted, start);
    const each = run(guard(), bytes, bytes.length > 1_000 ? [60_013] : [...bytes.keys()]);
    assert.deepEqual(each, whole);
  });
}

Deno.test("WebSocketGuard says stop at the header, before the payload comes", () => {
  const header = frame({ opcode: 2, says: 104_857_600 });
  assert.equal(guard().admit(header.subarray(0, 9)).violation, undefined);
  assert.equal(guard().admit(header.subarray(0, 10)).violation?.code, 4006);
  assert.equal(guard().admit(new Uint8Array([0x81])).violation?.code, 4001);
});

Deno.test("WebSocketGuard bounds the frames between the ends of messages", () => {
  const tiny = { opcode: 0, final: false };
  const three = stream({ opcode: 2, final: false }, tiny, { opcode: 0 });
  assert.equal(run(guard(3), new Uint8Array([...three, ...three])).code, undefined);
  assert.equal(run(guard(3), stream({ opcode: 2, final: false }, tiny, tiny, tiny)).code, 4011);
  const ping = { opcode: 9 };
  assert.equal(run(guard(3), stream(ping, ping, ping, ping)).code, 4011);
});

const anyFrame = fc.record({
  opcode: fc.constantFrom(2, 2, 2, 0, 8, 9, 10, 1, 3),
  final: fc.boolean(),
  payload: fc.oneof(fc.integer({ max: 130, min: 0 }), fc.constantFrom(1_000, 40_000, 66_000)),
  rsv: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 4),
});

Deno.test("WebSocketGuard comes to one verdict for every segmentation", () => {
  const cuts = fc.array(fc.nat(70_000), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, (frames, at) => {
      const bytes = stream(...frames);
      const whole = run(guard(), bytes);
      const cut = run(guard(), bytes, at);
      assert.deepEqual(cut, whole);
      // What is admitted is a start of what came
      assert.deepEqual(whole.admitted, bytes.subarray(0, whole.admitted.length));
      if (whole.code === undefined) assert.equal(whole.admitted.length, bytes.length);
    }),
    { numRuns: 150 },
  );
});

Deno.test("WebSocketGuard never throws and never admits twice, whatever comes", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  fc.assert(
    fc.property(chunks, fc.boolean(), (parts, masked) => {
      const one = new WebSocketGuard({ masked, maxMessageBytes: 300 });
      const admitted: number[] = [];
      for (const part of parts) {
        const { head, body, violation } = one.admit(part);
        admitted.push(...head ?? [], ...body);
        if (violation === undefined) continue;
        const after = one.admit(new Uint8Array(5));
        assert.deepEqual([after.head, after.body.length], [undefined, 0]);
        break;
      }
      const all = parts.flatMap((part) => [...part]);
      assert.deepEqual(admitted, all.slice(0, admitted.length));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("closeFrame is a frame that the guard itself admits", () => {
  const violation = { code: 4006, reason: "x".repeat(200) };
  for (const masked of [true, false]) {
    const bytes = closeFrame(violation, masked);
    const end = new WebSocketGuard({ masked }).admit(bytes);
    assert.equal(end.violation, undefined);
    assert.equal(end.body.length, bytes.length);
    const payload = bytes.subarray(masked ? 6 : 2);
    assert.deepEqual([payload[0]! * 256 + payload[1]!, payload.length], [4006, 125]);
  }
});
