import assert from "node:assert/strict";
import { KINDS } from "../../kinds/kinds.ts";
import { kind, NOW, object } from "../testing.ts";
import { printerOf } from "./printers.ts";

function cells(plural: string, name: string, fields: Record<string, unknown>): unknown[] {
  const of = kind(plural);
  return printerOf(of)!.cells(object(of, name, fields), NOW);
}

Deno.test("printerOf has a printer for each kind that is stored, for empty objects too", () => {
  for (const each of KINDS) {
    const printer = printerOf(each);
    assert.equal(printer !== undefined, each.verbs.includes("list"), each.plural);
    if (printer === undefined) continue;
    const row = printer.cells({ metadata: {} }, NOW);
    assert.equal(row.length, printer.columns.length);
    // Whatever stands in an object, a row comes out
    const odd = { metadata: { labels: null }, spec: 1, status: [], subjects: {}, data: "x" };
    assert.equal(printer.cells(odd, NOW).length, printer.columns.length);
  }
});

Deno.test("Rows are those of kube-apiserver", () => {
  assert.deepEqual(cells("configmaps", "a", { data: { k: "v", l: "w" }, binaryData: { b: "" } }), [
    "a",
    3,
    "60s",
  ]);
  assert.deepEqual(cells("secrets", "s", { type: "Opaque", data: { a: "" } }), [
    "s",
    "Opaque",
    1,
    "60s",
  ]);
  assert.deepEqual(cells("namespaces", "n", { status: { phase: "Active" } }), [
    "n",
    "Active",
    "60s",
  ]);
  assert.deepEqual(cells("serviceaccounts", "sa", {}), ["sa", "60s"]);
  assert.deepEqual(cells("leases", "l", { spec: { holderIdentity: "me" } }), ["l", "me", "60s"]);
  assert.deepEqual(cells("roles", "r", {}), ["r", "2026-11-25T12:59:00Z"]);
  assert.deepEqual(
    cells("rolebindings", "rb", {
      roleRef: { kind: "Role", name: "r" },
      subjects: [
        { kind: "User", name: "u1" },
        { kind: "User", name: "u2" },
        { kind: "Group", name: "g1" },
        { kind: "ServiceAccount", name: "sa", namespace: "part-b" },
      ],
    }),
    ["rb", "Role/r", "60s", "u1, u2", "g1", "part-b/sa"],
  );
});

Deno.test("Rows of nodes are those of kube-apiserver", () => {
  const node = {
    labels: {
      "node-role.kubernetes.io/b": "",
      "node-role.kubernetes.io/a": "",
      "kubernetes.io/role": "zz",
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      nodeInfo: {
        kubeletVersion: "v1",
        kernelVersion: "5.1",
        architecture: "arm64",
        containerRuntimeVersion: "c",
        osImage: "",
      },
    },
  };
  assert.deepEqual(cells("nodes", "n", node), [
    "n",
    "Ready,SchedulingDisabled",
    "a,b,zz",
    "60s",
    "v1",
    "127.0.0.1",
    "<none>",
    "<unknown>",
    "5.1 (arm64)",
    "c",
  ]);
  const unknown = "<unknown>", none = "<none>";
  assert.deepEqual(cells("nodes", "n", {}), [
    "n",
    "Unknown",
    none,
    "60s",
    "",
    none,
    none,
    unknown,
    unknown,
    unknown,
  ]);
});

Deno.test("Rows of events are those of kube-apiserver", () => {
  const involvedObject = { kind: "ConfigMap", name: "a", fieldPath: "data.k" };
  assert.deepEqual(
    cells("events", "e1", {
      type: "Warning",
      reason: "Boo",
      message: "It went\nwrong  ",
      involvedObject,
      source: { component: "me", host: "h" },
      firstTimestamp: "2026-11-25T12:00:00Z",
      lastTimestamp: "2026-11-25T12:30:00Z",
      count: 7,
    }),
    ["30m", "Warning", "Boo", "configmap/a", "data.k", "me, h", "It went\nwrong", "60m", 7, "e1"],
  );
  assert.deepEqual(
    cells("events", "e2", {
      involvedObject,
      reportingComponent: "rc",
      reportingInstance: "ri",
      eventTime: "2026-11-25T12:00:00.000000Z",
      series: { count: 3, lastObservedTime: "2026-11-25T12:40:00.000000Z" },
    }),
    ["20m", "", "", "configmap/a", "data.k", "rc, ri", "", "60m", 3, "e2"],
  );
  assert.deepEqual(cells("events", "e3", { involvedObject: { kind: "", name: "a" } }), [
    "<unknown>",
    "",
    "",
    "/a",
    "",
    "",
    "",
    "<unknown>",
    1,
    "e3",
  ]);
});

Deno.test("Rows of our own kinds follow their CustomResourceDefinitions", () => {
  const { columns } = printerOf(kind("managedclusters"))!;
  assert.deepEqual(columns.map(({ name }) => name), [
    "Name",
    "CLUSTER-ID",
    "CLUSTER-TYPE",
    "KUBERNETES",
    "READYZ",
    "AGE",
    "READY",
    "CONNECTED",
    "AGENT",
    "PLATFORM",
    "MESSAGE",
  ]);
  assert.deepEqual(columns[5], {
    name: "AGE",
    type: "date",
    format: "",
    description:
      "Custom resource definition column (in JSONPath format): .metadata.creationTimestamp",
    priority: 0,
  });
  const conditions = [
    { type: "Ready", status: "True", message: "m" },
    { type: "Connected", status: "False", message: "" },
  ];
  assert.deepEqual(
    cells("managedclusters", "mc", {
      spec: { clusterId: "id", clusterType: "T" },
      status: { readyz: true, k8sVersion: "v1", conditions },
    }),
    ["mc", "id", "T", "v1", "true", "60s", "True", "False", null, null, "m"],
  );
  assert.equal(printerOf(kind("clusterregistrationrequests"))!.columns.length, 7);
});
