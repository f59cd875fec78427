import assert from "node:assert/strict";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { ValueSource } from "../front/source.ts";
import { tellTrustChanges } from "./trust_events.ts";

Deno.test("Changes of trust are told with fingerprints; the first reading is none", async () => {
  const [one, two] = [await TestCa.create("one"), await TestCa.create("two")];
  const none = {
    requestHeaderCa: { pem: "" },
    clientCa: { pem: "" },
    allowedNames: [] as string[],
  };
  const settings = new ValueSource(none);
  const leaf = await one.issue({ subject: "CN=hub", usage: "server" });
  const next = await one.issue({ subject: "CN=hub", usage: "server" });
  const serving = new ValueSource({ cert: leaf.cert });
  const stop = new AbortController();
  const told: string[] = [];
  tellTrustChanges({
    settings,
    serving,
    tell: (type, reason, message) => void told.push(`${type} ${reason} ${message}`),
    signal: stop.signal,
  });
  const first = { ...none, requestHeaderCa: one, clientCa: two, allowedNames: ["proxy"] };
  settings.set(first);
  settings.set({ ...first });
  serving.set({ ...serving.value });
  assert.deepEqual(told, []);
  settings.set({ ...first, requestHeaderCa: { pem: one.pem + two.pem } });
  assert.match(told[0]!, /^Warning FrontProxyTrustChanged .*proxy, CA SHA256=.*, SHA256=/);
  settings.set({ ...first, requestHeaderCa: { pem: one.pem + two.pem }, clientCa: one });
  assert.match(told[1]!, /^Warning ClientCAChanged .*SHA256=/);
  serving.set({ cert: next.cert });
  assert.match(told[2]!, /^Normal ServingCertificateChanged .*SHA256=/);
  stop.abort();
  settings.set(none);
  assert.equal(told.length, 3);
});
