import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import { parseAllowEntry } from "./allow_entry.ts";
import { sayDenied } from "./net_permission.ts";

Deno.test("sayDenied names the entry and the permission flag, and asks for scheme's ports", () => {
  const log = memoryLog();
  const asked: string[] = [];
  const entries = [
    "http://127.0.0.1:8080",
    "https://[fd00::1]",
    "a.svc",
    "10.0.0.0/8:80",
    "http://b.svc",
  ].map(parseAllowEntry);
  const states: Record<string, Deno.PermissionState> = {
    "127.0.0.1:8080": "denied",
    "a.svc:443": "prompt",
  };
  const denied = sayDenied(entries, (host) => {
    asked.push(host);
    return states[host] ?? "granted";
  }, log);
  assert.deepEqual(denied, ["http://127.0.0.1:8080", "a.svc"]);
  assert.deepEqual(asked, [
    "127.0.0.1:8080",
    "[fd00:0:0:0:0:0:0:1]:443",
    "a.svc:80",
    "a.svc:443",
    "b.svc:80",
  ]);
  assert.match(log.lines[0]!.message, /127\.0\.0\.1:8080.*--deny-net/);
  assert.match(log.lines[1]!.message, /a\.svc.*--allow-net/);
});

Deno.test("sayDenied understands what this runtime answers", () => {
  const query: Parameters<typeof sayDenied>[1] = (host) =>
    Deno.permissions.querySync({ name: "net", host }).state;
  const entries = ["http://127.0.0.1:8080", "https://[::1]", "a.svc"].map(parseAllowEntry);
  assert.deepEqual(sayDenied(entries, query, memoryLog()), []);
});
