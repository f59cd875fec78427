import assert from "node:assert/strict";
import fc from "fast-check";
import { addQuantities, formatQuantity, parseQuantity, ResourceSums } from "./quantity.ts";

/** Canonical forms as `resource.MustParse(x).String()` gives them. */
const CANONICAL: [string, string][] = [
  ["0", "0"],
  ["1", "1"],
  ["1000m", "1"],
  ["1500m", "1500m"],
  ["0.1", "100m"],
  [".5", "500m"],
  ["5.", "5"],
  ["2000", "2k"],
  ["2001", "2001"],
  ["16Gi", "16Gi"],
  ["1024Mi", "1Gi"],
  ["8052940Ki", "8052940Ki"],
  ["0.5Ki", "512"],
  ["1.5Gi", "1536Mi"],
  ["100n", "100n"],
  ["0.1n", "1n"],
  ["1e3", "1e3"],
  ["1E", "1E"],
  ["12E2", "1200"],
  ["-1.5", "-1500m"],
  ["+7", "7"],
  ["123456789012345678901234", "123456789012345678901234"],
];

Deno.test("quantities are written as Kubernetes writes them", () => {
  for (const [given, wanted] of CANONICAL) {
    assert.equal(formatQuantity(parseQuantity(given)), wanted, given);
  }
});

Deno.test("parseQuantity refuses what is no quantity", () => {
  for (const text of ["", ".", "+", "1x", "1KI", "1 Gi", "Gi", "0x10", "1e", "1e9999", "NaN"]) {
    assert.throws(() => parseQuantity(text), RangeError, text);
  }
  assert.throws(() => parseQuantity("1".repeat(65)), RangeError);
});

const quantity = fc.tuple(
  fc.bigInt({ min: 0n, max: 10n ** 18n }),
  fc.constantFrom("", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "n"),
).map(([digits, suffix]) => `${digits}${suffix}`);

Deno.test("formatQuantity loses nothing (property)", () => {
  fc.assert(fc.property(quantity, (text) => {
    const parsed = parseQuantity(text);
    assert.equal(parseQuantity(formatQuantity(parsed)).nano, parsed.nano);
  }));
});

Deno.test("adding is exact and its order does not matter (property)", () => {
  fc.assert(fc.property(fc.array(quantity, { minLength: 1, maxLength: 8 }), (texts) => {
    const parsed = texts.map(parseQuantity);
    const forth = parsed.reduce(addQuantities);
    const back = parsed.toReversed().reduce(addQuantities);
    assert.equal(forth.nano, parsed.reduce((sum, { nano }) => sum + nano, 0n));
    assert.equal(back.nano, forth.nano);
    assert.equal(parseQuantity(formatQuantity(forth)).nano, forth.nano);
  }));
});

Deno.test("ResourceSums adds nodes and leaves out what it cannot read", () => {
  const sums = new ResourceSums();
  sums.add({ cpu: "4", memory: "16Gi", pods: "110" });
  sums.add({ cpu: "3500m", memory: "8388608Ki", pods: "110", "example.com/gpu": "2" });
  sums.add({ cpu: "many" });
  sums.add(undefined);
  assert.deepEqual(sums.totals(), {
    cpu: "7500m",
    "example.com/gpu": "2",
    memory: "24Gi",
    pods: "220",
  });
});
