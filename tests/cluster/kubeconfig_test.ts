import assert from "node:assert/strict";
import { parse } from "yaml";
import { kubeconfigYaml } from "./kubeconfig.ts";

Deno.test("kubeconfigYaml holds a token and a server with a path", () => {
  const server =
    "https://127.0.0.1:6443/apis/proxies.clusternet.io/v1alpha1/sockets/x/proxy/direct";
  const config = parse(kubeconfigYaml({ name: "n", server, caPem: "CA", token: "t" }));
  assert.equal(config.clusters[0].cluster.server, server);
  assert.equal(atob(config.clusters[0].cluster["certificate-authority-data"]), "CA");
  assert.deepEqual(config.users[0].user, { token: "t" });
  assert.equal(config["current-context"], "n");
  assert.equal("namespace" in config.contexts[0].context, false);
});

Deno.test("kubeconfigYaml holds a client certificate and a namespace", () => {
  const config = parse(kubeconfigYaml({
    name: "n",
    server: "https://h",
    caPem: "CA",
    clientCert: { cert: "C", key: "K" },
    namespace: "team-a",
  }));
  assert.equal(atob(config.users[0].user["client-certificate-data"]), "C");
  assert.equal(atob(config.users[0].user["client-key-data"]), "K");
  assert.equal(config.contexts[0].context.namespace, "team-a");
});
