import assert from "node:assert/strict";
import {
  canonicalBase64,
  canonicalQuantity,
  canonicalTime,
  isNegativeQuantity,
} from "./go_values.ts";

Deno.test("canonicalQuantity writes as kube-apiserver does", () => {
  const cases: Record<string, string> = {
    "1.5": "1500m",
    "0.1": "100m",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "1500Mi": "1500Mi",
    "0.5Ki": "512",
    "1024": "1024",
    "1000k": "1M",
    "1000000": "1M",
    "1e3": "1e3",
    "12e6": "12e6",
    "1e-3": "1e-3",
    "+5": "5",
    "-1": "-1",
    ".5": "500m",
    "5.": "5",
    "0": "0",
    "0.0Gi": "0",
    "1E": "1E",
    "1Ei": "1Ei",
    "1.0000000001": "1000000001n",
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(canonicalQuantity(text), expected, text);
  }
});

Deno.test("canonicalQuantity refuses in kube-apiserver's words", () => {
  for (const text of ["", "abc", "1zz", "1 Gi", "--1", "1e", ".", "1e999999999", "9".repeat(500)]) {
    assert.throws(() => canonicalQuantity(text), /^GoValueError: quantities must match/, text);
  }
  assert.equal(isNegativeQuantity("-1"), true);
  assert.equal(isNegativeQuantity("1"), false);
});

Deno.test("canonicalTime is UTC in whole seconds, or in six digits", () => {
  assert.equal(canonicalTime("2020-01-01T00:00:00.999+02:00", false), "2019-12-31T22:00:00Z");
  assert.equal(canonicalTime("2020-02-29T00:00:00Z", false), "2020-02-29T00:00:00Z");
  assert.equal(
    canonicalTime("2020-01-01T00:00:00.100000+01:00", true),
    "2019-12-31T23:00:00.100000Z",
  );
});

Deno.test("canonicalTime refuses in Go's words", () => {
  const cases: readonly (readonly [text: string, micro: boolean, words: string])[] = [
    ["a", false, 'parsing time "a" as "2006-01-02T15:04:05Z07:00": cannot parse "a" as "2006"'],
    ["", false, 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'],
    ["2020-13-01T00:00:00Z", false, 'parsing time "2020-13-01T00:00:00Z": month out of range'],
    ["2020-02-30T00:00:00Z", false, 'parsing time "2020-02-30T00:00:00Z": day out of range'],
    ["2020-02-20T05:00:00Zx", false, 'parsing time "2020-02-20T05:00:00Zx": extra text: "x"'],
    [
      "2020-01-01T00:00:00Z",
      true,
      'parsing time "2020-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": ' +
      'cannot parse "Z" as ".000000"',
    ],
  ];
  for (const [text, micro, message] of cases) {
    assert.throws(() => canonicalTime(text, micro), { message }, text);
  }
});

Deno.test("canonicalBase64 names the byte that Go names", () => {
  const cases: Record<string, number> = { "!!": 0, aGk: 0, "aGk==": 4, "aGk=x": 4, "a=k=": 1 };
  for (const [text, at] of Object.entries(cases)) {
    const message = `illegal base64 data at input byte ${at}`;
    assert.throws(() => canonicalBase64(text), { message }, text);
  }
});

Deno.test("canonicalBase64 drops line breaks and stray bits, at any length", () => {
  assert.equal(canonicalBase64("aGk=\n"), "aGk=");
  assert.equal(canonicalBase64("aGl="), "aGk=");
  assert.equal(canonicalBase64(""), "");
  const long = "AAAA".repeat(700_000);
  assert.equal(canonicalBase64(long), long);
});
