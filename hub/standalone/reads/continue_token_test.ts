import assert from "node:assert/strict";
import { decodeContinue, encodeContinue } from "./continue_token.ts";

function token(json: string): string {
  return new TextEncoder().encode(json).toBase64({ alphabet: "base64url", omitPadding: true });
}

Deno.test("encodeContinue writes the tokens of kube-apiserver", () => {
  const text = encodeContinue(363, "b");
  assert.equal(text, "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MzYzLCJzdGFydCI6Ii9iXHUwMDAwIn0");
  assert.deepEqual(decodeContinue(text), { version: 363, start: "b\0" });
});

Deno.test("decodeContinue refuses in the words of kube-apiserver", () => {
  const v = '"v":"meta.k8s.io/v1"';
  const refusals: [string, string][] = [
    ["x", "illegal base64 data at input byte 0"],
    ["!!", "illegal base64 data at input byte 0"],
    ["abc=", "illegal base64 data at input byte 3"],
    ["YWJj==", "illegal base64 data at input byte 4"],
    [token("abc"), "invalid character 'a' looking for beginning of value"],
    [token("[]"), "json: cannot unmarshal array into Go value of type storage.continueToken"],
    [token("{}"), "server does not recognize this encoded version "],
    [
      token('{"v":"meta.k8s.io/v2","rv":395,"start":"/b"}'),
      "server does not recognize this encoded version meta.k8s.io/v2",
    ],
    [
      token(`{${v},"rv":"x","start":"/b"}`),
      "json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
    ],
    [
      token(`{${v},"rv":0,"start":"/b"}`),
      "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
    ],
    [token(`{${v},"rv":5,"start":""}`), "encoded start key empty (version meta.k8s.io/v1)"],
    [token(`{${v},"rv":5,"start":"/../b"}`), "/../b"],
    [token(`{${v},"rv":5,"start":"/b/../../c"}`), "/b/../../c"],
    [token(`{${v},"rv":5,"start":"//b"}`), "//b"],
  ];
  for (const [text, why] of refusals) {
    const message = `invalid continue token: continue key is not valid: ${why}`;
    assert.throws(() => decodeContinue(text), { message, code: 400 }, text);
  }
  assert.deepEqual(decodeContinue(token(`{${v},"rv":-1,"start":"b"}`)), {
    version: -1,
    start: "b",
  });
  assert.equal(decodeContinue(token(`{${v},"rv":5,"start":"/"}`)).start, "");
});
