import assert from "node:assert/strict";
import {
  apiVersionOf,
  CLUSTER_ROLES,
  LEASES,
  MANAGED_CLUSTERS,
  NAMESPACES,
  resourcePath,
  SERVICE_ACCOUNTS,
} from "./resources.ts";

Deno.test("resourcePath() makes the paths that API servers serve", () => {
  assert.equal(resourcePath(NAMESPACES), "/api/v1/namespaces");
  assert.equal(resourcePath(NAMESPACES, { name: "a" }), "/api/v1/namespaces/a");
  assert.equal(resourcePath(LEASES), "/apis/coordination.k8s.io/v1/leases");
  assert.equal(
    resourcePath(MANAGED_CLUSTERS, { namespace: "n", name: "m", subresource: "status" }),
    "/apis/clusters.clusternet.io/v1beta1/namespaces/n/managedclusters/m/status",
  );
  assert.equal(
    resourcePath(SERVICE_ACCOUNTS, { namespace: "n", name: "s", subresource: "token" }),
    "/api/v1/namespaces/n/serviceaccounts/s/token",
  );
});

Deno.test("resourcePath() keeps the colon of system: names and encodes the rest", () => {
  const base = "/apis/rbac.authorization.k8s.io/v1/clusterroles/";
  assert.equal(resourcePath(CLUSTER_ROLES, { name: "system:node" }), `${base}system:node`);
  assert.equal(resourcePath(CLUSTER_ROLES, { name: "a?b #c" }), `${base}a%3Fb%20%23c`);
});

Deno.test("resourcePath() refuses names that would reach another object", () => {
  for (const name of ["", ".", "..", "a/b", "%2e%2e", "a\nb", "../secrets"]) {
    assert.throws(() => resourcePath(NAMESPACES, { name }), TypeError, JSON.stringify(name));
    assert.throws(() => resourcePath(LEASES, { namespace: name, name: "a" }), TypeError);
  }
  assert.throws(() => resourcePath(LEASES, { name: "a" }), /needs a namespace/);
  assert.throws(() => resourcePath(LEASES, { namespace: "a", subresource: "status" }), /a name/);
});

Deno.test("apiVersionOf() leaves out the core group", () => {
  assert.equal(apiVersionOf(NAMESPACES), "v1");
  assert.equal(apiVersionOf(LEASES), "coordination.k8s.io/v1");
});
