import assert from "node:assert/strict";
import { KubeClient } from "../../shared/kube/client.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { generateAgentKey, samePublicKey } from "./keys.ts";
import { type Credentials, ParentClusterStore } from "./store.ts";
import { CLUSTER_ID, SECRET_TOKEN } from "./testing.ts";

const SECRETS = "/secrets";
const NS = "clusternet-system";

interface SecretObject {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  data?: Record<string, string>;
}

const CREDENTIALS: Credentials = {
  token: SECRET_TOKEN,
  expiresAt: Date.parse("2030-01-01T00:00:00.000Z"),
  caCertificate: "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n",
  namespace: "clusternet-dhxfs",
  managedClusterName: "edge-1",
  parentUrl: "https://parent:6443",
  clusterId: CLUSTER_ID,
};

function storeOn(kube: FakeKube): ParentClusterStore {
  return new ParentClusterStore({
    client: new KubeClient({ transport: kube.transport }),
    namespace: NS,
  });
}

function secret(kube: FakeKube): SecretObject | undefined {
  return kube.get<SecretObject>(SECRETS, "parent-cluster", NS);
}

Deno.test("ParentClusterStore makes one key pair for all agents that start at once", async () => {
  const kube = new FakeKube();
  const stored = await Promise.all([1, 2, 3].map(() => storeOn(kube).load()));
  const again = await storeOn(kube).load();
  for (const { key, credentials } of [...stored, again]) {
    assert.ok(samePublicKey(key.publicJwk, again.key.publicJwk));
    assert.equal(credentials, undefined);
  }
  assert.equal(
    secret(kube)?.metadata.labels?.["clusters.clusternet.io/bootstrapping"],
    "credentials-auto",
  );
});

Deno.test("ParentClusterStore keeps credentials beside the key", async () => {
  const kube = new FakeKube();
  const store = storeOn(kube);
  const { key } = await store.load();
  await store.saveCredentials(CREDENTIALS, "edge-1");
  await store.saveReconnectSpread(20_000);
  const again = await storeOn(kube).load();
  assert.ok(samePublicKey(again.key.publicJwk, key.publicJwk));
  assert.deepEqual(again.credentials, CREDENTIALS);
  assert.equal(again.reconnectSpreadMs, 20_000);
  // What the original calls them
  const data = secret(kube)!.data!;
  assert.equal(atob(data.token!), SECRET_TOKEN);
  assert.equal(atob(data.namespace!), "clusternet-dhxfs");
  assert.ok("ca.crt" in data && "parent-url" in data);
});

Deno.test("ParentClusterStore adds a key to the Secret of the original", async () => {
  const kube = new FakeKube();
  kube.put(SECRETS, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "parent-cluster", namespace: NS },
    data: { token: btoa("old"), "ca.crt": btoa("pem"), namespace: btoa("clusternet-old") },
  });
  const { key, credentials } = await storeOn(kube).load();
  assert.equal(credentials, undefined, "without an expiry they are not whole");
  const again = await storeOn(kube).load();
  assert.ok(samePublicKey(again.key.publicJwk, key.publicJwk));
});

Deno.test("ParentClusterStore writes the same key anew when the Secret was deleted", async () => {
  const kube = new FakeKube();
  const store = storeOn(kube);
  const { key } = await store.load();
  kube.remove(SECRETS, "parent-cluster", NS);
  await store.saveCredentials(CREDENTIALS, "edge-1");
  const again = await storeOn(kube).load();
  assert.ok(samePublicKey(again.key.publicJwk, key.publicJwk));
  assert.deepEqual(again.credentials, CREDENTIALS);
});

Deno.test("ParentClusterStore refuses a broken key without showing it", async () => {
  const kube = new FakeKube();
  const { privateJwk } = await generateAgentKey();
  kube.put(SECRETS, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "parent-cluster", namespace: NS },
    data: { "private-key": btoa(JSON.stringify({ ...privateJwk, crv: "P-384" })) },
  });
  await assert.rejects(storeOn(kube).load(), (error: Error) => {
    assert.match(error.message, /private-key/);
    assert.ok(!String(error.stack).includes(privateJwk.d));
    return true;
  });
});

Deno.test("ParentClusterStore leaves out what makes no sense", async () => {
  const kube = new FakeKube();
  const store = storeOn(kube);
  await store.load();
  const object = secret(kube)!;
  object.data!["reconnect-spread-ms"] = btoa("-5");
  object.data!["token-expiry"] = btoa("soon");
  object.data!.token = "not base64 !";
  kube.put(SECRETS, object);
  const { credentials, reconnectSpreadMs } = await store.load();
  assert.equal(credentials, undefined);
  assert.equal(reconnectSpreadMs, undefined);
});
