import assert from "node:assert/strict";
import type { Condition } from "../../../shared/kube/clusternet_types.ts";
import { doctor, ID, patient, refusal, REQUESTS, SOCKET } from "./testing.ts";

Deno.test("doctor tells how far a registration got", async () => {
  const condition = (type: string): Condition => ({
    type,
    status: "True",
    reason: "R",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  const cases: [unknown, RegExp][] = [
    [undefined, /waits for a decision\n {5}mend: `kubectl outreach accept 0{8}-/],
    [{ result: "Denied", errorMessage: "no" }, /is denied: no\n {5}mend: .*accept/],
    [
      { result: "Denied", errorMessage: "gone", conditions: [condition("Revoked")] },
      /was revoked: gone\n {5}mend: `kubectl delete clsrr/,
    ],
    [{ result: "Failed", errorMessage: "name taken" }, /could not carry out .*: name taken/],
    [{ result: "Approved" }, /is approved, but there is no ManagedCluster/],
  ];
  for (const [status, expected] of cases) {
    const made = patient();
    made.kube.put(REQUESTS, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ClusterRegistrationRequest",
      metadata: { name: `clusternet-${ID}` },
      spec: { clusterId: ID, clusterName: "edge-1" },
      ...(status === undefined ? {} : { status }),
    });
    assert.equal(await doctor(made, "edge-1"), 1);
    assert.match(made.stdout, expected);
  }
  const none = patient();
  assert.equal(await doctor(none, "edge-1"), 1);
  assert.match(
    none.stdout,
    /neither a cluster nor a registration request.*\n.*token create --print-join-command`/,
  );
});

Deno.test("doctor goes on by the id where the user may not list", async () => {
  const made = patient({
    "GET /apis/clusters.clusternet.io/v1beta1/managedclusters": () => refusal(403, "no"),
    [`GET ${SOCKET}`]: () => refusal(403, "no"),
    "GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io": () =>
      refusal(403, "no"),
  });
  assert.equal(await doctor(made, ID), 0, made.stdout);
  assert.match(made.stdout, /\[--\] you may not see the registration/);
  assert.match(made.stdout, /\[ok\] the cluster's API answers/);
});

Deno.test("doctor takes a hub that serves its API by itself", async () => {
  const made = patient({
    "GET /apis": () => [200, { groups: [{ name: "proxies.clusternet.io" }] }],
    "GET /readyz": () => [500, "[+]ping ok\n[-]store failed: reason withheld\n"],
  });
  assert.equal(await doctor(made), 1);
  assert.match(made.stdout, /\[ok\] a hub of its own/);
  assert.match(made.stdout, /\[!!\] the hub is not ready/);
});
