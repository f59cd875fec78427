import assert from "node:assert/strict";
import { parse } from "./context.ts";
import { ensureNamespaces, startControllers } from "./controllers.ts";
import { startEventExpiry } from "./events.ts";
import { startTokenCleaner } from "./expired_tokens.ts";
import { startRootCaPublisher } from "./root_ca.ts";
import { startServiceAccountController } from "./service_accounts.ts";
import { settle, until, withCluster } from "./testing.ts";

const HOUR_MS = 3_600_000;

Deno.test("service account controller keeps a default in each active namespace", async () => {
  await withCluster(async (cluster) => {
    const { store, writer, make, names } = cluster;
    const controller = startServiceAccountController(cluster);
    const doomed = await make("namespaces", { name: "a" });
    await make("namespaces", { name: "b" });
    await settle(controller);
    const all = ["a", "b", "default"].map((name) => `serviceaccounts/${name}/default`);
    assert.deepEqual(names("serviceaccounts"), all);
    await writer.delete(doomed);
    for (const stored of store.list("serviceaccounts").objects) await writer.delete(stored);
    await settle(controller);
    assert.deepEqual(names("serviceaccounts"), all.slice(1));
    assert.deepEqual(cluster.log.lines, []);
  });
});

Deno.test("root CA publisher puts the ConfigMap back when it is changed or deleted", async () => {
  await withCluster(async (cluster) => {
    const { store, writer } = cluster;
    const controller = startRootCaPublisher(cluster, "PEM");
    await settle(controller);
    const get = () => store.get("configmaps", "default", "kube-root-ca.crt")!;
    const { data, metadata } = parse(get());
    const annotations = metadata.annotations as Record<string, string>;
    assert.deepEqual(data, { "ca.crt": "PEM" });
    assert.match(annotations["kubernetes.io/description"]!, /^Contains a CA bundle that can be/);
    const version = store.version;
    await writer.update(get(), (latest) => ({ ...latest, data: { "ca.crt": "x", more: "y" } }));
    await settle(controller);
    assert.deepEqual(parse(get()).data, data);
    await writer.update(get(), (latest) => ({
      ...latest,
      metadata: { ...latest.metadata, annotations: { mine: "too" } },
    }));
    await settle(controller);
    assert.deepEqual(parse(get()).metadata.annotations, { mine: "too", ...annotations });
    await writer.delete(get());
    await settle(controller);
    assert.deepEqual(parse(get()).data, data);
    assert.equal(store.version, version + 6);
  });
});

Deno.test("event expiry deletes an event an hour after its last write", async () => {
  await withCluster(async (cluster) => {
    const { make, writer, advance, names, now } = cluster;
    const event = (name: string, fields = {}) =>
      make("events", { name, namespace: "default" }, fields);
    await event("old");
    advance(HOUR_MS / 2);
    const touched = await event("touched");
    await event("seen", { lastTimestamp: new Date(now() + 60_000).toISOString() });
    const controller = startEventExpiry(cluster, 5);
    await settle(controller);
    assert.equal(names("events").length, 3);
    advance(HOUR_MS / 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(names("events"), ["events/default/seen", "events/default/touched"]);
    await writer.update(touched, (latest) => ({ ...latest, count: 2 }));
    advance(HOUR_MS / 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(names("events"), ["events/default/touched"]);
    advance(HOUR_MS);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(names("events"), []);
  });
});

Deno.test("token cleaner deletes bootstrap tokens that are expired, or say it illegibly", async () => {
  await withCluster(async (cluster) => {
    const { make, names, now, advance, writer, store } = cluster;
    await make("namespaces", { name: "kube-system" });
    const type = "bootstrap.kubernetes.io/token";
    const secret = (name: string, expiration?: string, namespace = "kube-system", of = type) =>
      make("secrets", { name, namespace }, {
        type: of,
        data: expiration === undefined ? {} : { expiration: btoa(expiration) },
      });
    const past = new Date(now() - 1_000).toISOString();
    const soon = new Date(now() + 20).toISOString();
    const later = new Date(now() + 40 * 24 * HOUR_MS).toISOString();
    await secret("illegible", "tomorrow");
    await secret("forever");
    await secret("other-type", past, "kube-system", "Opaque");
    await secret("elsewhere", past, "default");
    const controller = startTokenCleaner(cluster);
    await secret("past", past);
    await secret("soon", soon);
    const changed = await secret("later", later);
    await settle(controller);
    const kept = ["secrets/default/elsewhere", "secrets/kube-system/forever"];
    assert.deepEqual(names("secrets"), [
      ...kept,
      "secrets/kube-system/later",
      "secrets/kube-system/other-type",
      "secrets/kube-system/soon",
    ]);
    advance(100);
    await writer.update(changed, (latest) => ({ ...latest, data: { expiration: btoa(past) } }));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await settle(controller);
    assert.deepEqual(names("secrets"), [...kept, "secrets/kube-system/other-type"]);
    assert.equal(store.get("secrets", "kube-system", "soon"), undefined);
  });
});

Deno.test("ensureNamespaces makes what is not there, once", async () => {
  await withCluster(async (cluster) => {
    await ensureNamespaces(cluster);
    const { version } = cluster.store;
    await ensureNamespaces(cluster);
    assert.equal(cluster.store.version, version);
    assert.deepEqual(cluster.names("namespaces"), [
      "namespaces//default",
      "namespaces//kube-node-lease",
      "namespaces//kube-public",
      "namespaces//kube-system",
    ]);
    const { labels } = cluster.store.get("namespaces", "", "kube-system")!;
    assert.deepEqual(labels, { "kubernetes.io/metadata.name": "kube-system" });
  });
});

Deno.test("startControllers work together, and stop with the signal", async () => {
  await withCluster(async (cluster) => {
    const { store, writer, names } = cluster;
    const stop = new AbortController();
    const { done } = startControllers({ ...cluster, rootCa: "PEM", signal: stop.signal });
    await until(() => names("configmaps", "serviceaccounts").length === 8);
    const lease = store.get("namespaces", "", "kube-node-lease")!;
    await writer.delete(lease);
    // It goes with all that is in it, and comes again
    await until(() =>
      (store.get("namespaces", "", "kube-node-lease")?.uid ?? lease.uid) !== lease.uid
    );
    await until(() => names("configmaps", "serviceaccounts").length === 8);
    stop.abort();
    await done;
    const { version } = store;
    await writer.delete(store.get("serviceaccounts", "default", "default")!);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(store.version, version + 1);
  });
});
