import assert from "node:assert/strict";
import { parse } from "yaml";
import { type ChildContext, mergeContexts, setCurrentContext } from "./merge.ts";

const child: ChildContext = {
  name: "a",
  cluster: { server: "https://p/x" },
  user: "me",
  namespace: undefined,
};

Deno.test("mergeContexts takes empty files, empty lists and JSON", () => {
  const files = [
    "",
    "# nothing\n",
    "kind: Config\nclusters: []\ncontexts: null\n",
    '{"kind":"Config","clusters":[{"name":"p","cluster":{"server":"https://p"}}],"users":[]}',
  ];
  for (const text of files) {
    const merged = mergeContexts(text, "f", [child]);
    const file = parse(merged.text);
    assert.equal(file.kind, "Config");
    assert.deepEqual(file.clusters.at(-1), { cluster: { server: "https://p/x" }, name: "a" });
    assert.deepEqual(file.contexts, [{ context: { cluster: "a", user: "me" }, name: "a" }]);
    assert.deepEqual(merged.added, ["a"]);
    assert.equal(mergeContexts(merged.text, "f", [child]).text, merged.text);
  }
});

Deno.test("mergeContexts brings an entry up to date and keeps comments beside it", () => {
  const text = "clusters:\n  - name: a # near\n    cluster:\n      server: https://p/x # here\n" +
    "      proxy-url: http://old\ncontexts:\n  # all\n  - name: a\n    context:\n      cluster: a\n" +
    "      user: old # was\n";
  const { text: after, changed } = mergeContexts(text, "f", [child]);
  assert.deepEqual(changed, ["a"]);
  assert.equal(
    after,
    text.replace("      proxy-url: http://old\n", "").replace("user: old # was", "user: me # was"),
  );
});

Deno.test("mergeContexts refuses what is no kubeconfig, in words of its own", () => {
  for (const text of ["- a\n", "word", 'a: "s3cret\n']) {
    assert.throws(() => mergeContexts(text, "f", [child]), (error: Error) => {
      assert.match(error.message, /^Cannot change f: /);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  }
});

Deno.test("setCurrentContext changes that alone", () => {
  assert.equal(setCurrentContext("current-context: a # x\n", "f", "b"), "current-context: b # x\n");
  assert.equal(setCurrentContext("current-context:   b\n", "f", "b"), "current-context:   b\n");
});
