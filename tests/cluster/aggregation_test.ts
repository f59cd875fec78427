import assert from "node:assert/strict";
import { aggregationObjects } from "./aggregation.ts";

Deno.test("aggregationObjects leads kube-apiserver to a port of localhost", () => {
  const { service, apiService } = aggregationObjects({ port: 8443, caBundle: "CA" });
  assert.deepEqual(service.metadata, { name: "clusternet-hub", namespace: "clusternet-system" });
  assert.equal((service.spec as { externalName: string }).externalName, "localhost");
  assert.equal((apiService.metadata as { name: string }).name, "v1alpha1.proxies.clusternet.io");
  const spec = apiService.spec as { caBundle: string; service: unknown };
  assert.equal(atob(spec.caBundle), "CA");
  assert.deepEqual(spec.service, {
    name: "clusternet-hub",
    namespace: "clusternet-system",
    port: 8443,
  });
});
