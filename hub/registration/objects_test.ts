import assert from "node:assert/strict";
import { invalidRequest } from "./validate.ts";
import { clusterIdOf, idHash, requestName, serviceAccountName } from "./names.ts";
import { clusterRules, filterLabels, namespaceRules, placementOf } from "./objects.ts";
import { ID, makeRequest } from "./testing.ts";

Deno.test("names follow from the id", () => {
  assert.match(idHash(ID), /^[0-9a-f]{10}$/);
  assert.equal(clusterIdOf(requestName(ID)), ID);
  assert.equal(clusterIdOf(`clusternet-${ID}x`), undefined);
  assert.equal(clusterIdOf(ID), undefined);
  assert.equal(serviceAccountName(ID), `clusternet-${idHash(ID)}`);
});

Deno.test("placementOf() keeps to what was recorded", () => {
  const request = makeRequest({ clusterNamespace: "team-a" });
  assert.equal(placementOf(request).namespace, "team-a");
  const recorded = { dedicatedNamespace: "old", managedClusterName: "old-name" };
  assert.equal(placementOf({ ...request, status: recorded }).namespace, "old");
  assert.equal(placementOf({ ...request, status: recorded }).managedClusterName, "old-name");
});

Deno.test("filterLabels() refuses labels with a meaning of their own", () => {
  const { labels, refused } = filterLabels({
    "tier": "gold",
    "example.org/team": "a",
    "node.clusternet.io/zone": "b",
    "clusternet.io/created-by": "x",
    "clusters.clusternet.io/cluster-id": "x",
    "kubernetes.io/metadata.name": "x",
    "topology.kubernetes.io/zone": "x",
    "app.k8s.io/x": "x",
  });
  assert.deepEqual(labels, {
    "tier": "gold",
    "example.org/team": "a",
    "node.clusternet.io/zone": "b",
  });
  assert.equal(refused.length, 5);
});

Deno.test("an agent's rules name its own objects only", () => {
  for (const rule of [...clusterRules(ID), ...namespaceRules("edge-1")]) {
    assert.equal(rule.resourceNames?.length, 1);
    for (const word of [...rule.verbs, ...rule.resources, ...rule.apiGroups]) {
      assert.doesNotMatch(word, /\*|escalate|bind|impersonate/);
    }
  }
});

Deno.test("invalidRequest() finds each fault, and none in a good request", () => {
  assert.equal(invalidRequest(makeRequest()), undefined);
  const wrong: [Parameters<typeof makeRequest>[0], RegExp][] = [
    [{ clusterId: ID.toUpperCase() }, /clusterId is no UUID/],
    [{ clusterId: `${ID}x` }, /clusterId is no UUID/],
    [{ clusterName: "a".repeat(31) }, /clusterName is longer/],
    [{ clusterNamespace: "clusternet-agents" }, /is reserved/],
    [{ clusterNamespace: "default" }, /is reserved/],
    [{ clusterLabels: { a: "not good" } }, /is no label value/],
    [{ publicKey: { kty: "EC", crv: "P-256", x: "short", y: "short" } }, /publicKey\.x/],
  ];
  for (const [spec, text] of wrong) assert.match(invalidRequest(makeRequest(spec))!, text);
  const renamed = makeRequest();
  renamed.metadata.name = "clusternet-other";
  assert.match(invalidRequest(renamed)!, /is named "clusternet-other"/);
});
