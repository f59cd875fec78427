import assert from "node:assert/strict";
import { readYaml } from "./yaml_text.ts";

Deno.test("readYaml reads as kube-apiserver does", () => {
  assert.equal(readYaml("").value, null);
  assert.deepEqual(readYaml("a: yes\nb: 0x10\nc: ~\nd: 2020-01-01\n").value, {
    a: true,
    b: 16,
    c: null,
    d: "2020-01-01",
  });
  assert.deepEqual(readYaml("y: 1:30\n").value, { true: "1:30" });
  assert.deepEqual(readYaml("p: &a {b: 1}\nq:\n  <<: *a\n  c: 2\n").value, {
    p: { b: 1 },
    q: { b: 1, c: 2 },
  });
  assert.deepEqual(readYaml('{"a":1}').value, { a: 1 });
});

Deno.test("readYaml refuses in go-yaml's words", () => {
  const cases: Record<string, string> = {
    "a: b: c\n": "yaml: mapping values are not allowed in this context",
    "\ta: b\n": "yaml: found character that cannot start any token",
    "a: [\n": "yaml: line 1: did not find expected node content",
    "a: {b: c\n": "yaml: line 1: did not find expected ',' or '}'",
    "a: 'b\n": "yaml: line 2: found unexpected end of stream",
    "a: *y": "yaml: unknown anchor 'y' referenced",
  };
  for (const [text, message] of Object.entries(cases)) {
    assert.throws(() => readYaml(text), { name: "YamlSyntaxError", message }, text);
  }
});

Deno.test("readYaml says which keys stand twice", () => {
  assert.deepEqual(readYaml("n: 1\noff: 2\n").duplicates, ["line 2: key false already set in map"]);
  assert.deepEqual(readYaml("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").duplicates, [
    'line 5: key "a" already set in map',
    'line 4: key "c" already set in map',
  ]);
});

Deno.test("readYaml bounds length, but for JSON", () => {
  const long = "x".repeat(300_000);
  assert.throws(() => readYaml(`a: ${long}`), /longer than 262144 bytes: send it as JSON/);
  assert.deepEqual(readYaml(JSON.stringify({ a: long })).value, { a: long });
});

Deno.test("readYaml bounds aliases and depth", () => {
  const laughs = Array.from(
    { length: 9 },
    (_, at) => `l${at}: &l${at} [${at === 0 ? "x" : Array(9).fill(`*l${at - 1}`).join(",")}]`,
  ).join("\n");
  for (const text of [laughs, `a: ${"[".repeat(5_000)}`, `${"- ".repeat(5_000)}a`]) {
    const start = performance.now();
    assert.throws(() => readYaml(text), { name: "YamlSyntaxError" });
    assert.ok(performance.now() - start < 2_000);
  }
});
