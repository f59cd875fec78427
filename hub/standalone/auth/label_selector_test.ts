import assert from "node:assert/strict";
import { labelMatcher } from "./label_selector.ts";

Deno.test("labelMatcher joins labels and expressions with and", () => {
  const matches = labelMatcher({
    matchLabels: { a: "1" },
    matchExpressions: [{ key: "b", operator: "In", values: ["x", "y"] }],
  });
  assert.equal(matches({ a: "1", b: "y" }), true);
  assert.equal(matches({ a: "1", b: "z" }), false);
  assert.equal(matches({ b: "x" }), false);
});

Deno.test("labelMatcher knows the four operators and nothing else", () => {
  const one = (operator: string, values?: string[]): (labels: Record<string, string>) => boolean =>
    labelMatcher({ matchExpressions: [{ key: "k", operator, values }] });
  assert.equal(one("NotIn", ["v"])({}), true);
  assert.equal(one("NotIn", ["v"])({ k: "v" }), false);
  assert.equal(one("Exists")({ k: "" }), true);
  assert.equal(one("DoesNotExist")({ k: "" }), false);
  assert.equal(one("Gt", ["1"])({ k: "2" }), false);
});

Deno.test("labelMatcher: an empty selector chooses all, none chooses nothing", () => {
  assert.equal(labelMatcher({})({}), true);
  assert.equal(labelMatcher(undefined)({}), false);
  assert.equal(labelMatcher({ matchLabels: { constructor: "x" } })({}), false);
});
