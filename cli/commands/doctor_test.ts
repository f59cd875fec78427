import assert from "node:assert/strict";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { CliError } from "../context.ts";
import { FakeContext, fakeId, NOW, putCluster, unreachable } from "../testing.ts";
import { type Answers, doctor, lines, patient, refusal, SOCKET } from "./doctor/testing.ts";

Deno.test("doctor CLUSTER walks all the way where nothing is broken", async () => {
  const made = patient();
  putCluster(made.kube, { name: "edge-1" });
  assert.equal(await doctor(made, "edge-1"), 0, made.stdout + made.stderr);
  assert.equal(lines(made, "[!!]").length, 0);
  const said = lines(made, "[ok]").join("\n");
  for (
    const expected of [
      /context "parent", server https:\/\/parent:6443/,
      /the parent answers at https:\/\/parent:6443, v1\.36\.3/,
      /clock agrees/,
      /in the parent you are "alice"/,
      /is Available/,
      /the hub answers, 0\.1\.0/,
      /clusternet-edge-1\/edge-1 is registered/,
      /you may reach the cluster/,
      /the agent is connected, for 60s/,
      /Ready: The agent is connected/,
      /agent 0\.1\.0, hub 0\.1\.0$/m,
      /answers through the tunnel, v1\.35\.0/,
      /in the cluster you are "alice", in platform/,
      /you may do something in its namespace default/,
    ]
  ) assert.match(said, expected);
  assert.match(made.stderr, /Next: `kubectl outreach kubectl edge-1 -- get nodes`/);
});

Deno.test("doctor names the first broken hop, and does not reach those behind it", async () => {
  const made = patient({
    [`GET ${SOCKET}`]: () => [200, {
      status: {
        connected: false,
        disconnectedAt: "2026-01-01T23:55:00Z",
        reason: "it said goodbye",
      },
    }],
  });
  putCluster(made.kube, { name: "edge-1", connected: "False" });
  assert.equal(await doctor(made, "edge-1"), 1);
  assert.deepEqual(lines(made, "[!!]"), [
    "[!!] no agent is connected for 5m: it said goodbye; last heard of 2m ago",
  ]);
  assert.match(made.stdout, /\[!!\].*\n {5}mend: in that cluster, .*logs deploy\/clusternet-agent/);
  assert.match(made.stdout, /\[--\] the API of the cluster, through the tunnel: not reached/);
  assert.match(made.stderr, /^error: broken: tunnel\. Next: mend it/);
  assert.equal(made.kube.count("GET", /proxy\/direct/), 0);
});

Deno.test("doctor tells what is wrong at each hop, and what mends it", async () => {
  const path = (end: string): string => `${SOCKET}/proxy/direct${end}`;
  const cases: [Answers, RegExp, RegExp][] = [
    [
      { "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": () => refusal(401, "no") },
      /does not accept your credentials/,
      /log in anew/,
    ],
    [
      {
        "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": () => [201, {
          status: { userInfo: { username: "system:anonymous" } },
        }],
      },
      /takes you for nobody/,
      /token or a client certificate/,
    ],
    [
      {
        "GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io": () =>
          refusal(404, "no"),
      },
      /the parent has no hub/,
      /kubectl outreach init/,
    ],
    [
      {
        "GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io":
          () => [200, {
            status: {
              conditions: [
                { type: "Available", status: "False", reason: "MissingEndpoints", message: "none" },
              ],
            },
          }],
      },
      /not Available: MissingEndpoints: none/,
      /logs deploy\/clusternet-hub/,
    ],
    [
      { "GET /apis/proxies.clusternet.io/v1alpha1": () => refusal(503, "error trying to reach") },
      /the hub does not answer: error trying to reach/,
      /logs deploy\/clusternet-hub/,
    ],
    [
      { "GET /apis": () => [200, { groups: [] }] },
      /does not serve proxies\.clusternet\.io/,
      /init/,
    ],
    [
      {
        "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": () => [201, {
          status: { allowed: false },
        }],
      },
      /you may not reach the cluster/,
      /--resource-name=0{8}-.*--user=alice/,
    ],
    [
      { [`GET ${path("/version")}`]: () => refusal(502, "connection refused") },
      /API does not answer: connection refused/,
      /does its kube-apiserver run/,
    ],
    [
      { [`GET ${path("/version")}`]: () => refusal(403, "cannot impersonate resource users") },
      /cannot impersonate/,
      /00-rbac\.yaml/,
    ],
    [
      {
        [`POST ${path("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")}`]: () => [201, {
          status: { resourceRules: [{ verbs: ["create"], resources: ["selfsubjectreviews"] }] },
        }],
      },
      /you may do nothing in the cluster's namespace default/,
      /clusterrolebinding parent-view --clusterrole=view --user=alice/,
    ],
  ];
  for (const [answers, what, mend] of cases) {
    const made = patient(answers);
    putCluster(made.kube, { name: "edge-1" });
    assert.equal(await doctor(made, "edge-1"), 1, made.stdout);
    const [found, ...more] = lines(made, "[!!]");
    assert.match(found ?? "", what, made.stdout);
    assert.equal(more.length, 0, made.stdout);
    assert.match(/^ {5}mend: .*$/m.exec(made.stdout)?.[0] ?? "", mend);
  }
});

Deno.test("doctor tells TLS from no way at all, and a kubeconfig that cannot be used", async () => {
  const nowhere = new FakeContext({ transport: unreachable });
  assert.equal(await doctor(nowhere), 1);
  assert.match(nowhere.stdout, /mend: is https:\/\/parent:6443 the right address/);
  assert.match(nowhere.stdout, /\[--\] the hub: not reached/);
  const tls = new FakeContext({
    transport: () => Promise.reject(new Error("unable to verify the first certificate")),
  });
  assert.equal(await doctor(tls), 1);
  assert.match(tls.stdout, /mend: .*certificate-authority-data/);
  const none = new FakeContext();
  none.connect = () => Promise.reject(new CliError("There is no kubeconfig"));
  assert.equal(await doctor(none), 1);
  assert.match(none.stdout, /^\[!!\] There is no kubeconfig\n {5}mend: .*--kubeconfig/);
});

Deno.test("doctor: a wrong clock is broken, and does not hide what is behind it", async () => {
  const made = patient({
    "GET /version": () => [200, { gitVersion: "v1" }],
  });
  made.kube.interceptors.unshift(({ path }) =>
    path === "/version"
      ? Response.json({}, { headers: { Date: new Date(NOW - 3_600_000).toUTCString() } })
      : undefined
  );
  putCluster(made.kube, { name: "edge-1" });
  assert.equal(await doctor(made, "edge-1"), 1);
  assert.match(made.stdout, /\[!!\] this machine's clock is 3600 s ahead of the parent's/);
  assert.match(made.stdout, /\[ok\] the cluster's API answers/);
});

Deno.test("doctor compares the child's clock with the parent's, by the last report", async () => {
  const made = patient();
  const cluster = putCluster(made.kube, { name: "edge-1" });
  const managedFields = [
    { manager: "clusternet-agent", subresource: "status", time: "2026-01-01T23:50:00Z" },
  ];
  made.kube.put("clusters.clusternet.io/managedclusters", {
    ...cluster,
    metadata: { ...cluster.metadata, managedFields },
  });
  assert.equal(await doctor(made, "edge-1"), 1);
  assert.match(
    made.stdout,
    /\[!!\] the clock of the agent's machine is 480 s ahead of the parent's/,
  );
});

Deno.test("doctor without a cluster looks at all in short", async () => {
  const made = patient();
  putCluster(made.kube, { name: "edge-1" });
  putCluster(made.kube, { name: "edge-2", id: fakeId(2), connected: "False" });
  assert.equal(await doctor(made), 1);
  assert.match(made.stdout, /\[ok\] edge-1 is connected and ready/);
  assert.match(
    made.stdout,
    /\[!!\] edge-2: The agent's tunnel is gone\n.*`kubectl outreach doctor edge-2`/,
  );
  const none = patient();
  assert.equal(await doctor(none), 0);
  assert.match(
    none.stdout,
    /\[--\] no cluster has joined yet\n.*token create --print-join-command`/,
  );
});

Deno.test("doctor -o json is for programs, and lets no control character through", async () => {
  const made = patient();
  const cluster = putCluster(made.kube, { name: "edge-1", ready: "False" });
  const conditions = cluster.status!.conditions!.map((one) =>
    one.type === "Ready" ? { ...one, message: "bad\x1b[2J" } : one
  );
  made.kube.put<ManagedCluster>("clusters.clusternet.io/managedclusters", {
    ...cluster,
    status: { ...cluster.status, conditions },
  });
  assert.equal(await doctor(made, "edge-1", "-o", "json"), 1);
  const { healthy, findings } = JSON.parse(made.stdout);
  assert.equal(healthy, false);
  const [broken] = findings.filter((one: { status: string }) => one.status === "broken");
  assert.equal(broken.step, "conditions");
  assert.equal(broken.message, "Ready=False, AgentDisconnected: bad^[[2J");
  assert.ok(broken.mend);
});
