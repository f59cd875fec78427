import assert from "node:assert/strict";
import fc from "fast-check";
import { HeadError } from "./errors.ts";
import {
  decodePairs,
  decodeRequestHead,
  decodeResponseHead,
  encodePairs,
  encodeRequestHead,
  encodeResponseHead,
  type RequestHead,
} from "./head.ts";

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const text = fc.string({ unit: "binary", maxLength: 40 }).map((value) =>
  value.toWellFormed().replace(/[\0\r\n]/g, "_")
);
const headers = fc.array(fc.tuple(token, text), { maxLength: 20 });
const filled = text.filter((value) => value !== "");

const requestHead: fc.Arbitrary<RequestHead> = fc.record({
  method: token,
  target: filled,
  path: text.map((value) => "/" + value),
  upgrade: fc.boolean(),
  headers,
}, { requiredKeys: ["method", "target", "path", "upgrade", "headers"], noNullPrototype: true })
  .chain((head) =>
    fc.option(
      fc.record({
        user: filled,
        uid: text,
        groups: fc.array(text, { maxLength: 5 }),
        extra: fc.array(fc.tuple(filled, text), { maxLength: 5 }),
      }, { requiredKeys: ["user", "groups", "extra"], noNullPrototype: true }),
      { nil: undefined },
    ).map((identity) => identity === undefined ? head : { ...head, identity })
  );

Deno.test("Request heads come back as they were", () => {
  fc.assert(fc.property(requestHead, (head) => {
    assert.deepEqual(decodeRequestHead(encodeRequestHead(head)), head);
  }));
});

Deno.test("Response heads come back as they were", () => {
  const status = fc.oneof(fc.constant(101), fc.integer({ min: 200, max: 599 }));
  fc.assert(
    fc.property(
      fc.record({ status, statusText: text, headers }, { noNullPrototype: true }),
      (head) => {
        assert.deepEqual(decodeResponseHead(encodeResponseHead(head)), head);
      },
    ),
  );
});

Deno.test("Hostile blocks give a HeadError or a head", () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    requestHead.chain((head) => {
      const block = encodeRequestHead(head);
      return fc.tuple(
        fc.nat({ max: block.length - 1 }),
        fc.nat({ max: 255 }),
        fc.nat({ max: block.length }),
      ).map(([at, value, length]) => {
        const mutated = block.slice();
        mutated[at] = value;
        return mutated.subarray(0, length);
      });
    }),
  );
  fc.assert(
    fc.property(hostile, (block) => {
      for (const decode of [decodeRequestHead, decodeResponseHead, decodePairs]) {
        try {
          decode(block);
        } catch (error) {
          assert.ok(error instanceof HeadError, String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("Heads that would smuggle a line or a field are refused when written", () => {
  const good: RequestHead = {
    method: "GET",
    target: "direct",
    path: "/",
    upgrade: false,
    headers: [],
  };
  const bad: Partial<RequestHead>[] = [
    { method: "" },
    { method: "GET /" },
    { method: "A\0B" },
    { target: "" },
    { target: "a\r\nb" },
    { path: "version" },
    { path: "/\0" },
    { headers: [["a b", ""]] },
    { headers: [[":user", "admin"]] },
    { headers: [["", "x"]] },
    { headers: [["x", "a\r\nb: c"]] },
    { headers: [["x", "\0y\0z"]] },
    { identity: { user: "", groups: [], extra: [] } },
    { identity: { user: "a", groups: ["b\0c"], extra: [] } },
    { identity: { user: "a", groups: [], extra: [["", "x"]] } },
  ];
  for (const change of bad) {
    assert.throws(() => encodeRequestHead({ ...good, ...change }), HeadError, String(change));
  }
  for (const status of [100, 103, 102, 199, 600, 0, NaN, 200.5]) {
    assert.throws(() => encodeResponseHead({ status, statusText: "", headers: [] }), HeadError);
  }
});

Deno.test("Blocks that are no request head are refused when read", () => {
  const base: [string, string][] = [[":method", "GET"], [":target", "direct"], [":path", "/"]];
  const bad: [string, string][][] = [
    [],
    base.slice(1),
    base.slice(0, 2),
    [...base, [":path", "/twice"]],
    [...base, [":group", "g"]],
    [...base, [":uid", "u"]],
    [...base, [":user", "u"], [":extra", "no-key"]],
    [...base, [":user", "u"], [":extra", "%zz=x"]],
    [...base, ["x", "y"], [":user", "late"]],
    [...base, ["bad name", "y"]],
  ];
  for (const pairs of bad) {
    assert.throws(() => decodeRequestHead(encodePairs(pairs)), HeadError, JSON.stringify(pairs));
  }
  assert.throws(() => decodeRequestHead(new TextEncoder().encode(":method\0GET")), HeadError);
  assert.throws(() => decodeRequestHead(new TextEncoder().encode(":method\0")), HeadError);
  assert.throws(() => decodeRequestHead(new Uint8Array([0xc3, 0x28, 0, 0])), HeadError);
});

Deno.test("Unknown pseudo-headers are skipped", () => {
  const head = decodeRequestHead(encodePairs([
    [":method", "GET"],
    [":target", "direct"],
    [":path", "/"],
    [":of-the-future", "x"],
    ["a", "b"],
  ]));
  assert.deepEqual(head.headers, [["a", "b"]]);
});

Deno.test("A block above 64 KiB is refused, measured in UTF-8", () => {
  assert.equal(encodePairs([["x", "y".repeat(65_533)]]).length, 65_536);
  assert.throws(() => encodePairs([["x", "y".repeat(65_534)]]), HeadError);
  assert.throws(() => encodePairs([["x", "\u00e9".repeat(40_000)]]), HeadError);
  assert.throws(() => decodePairs(new Uint8Array(65_537)), HeadError);
});
