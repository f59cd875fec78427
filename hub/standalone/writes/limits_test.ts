import { strict as assert } from "node:assert";
import { embeddedApi } from "./testing.ts";

Deno.test("embedded API: a flood of writes is told to come again", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  const answers = await Promise.all(
    Array.from({ length: 450 }, (_, i) => api.json("POST", path, { metadata: { name: `c${i}` } })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 50);
  assert.equal(refused[0]!.headers.get("Retry-After"), "1");
  assert.equal((await api.json("POST", path, { metadata: { name: "later" } })).status, 201);
});

Deno.test("embedded API: bodies that are too much are refused with a Status", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, "v"]));
  const bodies: [string, number][] = [
    ["x".repeat(3 * 1024 * 1024 + 1), 413],
    [JSON.stringify({ metadata: { name: "a" }, data: keys }), 413],
    ["[".repeat(1_000_000), 400],
    [`{"metadata":${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}}`, 422],
    ["", 400],
    ["{", 400],
  ];
  for (const [body, status] of bodies) {
    const answer = await api.json("POST", path, body);
    assert.deepEqual([answer.status, answer.body.kind], [status, "Status"], body.slice(0, 40));
  }
});
