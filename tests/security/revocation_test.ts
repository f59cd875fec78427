/**
 * Who takes a cluster's access away: its own ManagedCluster and its own request, nobody else's; and
 * both at once, whatever finalizer of others holds the object.
 */
import assert from "node:assert/strict";
import {
  type ClusterRegistrationRequest,
  REQUEST_UID_ANNOTATION,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";
import { eventually } from "../e2e/wait.ts";
import {
  ACCOUNTS,
  ALICE,
  bearer,
  clusterPathOf,
  dial,
  dialRequest,
  doors,
  registered,
  REQUESTS,
  serves,
  stolenToken,
} from "./neighbour.ts";
import { cases } from "./scene.ts";

const TENANT = { user: "tenant" };

cases("a cluster is revoked by what is its own", {}, async (step, scene) => {
  const { parent, clusterId } = scene;
  const own = await registered(parent, clusterId);
  const requestPath = `${REQUESTS}/clusternet-${clusterId}`;
  const request = async (): Promise<ClusterRegistrationRequest> =>
    await parent.api.get(requestPath);

  await step("40. a ManagedCluster in a namespace of somebody else revokes nobody", async () => {
    await parent.kubectlOk(["create", "namespace", "tenant"]);
    await parent.kubectlOk([
      ...["-n", "tenant", "create", "role", "clusters", "--verb=create,delete,get"],
      "--resource=managedclusters.clusters.clusternet.io",
    ]);
    await parent.kubectlOk([
      ...["-n", "tenant", "create", "rolebinding", "clusters", "--role=clusters"],
      `--user=${TENANT.user}`,
    ]);
    const before = await request();
    const forged = clusterPathOf({ namespace: "tenant", name: "x" });
    const made = await scene.askParentAs(TENANT, {
      method: "POST",
      path: forged.replace(/\/x$/, ""),
      headers: [["Content-Type", "application/json"]],
      body: JSON.stringify({
        apiVersion: "clusters.clusternet.io/v1beta1",
        kind: "ManagedCluster",
        metadata: {
          name: "x",
          annotations: { [REQUEST_UID_ANNOTATION]: before.metadata.uid },
          finalizers: [REVOKE_FINALIZER],
        },
        spec: { clusterId },
      }),
    });
    assert.equal(made.status, 201, made.text);
    const gone = await scene.askParentAs(TENANT, { method: "DELETE", path: forged });
    assert.equal(gone.status, 200, gone.text);
    await eventually("it goes", 20_000, async () => {
      assert.equal((await parent.api.request("GET", forged)).status, 404);
    });
    const { metadata, status } = await request();
    assert.equal(metadata.uid, before.metadata.uid);
    assert.equal(status?.result, "Approved", status?.errorMessage ?? "no message");
    assert.deepEqual(status.serviceAccount, before.status?.serviceAccount);
    await parent.api.get(`${ACCOUNTS}/${own.account.name}`);
    await serves(scene);
  });

  await step("41. a request that is being deleted holds nothing, whatever holds it", async () => {
    const token = await stolenToken(scene);
    const { metadata } = await request();
    await parent.api.request("PATCH", requestPath, {
      metadata: { finalizers: ["example.com/held"], uid: metadata.uid },
    }, { contentType: "application/merge-patch+json" });
    await serves(scene);
    await parent.api.request("DELETE", requestPath);
    assert.ok((await request()).metadata.deletionTimestamp, "it still stands");
    await eventually("the tunnel is cut", 10_000, async () => {
      const path = scene.at("/proxy/direct/version");
      const { status, text } = await scene.askAs(ALICE, { path });
      assert.equal(status, 404, text);
    });
    await eventually("the ServiceAccount is gone, and the token void", 20_000, async () => {
      const account = `${ACCOUNTS}/${own.account.name}`;
      assert.equal((await parent.api.request("GET", account)).status, 404);
      const answer = await scene.ask(scene.parentTarget(), {
        path: requestPath,
        headers: [bearer(token)],
      });
      assert.equal(answer.status, 401, answer.text);
    }, 250);
    for (const target of Object.values(doors(scene))) {
      const { status } = await dial(
        scene,
        target,
        dialRequest(scene.at("/attach"), [bearer(token)]),
      );
      assert.ok(status === 401 || status === 403, `the dial: ${status}`);
    }
    await eventually("its ManagedCluster is gone", 20_000, async () => {
      assert.equal((await parent.api.request("GET", clusterPathOf(own))).status, 404);
    });
    assert.ok((await request()).metadata.deletionTimestamp, "it stood all the time");
    await parent.api.request("PATCH", requestPath, { metadata: { finalizers: null } }, {
      contentType: "application/merge-patch+json",
    });
  });
});
