import assert from "node:assert/strict";
import { compileJsonPath } from "./json_path.ts";

Deno.test("compileJsonPath finds what printer columns name", () => {
  const object = {
    a: { b: 1, "c.d": 2 },
    list: [{ type: "Ready", status: "True" }, { type: "Other", status: "False" }],
  };
  const paths: Record<string, unknown[]> = {
    ".a.b": [1],
    "{.a.b}": [1],
    ".a['c.d']": [2],
    ".a.none.b": [],
    ".constructor": [],
    '.list[?(@.type=="Ready")].status': ["True"],
    ".list[?(@.type=='None')].status": [],
    ".list[1].type": ["Other"],
    ".list[7].type": [],
    ".list[*].type": ["Ready", "Other"],
    ".a[?(@.type=='None')].status": [],
  };
  for (const [path, found] of Object.entries(paths)) {
    assert.deepEqual(compileJsonPath(path)(object), found, path);
  }
  assert.throws(() => compileJsonPath(".a..b"), /Cannot use JSONPath "\.a\.\.b": "\.\.b"/);
});
