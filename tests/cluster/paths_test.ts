import assert from "node:assert/strict";
import { cacheRoot, runRoot, upDir } from "./paths.ts";

Deno.test("cacheRoot and upDir follow the XDG variables", () => {
  const env = (values: Record<string, string>) => (name: string): string | undefined =>
    values[name];
  assert.equal(cacheRoot(env({ HOME: "/h" })), "/h/.cache/clusternet-testbed");
  assert.equal(cacheRoot(env({ HOME: "/h", XDG_CACHE_HOME: "/c" })), "/c/clusternet-testbed");
  assert.equal(upDir(env({ HOME: "/h" })), "/h/.cache/clusternet-testbed/up");
  assert.equal(upDir(env({ HOME: "/h", XDG_STATE_HOME: "/s" })), "/s/clusternet-testbed/up");
  assert.match(runRoot(env({ TMPDIR: "/t/" })), /^\/t\/clusternet-testbed-\d+$/);
});
