import assert from "node:assert/strict";
import { createRegistry } from "../../shared/metrics.ts";
import { createLifecycleMetrics } from "./metrics.ts";

Deno.test("LifecycleMetrics shows leadership, results and the age of what is known", async () => {
  const registry = createRegistry();
  const metrics = createLifecycleMetrics(registry);
  const seen: { leader: boolean; contact?: number } = { leader: false };
  metrics.read({
    leader: () => seen.leader,
    informers: [
      { resource: "managedclusters", lastContact: () => seen.contact },
      { resource: "configmaps", lastContact: () => undefined },
    ],
  });
  let text = await registry.metrics();
  assert.match(text, /^clusternet_hub_leader 0$/m);
  assert.match(text, /^clusternet_hub_registrations_total\{result="failed"\} 0$/m);
  assert.doesNotMatch(text, /last_contact_timestamp_seconds\{/);

  seen.leader = true;
  seen.contact = 1_700_000_000_500;
  metrics.registrations.inc({ result: "approved" });
  metrics.renewals.inc({ result: "ok" });
  text = await registry.metrics();
  assert.match(text, /^clusternet_hub_leader 1$/m);
  assert.match(
    text,
    /^clusternet_hub_informer_last_contact_timestamp_seconds\{resource="managedclusters"\} 1700000000\.5$/m,
  );
  assert.match(text, /^clusternet_hub_registrations_total\{result="approved"\} 1$/m);
  assert.match(text, /^clusternet_hub_token_renewals_total\{result="ok"\} 1$/m);
});
