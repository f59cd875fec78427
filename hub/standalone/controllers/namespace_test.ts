import assert from "node:assert/strict";
import { parse } from "./context.ts";
import { startNamespaceController } from "./namespace.ts";
import { settle, until, withCluster } from "./testing.ts";

Deno.test("namespace controller empties a namespace that is deleted, then lets it go", async () => {
  await withCluster(async (cluster) => {
    const { make, writer, names } = cluster;
    const controller = startNamespaceController(cluster);
    const namespace = await make("namespaces", { name: "a" });
    await make("configmaps", { name: "x", namespace: "a" });
    await make("leases.coordination.k8s.io", { name: "y", namespace: "a" });
    await make("configmaps", { name: "x", namespace: "default" });
    await settle(controller);
    assert.equal(names("configmaps").length, 2);
    await writer.delete(namespace);
    await settle(controller);
    assert.deepEqual(names("namespaces", "configmaps", "leases.coordination.k8s.io"), [
      "namespaces//default",
      "configmaps/default/x",
    ]);
  });
});

Deno.test("namespace controller says what keeps a namespace, and waits for it", async () => {
  await withCluster(async (cluster) => {
    const { make, writer, store, names } = cluster;
    const namespace = await make("namespaces", { name: "a" });
    const kept = { namespace: "a", finalizers: ["example.com/x"] };
    const stuck = await Promise.all([
      make("configmaps", { name: "x", ...kept }),
      make("roles.rbac.authorization.k8s.io", { name: "y", ...kept }),
    ]);
    await make("configmaps", { name: "z", namespace: "a" });
    await writer.delete(namespace);
    const controller = startNamespaceController(cluster); // Catches up
    await settle(controller);
    const { status } = parse(store.get("namespaces", "", "a")!) as never as {
      status: { conditions: Record<string, string>[] };
    };
    assert.deepEqual(
      status.conditions.map(({ type, status, message }) => [type, status, message]),
      [
        ["NamespaceDeletionDiscoveryFailure", "False", "All resources successfully discovered"],
        [
          "NamespaceDeletionGroupVersionParsingFailure",
          "False",
          "All legacy kube types successfully parsed",
        ],
        [
          "NamespaceDeletionContentFailure",
          "False",
          "All content successfully deleted, may be waiting on finalization",
        ],
        [
          "NamespaceContentRemaining",
          "True",
          "Some resources are remaining: configmaps. has 1 resource instances, " +
          "roles.rbac.authorization.k8s.io has 1 resource instances",
        ],
        [
          "NamespaceFinalizersRemaining",
          "True",
          "Some finalizers are remaining: example.com/x in 2 resource instances",
        ],
      ],
    );
    const { version } = store;
    await settle(controller);
    assert.equal(store.version, version); // Nothing is written twice
    for (const object of stuck) {
      await writer.update(object, (latest) => ({
        ...latest,
        metadata: { ...latest.metadata, finalizers: [] },
      }));
    }
    await until(() => names("namespaces").length === 1);
  });
});

Deno.test("namespace controller removes what was written while its namespace went", async () => {
  await withCluster(async (cluster) => {
    const { store, writer, make, names } = cluster;
    const controller = startNamespaceController(cluster);
    const namespace = await make("namespaces", { name: "a" });
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late", uid: "u" } };
    const place = { resource: "configmaps", namespace: "a", name: "late" };
    store.subscribe(({ type, object: { resource } }) => {
      if (resource !== "namespaces" || type !== "MODIFIED") return;
      setTimeout(() => void store.commit({ op: "create", ...place, object }), 0);
    });
    await writer.delete(namespace);
    await settle(controller);
    assert.deepEqual(names("namespaces", "configmaps"), [
      "namespaces//default",
      "configmaps/a/late",
    ]);
    await until(() => names("configmaps").length === 0);
  });
});
