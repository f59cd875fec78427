/**
 * The admission fences of `deploy/hub/12-admission-policy.yaml` on a real kube-apiserver: what a
 * stolen token of the hub, or a bootstrap token, is refused though RBAC would allow it, and that the
 * hub's own work passes. `CASE=9` runs the case of that number alone.
 */
import assert from "node:assert/strict";
import { secretStore, SERVING_SECRET } from "../../hub/front/ca_store.ts";
import { objectsFor } from "../../hub/registration/objects.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterRegistrationRequest, ObjectMeta } from "../../shared/kube/clusternet_types.ts";
import { LeaseElection } from "../../shared/kube/lease_election.ts";
import {
  CLUSTER_REGISTRATION_REQUESTS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  LEASES,
  MANAGED_CLUSTERS,
  NAMESPACES,
  type ResourceRef,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../../shared/kube/resources.ts";
import { startCluster } from "../cluster/cluster.ts";
import { newBootstrapToken } from "../e2e/agent_process.ts";
import { ROOT } from "../e2e/programs.ts";
import { eventually } from "../e2e/wait.ts";
import {
  type Body,
  clientFor,
  fenced,
  FINALIZERS,
  HUB_LABEL,
  newRequest,
  OWNER,
  SYSTEM,
  withMeta,
} from "./fence_kit.ts";

Deno.test("fences of the hub's token and of bootstrap tokens", async (t) => {
  await using parent = await startCluster({ name: "parent" });
  const apply = (): Promise<string> => parent.kubectlOk(["apply", "-f", `${ROOT}deploy/hub`]);
  await apply();
  await parent.kubectlOk(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  const token = (await parent.kubectlOk(["-n", SYSTEM, "create", "token", "clusternet-hub"]))
    .trim();
  using hub = clientFor(parent, token);
  const { client } = hub;
  using bootstrap = clientFor(parent, await newBootstrapToken(parent));

  const create = (resource: ResourceRef, body: object): Promise<unknown> => {
    const { namespace } = (body as Body).metadata;
    const where = namespace === undefined ? {} : { namespace };
    return client.create(resource, body as Body, { ...where, dryRun: true });
  };
  const put = (path: string, body: object): Promise<unknown> =>
    client.json(`${path}?dryRun=All`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const only = Deno.env.get("CASE");
  const step = async (name: string, body: () => Promise<void>): Promise<void> => {
    if (only === undefined || name.startsWith(`${only}.`)) await t.step(name, body);
  };

  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: SERVING_SECRET, namespace: SYSTEM, labels: HUB_LABEL },
    type: "Opaque",
    data: { "ca.crt": "", "ca.key": "" },
  };
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "clusternet-hub", namespace: SYSTEM },
    spec: { holderIdentity: "one" },
  };
  const secretPath = `/api/v1/namespaces/${SYSTEM}/secrets/${SERVING_SECRET}`;
  const request = await bootstrap.client.create<ClusterRegistrationRequest>(
    CLUSTER_REGISTRATION_REQUESTS,
    await newRequest(),
  );
  // What the hub writes for it; the steps bend it
  const own = objectsFor(request);
  // The API server reads a policy within seconds of its creation
  const requestOwner = { ...OWNER[0]!, kind: "ClusterRegistrationRequest" };
  await eventually("the fences are up", 30_000, async () => {
    await fenced(
      "clusternet-hub-system",
      /only write/,
      create(SECRETS, withMeta(secret, { name: "x" })),
    );
    const cluster = { apiVersion: "clusters.clusternet.io/v1beta1", kind: "ManagedCluster" };
    const metadata = { name: "x", namespace: "default", finalizers: FINALIZERS };
    const body = { ...cluster, metadata, spec: { clusterId: request.spec.clusterId } };
    await fenced("clusternet-hub-clusters", /no finalizer/, create(MANAGED_CLUSTERS, body));
    await fenced(
      "clusternet-bootstrap-requests",
      /may have no/,
      bootstrap.client.create(
        CLUSTER_REGISTRATION_REQUESTS,
        withMeta(await newRequest(), { finalizers: FINALIZERS }),
        { dryRun: true },
      ),
    );
    await fenced(
      "clusternet-hub-accounts",
      /default, kube-/,
      create(NAMESPACES, withMeta(own.namespace, { name: "kube-mine" })),
    );
    await fenced(
      "clusternet-hub-rbac",
      /registrations/,
      create(CLUSTER_ROLES, withMeta(own.clusterRole, { name: "mine" })),
    );
  });

  await step("9. the hub's token cannot make itself a token that never expires", async () => {
    const policy = "clusternet-hub-system";
    const forName = (name: string): Body => ({
      ...withMeta(secret, { annotations: { "kubernetes.io/service-account.name": name } }),
      type: "kubernetes.io/service-account-token",
      data: {},
    });
    for (const account of ["clusternet-hub", "default"]) {
      await fenced(policy, /Opaque/, create(SECRETS, forName(account)));
    }
    // What is there, made to vanish so that another can take its name
    const store = secretStore(client, SYSTEM);
    await store.save({ certs: "c", key: "k" }, undefined);
    const kept = await client.get<Body>(SECRETS, SERVING_SECRET, { namespace: SYSTEM });
    const change = (meta: Partial<ObjectMeta>): Promise<unknown> =>
      put(secretPath, withMeta(kept, meta));
    await fenced(policy, /owners/, change({ ownerReferences: OWNER }));
    await fenced(policy, /finalizers/, change({ finalizers: FINALIZERS }));
    const annotations = { "kubernetes.io/service-account.name": "clusternet-hub" };
    await fenced(policy, /annotations/, change({ annotations }));
    await fenced(policy, /mutable/, put(secretPath, { ...kept, immutable: true }));
    await store.save({ certs: "c2", key: "k" }, await store.load());
    assert.equal((await store.load())?.certs, "c2");
  });

  await step("no other Secret or Lease, and of the Lease its spec alone", async () => {
    const policy = "clusternet-hub-system";
    const other = { name: "other" };
    await fenced(policy, /only write Secret/, create(SECRETS, withMeta(secret, other)));
    await fenced(policy, /only write Secret/, create(LEASES, withMeta(lease, other)));
    await fenced(
      policy,
      /spec of Lease/,
      create(LEASES, withMeta(lease, { ownerReferences: OWNER })),
    );
    // The hub's own way, over a Lease on which an admin left a mark
    await parent.kubectlOk(["apply", "-f", "-"], { stdin: JSON.stringify(lease) });
    await parent.kubectlOk([
      "-n",
      SYSTEM,
      "patch",
      "lease",
      "clusternet-hub",
      "--type=merge",
      "-p",
      '{"spec":{"holderIdentity":""}}',
    ]);
    const found = await client.get<Body>(LEASES, "clusternet-hub", { namespace: SYSTEM });
    assert.ok(found.metadata.annotations !== undefined);
    const path = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/clusternet-hub`;
    const more: Partial<ObjectMeta>[] = [
      { finalizers: FINALIZERS },
      { ownerReferences: OWNER },
      { labels: HUB_LABEL },
      { annotations: {} },
    ];
    for (const meta of more) {
      await fenced(policy, /spec of Lease/, put(path, withMeta(found, meta)));
    }
    const stop = new AbortController();
    const election = new LeaseElection({
      client,
      namespace: SYSTEM,
      name: "clusternet-hub",
      identity: "two",
      onStartedLeading: () => stop.abort(),
    });
    await election.run(AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]));
    assert.ok(stop.signal.aborted, "it never led");
  });

  await step("of the APIService its caBundle alone", async () => {
    const path = "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io";
    const found = await client.json<Body>(path);
    const more: Partial<ObjectMeta>[] = [
      { finalizers: FINALIZERS },
      { ownerReferences: OWNER },
      { labels: HUB_LABEL },
      { annotations: {} },
      { annotations: { ...found.metadata.annotations, more: "1" } },
    ];
    for (const meta of more) {
      await fenced("clusternet-hub-apiservice", /metadata/, put(path, withMeta(found, meta)));
    }
    await put(path, {
      ...found,
      spec: { ...found["spec"] as object, caBundle: btoa(parent.caPem) },
    });
  });

  const rbac: [ResourceRef, Body][] = [
    [CLUSTER_ROLES, withMeta(own.clusterRole, {})],
    [CLUSTER_ROLE_BINDINGS, withMeta(own.clusterRoleBinding, {})],
    [ROLES, withMeta(own.role, {})],
    [ROLE_BINDINGS, withMeta(own.roleBinding, {})],
  ];

  await step("all that the hub writes for a registration passes", async () => {
    const key = { "clusters.clusternet.io/key-sha256": "0".repeat(64) };
    const annotated = (body: object): Body =>
      withMeta(body, { annotations: { ...(body as Body).metadata.annotations, ...key } });
    await create(NAMESPACES, annotated(own.namespace));
    await client.create(NAMESPACES, own.namespace);
    await create(SERVICE_ACCOUNTS, annotated(own.serviceAccount));
    await client.create(SERVICE_ACCOUNTS, own.serviceAccount, { namespace: "clusternet-agents" });
    for (const [resource, body] of rbac) {
      const { namespace } = body.metadata;
      const where = namespace === undefined ? {} : { namespace };
      const made = await client.create<Body>(resource, body, where);
      const { resourceVersion } = made.metadata;
      await client.update(resource, withMeta(body, { resourceVersion: resourceVersion! }), where);
    }
    const { namespace } = own.managedCluster.metadata;
    await client.create(MANAGED_CLUSTERS, own.managedCluster, { namespace: namespace! });
    const name = own.serviceAccount.metadata.name!;
    await client.createToken("clusternet-agents", name, { expirationSeconds: 3600 });
  });

  await step("RBAC objects carry the hub's marks alone", async () => {
    for (const [resource, body] of rbac) {
      const refused = (text: RegExp, meta: Partial<ObjectMeta>): Promise<void> =>
        fenced("clusternet-hub-rbac", text, create(resource, withMeta(body, meta)));
      const { labels, annotations } = body.metadata;
      for (const role of ["view", "edit", "admin"]) {
        const key = `rbac.authorization.k8s.io/aggregate-to-${role}`;
        await refused(/aggregates/, { labels: { ...labels, [key]: "true" } });
      }
      await refused(/own annotations/, { annotations: { ...annotations, more: "1" } });
      await refused(/no finalizer/, { finalizers: FINALIZERS });
      await refused(/as their owner/, { ownerReferences: OWNER });
    }
  });

  await step("namespaces carry the hub's marks alone, under names that are free", async () => {
    const policy = "clusternet-hub-accounts";
    const fresh = withMeta(own.namespace, { name: "fresh" });
    const refused = (text: RegExp, meta: Partial<ObjectMeta>, more = {}): Promise<void> =>
      fenced(policy, text, create(NAMESPACES, { ...withMeta(fresh, meta), ...more }));
    await create(NAMESPACES, fresh);
    for (const name of ["kube-mine", "default", "clusternet-system", "clusternet-agents"]) {
      await refused(/default, kube-/, { name });
    }
    const { labels, annotations } = fresh.metadata;
    const privileged = { "pod-security.kubernetes.io/enforce": "privileged" };
    await refused(/own labels/, { labels: { ...labels, ...privileged } });
    await refused(/own labels/, { labels: { ...labels, "clusters.clusternet.io/more": "1" } });
    await refused(/own labels/, { labels: HUB_LABEL });
    const selector = { "scheduler.alpha.kubernetes.io/node-selector": "a=b" };
    await refused(/own annotations/, { annotations: { ...annotations, ...selector } });
    await refused(/no finalizer/, { finalizers: FINALIZERS });
    await refused(/own annotations/, { ownerReferences: [requestOwner] });
    await refused(/finalizer of Kubernetes/, {}, { spec: { finalizers: FINALIZERS } });
  });

  await step(
    "ServiceAccounts carry the hub's marks alone; their tokens are bound to them",
    async () => {
      const policy = "clusternet-hub-accounts";
      const fresh = withMeta(own.serviceAccount, { name: "clusternet-0123456789" });
      const refused = (text: RegExp, meta: Partial<ObjectMeta>, more = {}): Promise<void> =>
        fenced(policy, text, create(SERVICE_ACCOUNTS, { ...withMeta(fresh, meta), ...more }));
      await create(SERVICE_ACCOUNTS, fresh);
      const { labels, annotations } = fresh.metadata;
      await refused(/<hash>/, { name: "clusternet-mine" });
      await refused(/own labels/, { labels: { ...labels, more: "1" } });
      const role = { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/mine" };
      await refused(/own annotations/, { annotations: { ...annotations, ...role } });
      await refused(/no finalizer/, { finalizers: FINALIZERS });
      await refused(/registration request as the owner/, { ownerReferences: OWNER });
      await refused(/attach Secrets/, {}, { secrets: [{ name: "x" }] });
      await refused(/attach Secrets/, {}, { imagePullSecrets: [{ name: "x" }] });
      const { name, namespace } = own.serviceAccount.metadata;
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const boundObjectRef = { apiVersion: "v1", kind: "Secret", name: "x" };
      const bound = client.json(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { boundObjectRef },
        }),
      });
      await fenced(policy, /bound to nothing/, bound);
    },
  );

  await step("ManagedClusters carry the hub's finalizer and their request alone", async () => {
    const policy = "clusternet-hub-clusters";
    const fresh = withMeta(own.managedCluster, { name: "fresh" });
    await create(MANAGED_CLUSTERS, fresh);
    const finalizers = [...fresh.metadata.finalizers!, ...FINALIZERS];
    await fenced(policy, /no finalizer/, create(MANAGED_CLUSTERS, withMeta(fresh, { finalizers })));
    const owned = withMeta(fresh, { ownerReferences: OWNER });
    await fenced(policy, /no owner/, create(MANAGED_CLUSTERS, owned));
    // What an admin put there does not stand in the way of the hub's own patch
    const { name, namespace } = own.managedCluster.metadata;
    const path =
      `/apis/clusters.clusternet.io/v1beta1/namespaces/${namespace}/managedclusters/${name}`;
    const patch = (by: KubeClient | typeof parent.api, finalizers: string[]): Promise<unknown> => {
      const body = JSON.stringify({ metadata: { finalizers } });
      const headers = { "content-type": "application/merge-patch+json" };
      return by === client
        ? client.json(path, { method: "PATCH", headers, body })
        : parent.kubectlOk(["-n", namespace!, "patch", "mcls", name!, "--type=merge", "-p", body]);
    };
    await patch(parent.api, ["clusternet.io/revoke", "example.com/admin"]);
    await patch(client, ["example.com/admin"]);
    await fenced(policy, /no finalizer/, patch(client, ["example.com/admin", ...FINALIZERS]));
  });

  await step("a bootstrap token's request holds what an agent sends, bounded", async () => {
    const policy = "clusternet-bootstrap-requests";
    const ask = (body: object): Promise<unknown> =>
      bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, body as Body, { dryRun: true });
    const fresh = await newRequest();
    const refused = (text: RegExp, meta: Partial<ObjectMeta>): Promise<void> =>
      fenced(policy, text, ask(withMeta(fresh, meta)));
    const many = (count: number, value: string): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`example.com/${at}`, value]));
    await ask(fresh);
    await ask(withMeta(fresh, { labels: many(16, "x"), annotations: many(8, "x".repeat(4000)) }));
    await refused(/no finalizers/, { finalizers: FINALIZERS });
    await refused(/ownerReferences/, { ownerReferences: OWNER });
    await fenced(
      policy,
      /generateName/,
      ask({
        ...fresh,
        metadata: { ...fresh.metadata, generateName: "clusternet-" },
      }),
    );
    await refused(/16 labels/, { labels: many(17, "x") });
    await refused(/8 annotations/, { annotations: many(9, "x") });
    await refused(/8 annotations/, { annotations: many(9_000, "x") });
    await refused(/4096 characters/, { annotations: { "example.com/a": "x".repeat(4_097) } });
    const clusterLabels = { ["x".repeat(318)]: "x" };
    const spec = { ...fresh.spec, clusterLabels };
    await fenced(policy, /317 characters/, ask({ ...fresh, spec }));
    // An admin is not fenced
    await parent.kubectlOk(["create", "--dry-run=server", "-f", "-"], {
      stdin: JSON.stringify(withMeta(fresh, { finalizers: FINALIZERS })),
    });
  });

  await step("an upgrade over all of it is refused nothing", async () => {
    await apply();
    await parent.kubectlOk(["apply", "--dry-run=server", "-f", `${ROOT}deploy/hub`]);
  });
});
