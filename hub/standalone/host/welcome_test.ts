import assert from "node:assert/strict";
import { welcome } from "./welcome.ts";

const text = welcome({
  ctl: "npx task ctl",
  server: "https://10.0.0.5:8443",
  token: "abcdef.0123456789abcdef",
  expires: Date.parse("2026-01-02T03:04:05Z"),
  caHash: `sha256:${"a".repeat(64)}`,
  kubeconfig: "/home/o'brien/admin.kubeconfig",
  dataDir: "/home/o'brien",
});

Deno.test("welcome() prints the join command with all that it needs", () => {
  assert.match(
    text,
    /npx task ctl join --hub https:\/\/10\.0\.0\.5:8443 --token abcdef\.\w+ --ca-hash sha256:a{64} /,
  );
  assert.match(text, /good until 2026-01-02 03:04 UTC/);
});

Deno.test("welcome() quotes a path for the shell", () => {
  assert.ok(text.includes(`export KUBECONFIG='/home/o'\\''brien/admin.kubeconfig'`));
});
