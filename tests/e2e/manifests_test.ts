/**
 * The very files in `deploy/`, on a real kube-apiserver: the approver works with exactly the rights
 * that they grant to ServiceAccount clusternet-hub, and that account can do nothing beyond.
 */
import assert from "node:assert/strict";
import { exportJWK, generateKeyPair } from "jose";
import { createControllers } from "../../hub/lifecycle/controllers.ts";
import { requestName, serviceAccountName } from "../../hub/registration/names.ts";
import { openSealed } from "../../hub/registration/sealing.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import {
  CLUSTER_REGISTRATION_REQUESTS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  NAMESPACES,
  SECRETS,
  SELF_SUBJECT_ACCESS_REVIEWS,
  SERVICE_ACCOUNTS,
} from "../../shared/kube/resources.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { kubeTransport } from "../../shared/kube/transport.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

const SAMPLE_TOKEN = "07401b.f395accd246ae52d";
const RBAC = "rbac.authorization.k8s.io/v1";

/** A client with a bearer token; dispose it. */
function as(cluster: Cluster, token: string): { client: KubeClient } & Disposable {
  const connection = kubeTransport({
    server: cluster.server,
    ca: cluster.caPem,
    token: () => Promise.resolve(token),
  });
  return {
    client: new KubeClient({ transport: connection.transport }),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

async function refused(code: number, text: RegExp, call: Promise<unknown>): Promise<void> {
  const error = await call.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof StatusError, `was not refused: ${String(error)}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
}

async function newRequest(
  more: Record<string, unknown> = {},
): Promise<{ request: ClusterRegistrationRequest; privateKey: JsonWebKey }> {
  const pair = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
  const { x, y } = await exportJWK(pair.publicKey);
  const clusterId = crypto.randomUUID();
  const request = {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: { name: requestName(clusterId) },
    spec: { clusterId, publicKey: { kty: "EC", crv: "P-256", x: x!, y: y! }, ...more },
  } as ClusterRegistrationRequest;
  return { request, privateKey: await exportJWK(pair.privateKey) as JsonWebKey };
}

Deno.test("deploy/ on a real kube-apiserver", async (t) => {
  await using parent = await startCluster({ name: "parent" });
  await parent.kubectlOk(["apply", "-f", `${ROOT}deploy/hub`]);
  await parent.kubectlOk(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  await parent.kubectlOk(["apply", "-f", `${ROOT}deploy/samples`]);
  const token = await parent.kubectlOk(
    ["-n", "clusternet-system", "create", "token", "clusternet-hub", "--duration=1h"],
  );
  using hub = as(parent, token.trim());
  using bootstrap = as(parent, SAMPLE_TOKEN);
  const stop = new AbortController();
  const controllers = createControllers({
    client: hub.client,
    registry: {
      session: () => undefined,
      connected: () => false,
      cut: () => {},
      forget: () => {},
      subscribe: () => () => {},
    },
    approval: "auto",
    tokenTtlMs: 168 * 3_600_000,
    parentCa: () => parent.caPem,
  });
  controllers.start(stop.signal);
  controllers.lead(stop.signal);
  await controllers.synced;

  const approved = async (name: string): Promise<ClusterRegistrationRequest> =>
    await eventually(`${name} is decided`, 15_000, async () => {
      const found = await bootstrap.client.get<ClusterRegistrationRequest>(
        CLUSTER_REGISTRATION_REQUESTS,
        name,
      );
      assert.equal(found.status?.result, "Approved", found.status?.errorMessage ?? "no message");
      return found;
    });
  // The admission fences are read by the API server within seconds of their creation
  await eventually("the fences are up", 30_000, async () => {
    const probe = {
      apiVersion: RBAC,
      kind: "ClusterRole",
      metadata: { name: "not-ours" },
      rules: [],
    };
    await refused(
      422,
      /registrations/,
      hub.client.create(CLUSTER_ROLES, probe, { dryRun: true }),
    );
  });

  try {
    const { request, privateKey } = await newRequest({ clusterName: "edge-1" });
    const { clusterId } = request.spec;

    await t.step("the sample token registers, and the shipped rights are enough", async () => {
      await bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, request);
      const { status } = await approved(request.metadata.name!);
      const credentials = await openSealed(
        { ...privateKey, kty: "EC" },
        status!.sealedCredentials!,
      );
      assert.equal(credentials.caCertificate, parent.caPem);
      using agent = as(parent, credentials.token);
      const can = async (attributes: Record<string, string>): Promise<boolean> => {
        const review = { spec: { resourceAttributes: attributes } };
        const { status } = await agent.client.create<{ status: { allowed: boolean } }>(
          SELF_SUBJECT_ACCESS_REVIEWS,
          { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", ...review },
        );
        return status.allowed;
      };
      await agent.client.get(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!);
      const sockets = { group: "proxies.clusternet.io", resource: "sockets", verb: "get" };
      assert.ok(await can({ ...sockets, subresource: "attach", name: clusterId }));
      const other = crypto.randomUUID();
      assert.ok(!await can({ ...sockets, subresource: "attach", name: other }));
      assert.ok(!await can({ ...sockets, subresource: "attach" }));
      assert.ok(!await can({ ...sockets, subresource: "proxy", name: clusterId }));
      const ours = { group: "clusters.clusternet.io", verb: "get" };
      const { dedicatedNamespace: namespace, managedClusterName: name } = status!;
      const cluster = { ...ours, resource: "managedclusters", namespace: namespace!, name: name! };
      assert.ok(await can(cluster));
      assert.ok(await can({ ...cluster, subresource: "status", verb: "patch" }));
      assert.ok(!await can({ ...cluster, verb: "patch" }));
      assert.ok(!await can({ ...cluster, namespace: "default" }));
      const requests = { ...ours, resource: "clusterregistrationrequests" };
      assert.ok(!await can({ ...requests, name: requestName(other) }));
      assert.ok(!await can({ ...requests, verb: "create" }));
      const agents = { group: "", namespace: "clusternet-agents", verb: "create" };
      assert.ok(!await can({ ...agents, resource: "serviceaccounts", subresource: "token" }));
      assert.ok(!await can({ group: "", resource: "secrets", verb: "get" }));
    });

    await t.step("a registration takes less than 300 ms at the median", async () => {
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const { request } = await newRequest();
        await bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, request);
        const startedAt = performance.now();
        await approved(request.metadata.name!);
        times.push(performance.now() - startedAt);
      }
      const median = times.sort((a, b) => a - b)[2]!;
      assert.ok(median < 300, `median ${median.toFixed()} ms of ${times.map(Math.round)}`);
    });

    await t.step("the CRD refuses what does not fit", async () => {
      const create = (body: unknown): Promise<unknown> =>
        bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, body);
      const fresh = (await newRequest()).request;
      const metadata = { name: `${fresh.metadata.name}` };
      const spec = fresh.spec;
      await refused(
        422,
        /metadata.name must be/,
        create({ ...fresh, metadata: { name: "other" } }),
      );
      const longer = `${spec.clusterId}0`;
      await refused(422, /clusterId/, create({ ...fresh, spec: { ...spec, clusterId: longer } }));
      const upper = spec.clusterId.toUpperCase();
      await refused(422, /clusterId/, create({ ...fresh, spec: { ...spec, clusterId: upper } }));
      await refused(422, /publicKey/, create({ ...fresh, spec: { clusterId: spec.clusterId } }));
      const name = "a".repeat(31);
      await refused(
        422,
        /clusterName/,
        create({ ...fresh, metadata, spec: { ...spec, clusterName: name } }),
      );
    });

    await t.step("another key for a known id is refused", async () => {
      const other = (await newRequest()).request;
      const taken = { ...request, spec: { ...request.spec, publicKey: other.spec.publicKey } };
      const create = bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, taken);
      await refused(409, /already exists/, create);
      const patch = JSON.stringify({ spec: { publicKey: other.spec.publicKey } });
      const args = ["patch", "clsrr", request.metadata.name!, "--type=merge", "-p", patch];
      const { code, stderr } = await parent.kubectl(args);
      assert.notEqual(code, 0);
      assert.match(stderr, /publicKey is immutable/);
    });

    await t.step("a bootstrap token can neither list nor write a status", async () => {
      const { client } = bootstrap;
      await refused(403, /cannot list/, client.list(CLUSTER_REGISTRATION_REQUESTS));
      const subresource = { subresource: "status" };
      await refused(
        403,
        /cannot update/,
        client.update(CLUSTER_REGISTRATION_REQUESTS, {
          ...request,
          status: { result: "Approved" },
        }, subresource),
      );
    });

    await t.step("the hub's own token can do nothing else", async () => {
      const { client } = hub;
      const minute = { expirationSeconds: 600 };
      await refused(403, /kube-system/, client.createToken("kube-system", "default", minute));
      await refused(403, /default/, client.createToken("default", "default", minute));
      await refused(403, /secrets/, client.get(SECRETS, "x", { namespace: "kube-system" }));
      await refused(403, /secrets/, client.list(SECRETS, { namespace: "clusternet-system" }));
      await refused(403, /namespaces/, client.delete(NAMESPACES, "default"));
      const system = { namespace: "kube-system" };
      await refused(403, /serviceaccounts/, client.delete(SERVICE_ACCOUNTS, "default", system));
      const agents = { namespace: "clusternet-agents" };
      await refused(422, /clusternet-<hash>/, client.delete(SERVICE_ACCOUNTS, "default", agents));
      const account = serviceAccountName(clusterId);
      const years = { expirationSeconds: 136 * 365 * 86_400 };
      await refused(422, /90 days/, client.createToken("clusternet-agents", account, years));
    });

    await t.step("the hub can grant nothing but a registration's rights", async () => {
      const { client } = hub;
      const labels = { "clusternet.io/created-by": "clusternet-hub" };
      const name = requestName(crypto.randomUUID());
      const rules = [{
        apiGroups: ["proxies.clusternet.io"],
        resources: ["sockets/attach"],
        verbs: ["get"],
        resourceNames: ["x"],
      }];
      const role = { apiVersion: RBAC, kind: "ClusterRole", metadata: { name, labels }, rules };
      const create = (body: unknown): Promise<unknown> => client.create(CLUSTER_ROLES, body);
      await refused(422, /registrations/, create({ ...role, metadata: { name: "mine", labels } }));
      await refused(422, /label/, create({ ...role, metadata: { name } }));
      const all = [{ ...rules[0]!, resourceNames: undefined }];
      await refused(422, /one named object/, create({ ...role, rules: all }));
      const secrets = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }];
      await refused(
        403,
        /attempting to grant|one named object/,
        create({ ...role, rules: secrets }),
      );

      const subject = {
        kind: "ServiceAccount",
        name: "clusternet-hub",
        namespace: "clusternet-system",
      };
      const binding = {
        apiVersion: RBAC,
        kind: "ClusterRoleBinding",
        metadata: { name, labels },
        roleRef: {
          apiGroup: "rbac.authorization.k8s.io",
          kind: "ClusterRole",
          name: "cluster-admin",
        },
        subjects: [subject],
      };
      const bind = client.create(CLUSTER_ROLE_BINDINGS, binding);
      await refused(403, /attempting to grant|registration's role/, bind);
      await refused(422, /registrations/, client.delete(CLUSTER_ROLES, "cluster-admin"));
      await refused(422, /registrations/, client.delete(CLUSTER_ROLE_BINDINGS, "clusternet-hub"));
      const labelled = { "pod-security.kubernetes.io/enforce": "privileged" };
      const namespace = {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "n", labels: labelled },
      };
      await refused(422, /dedicated namespaces/, client.create(NAMESPACES, namespace));
    });

    await t.step("the hub may set caBundle of its APIService, and nothing else of it", async () => {
      const path = "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io";
      type Service = { spec: Record<string, unknown> };
      const put = async (spec: Record<string, unknown>): Promise<Service> => {
        const current = await hub.client.json<Service>(path);
        return await hub.client.json<Service>(path, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...current, spec: { ...current.spec, ...spec } }),
        });
      };
      const caBundle = btoa(parent.caPem);
      assert.equal((await put({ caBundle })).spec.caBundle, caBundle);
      const insecure = { insecureSkipTLSVerify: true, caBundle: undefined };
      await refused(422, /only change spec.caBundle/, put(insecure));
      const service = { name: "other", namespace: "default", port: 443 };
      await refused(422, /only change spec.caBundle/, put({ service }));
    });

    await t.step("deleting the ManagedCluster voids the agent's token", async () => {
      const { request, privateKey } = await newRequest();
      await bootstrap.client.create(CLUSTER_REGISTRATION_REQUESTS, request);
      const { status } = await approved(request.metadata.name!);
      const { token } = await openSealed({ ...privateKey, kty: "EC" }, status!.sealedCredentials!);
      using agent = as(parent, token);
      await agent.client.get(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!);
      const { dedicatedNamespace, managedClusterName } = status!;
      await parent.kubectlOk(["-n", dedicatedNamespace!, "delete", "mcls", managedClusterName!]);
      // The API server believes a good token for 10 s; some more for the last look
      await eventually("the token is void", 12_000, async () => {
        const get = agent.client.get(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!);
        await refused(401, /Unauthorized/, get);
      });
      const denied = await bootstrap.client.get<ClusterRegistrationRequest>(
        CLUSTER_REGISTRATION_REQUESTS,
        request.metadata.name!,
      );
      assert.equal(denied.status?.result, "Denied");
      assert.equal(denied.status?.sealedCredentials, undefined);
    });

    await t.step("the columns are the original's, then ours", async () => {
      const line = async (...args: string[]): Promise<string> =>
        (await parent.kubectlOk(["get", ...args])).split("\n")[0]!;
      assert.match(await line("clsrr"), /^NAME +CLUSTER-ID +STATUS +AGE/);
      assert.match(
        await line("mcls", "-A"),
        /^NAMESPACE +NAME +CLUSTER-ID +CLUSTER-TYPE +KUBERNETES +READYZ +AGE/,
      );
    });

    await t.step("the templates apply as README says", async () => {
      const fill = async (file: string, env: Record<string, string>): Promise<string> => {
        const text = await Deno.readTextFile(`${ROOT}deploy/templates/${file}`);
        return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? ""); // as envsubst
      };
      const PARENTURL = "https://192.168.10.10";
      for (const PARENTCA of ["", btoa(parent.caPem)]) {
        const stdin = await fill("clusternet_agent_secret.yaml", {
          PARENTURL,
          REGTOKEN: SAMPLE_TOKEN,
          PARENTCA,
        });
        await parent.kubectlOk(["apply", "-f", "-"], { stdin });
        const secret = "clusternet-agent-cluster-registration";
        const found = await parent.api.get<{ data: Record<string, string> }>(
          `/api/v1/namespaces/clusternet-system/secrets/${secret}`,
        );
        assert.equal(atob(found.data.parentURL!), PARENTURL);
        assert.equal(atob(found.data.regToken!), SAMPLE_TOKEN);
        assert.equal(found.data.parentCA ?? "", PARENTCA);
      }
      const EXPIRATION = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+/, "");
      const env = { TOKENID: "abcdef", TOKENSECRET: "0123456789abcdef", EXPIRATION };
      const stdin = await fill("clusternet_bootstrap_token.yaml", env);
      await parent.kubectlOk(["apply", "-f", "-"], { stdin });
      using own = as(parent, "abcdef.0123456789abcdef");
      await own.client.get(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!);
      await parent.kubectlOk(["apply", "--dry-run=server", "-f", `${ROOT}deploy/agent`]);
      for (const place of ["parent", "child"]) {
        const directory = `${ROOT}deploy/samples/${place}`;
        await parent.kubectlOk(["apply", "--dry-run=server", "-f", directory]);
      }
    });
  } finally {
    await controllers.idle();
    stop.abort();
    await controllers.stopped;
  }
});
