import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  FakeContext,
  type FakeContextOptions,
  fakeId,
  NOW,
  putCluster,
  runCli,
} from "../testing.ts";
import { clustersCommand } from "./clusters.ts";

const REQUESTS = "clusters.clusternet.io/clusterregistrationrequests";

function context(options: FakeContextOptions = {}): FakeContext {
  const made = new FakeContext({ now: () => NOW, ...options });
  putCluster(made.kube, { name: "edge-2", id: fakeId(2), connected: "False" });
  putCluster(made.kube, { name: "edge-1", id: fakeId(1), labels: { region: "eu" } });
  return made;
}

async function clusters(made: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(made, [clustersCommand(made)], ["clusters", ...args]);
}

Deno.test("clusters prints a table sorted by name", async () => {
  const made = context();
  assert.equal(await clusters(made), 0);
  const [header, one, two, end] = made.stdout.split("\n");
  assert.match(header!, /^NAME +CLUSTER-ID +KUBERNETES +READY +CONNECTED +HEARTBEAT +AGE$/);
  assert.match(one!, /^edge-1 +\S+0001 +v1\.36\.3 +True +True +2m +/);
  assert.match(two!, /^edge-2 +\S+0002 +v1\.36\.3 +Unknown +False +2m +/);
  assert.equal(end, "");
  assert.equal(made.stderr, "");
});

Deno.test("clusters -o wide says why", async () => {
  const made = context();
  assert.equal(await clusters(made, "-o", "wide", "--no-headers"), 0);
  assert.doesNotMatch(made.stdout, /NAME/);
  assert.match(
    made.stdout,
    /linux\/amd64 +0\.1\.0 +clusternet-edge-2 +The agent's tunnel is gone$/m,
  );
});

Deno.test("clusters HEARTBEAT goes by the parent's clock, not by the child's", async () => {
  const made = new FakeContext({ now: () => NOW });
  const cluster = putCluster(made.kube, {
    name: "a",
    status: { lastObservedTime: "2026-01-05T00:00:00Z", conditions: [] },
  });
  const managedFields = [
    { manager: "clusternet-agent", subresource: "status", time: "2026-01-01T23:59:30Z" },
  ];
  made.kube.put("clusters.clusternet.io/managedclusters", {
    ...cluster,
    metadata: { ...cluster.metadata, managedFields },
  });
  assert.equal(await clusters(made, "--no-headers"), 0);
  assert.match(made.stdout, / Unknown +Unknown +30s +/);
});

Deno.test("clusters -o json, yaml and name are for programs", async () => {
  const names = ["edge-1", "edge-2"];
  const [json, yaml, name] = [context(), context(), context()];
  await clusters(json, "-o", "json");
  const list = JSON.parse(json.stdout);
  assert.equal(list.kind, "List");
  assert.deepEqual(
    list.items.map((one: { metadata: { name: string } }) => one.metadata.name),
    names,
  );
  await clusters(yaml, "-oyaml");
  assert.equal(parse(yaml.stdout).items.length, 2);
  await clusters(name, "-o", "name", "-l", "region=eu");
  assert.equal(name.stdout, "managedcluster.clusters.clusternet.io/edge-1\n");
});

Deno.test("clusters says how to join one where there is none, and prints an empty List", async () => {
  const [table, json] = [new FakeContext(), new FakeContext()];
  assert.equal(await clusters(table), 0);
  assert.equal(table.stdout, "");
  assert.match(
    table.stderr,
    /`kubectl outreach token create --print-join-command` prints the command/,
  );
  await clusters(json, "-o", "json");
  assert.deepEqual(JSON.parse(json.stdout).items, []);
});

Deno.test("clusters names requests that wait, with the command that accepts them", async () => {
  const made = context();
  const put = (end: number, status?: unknown): void => {
    made.kube.put(REQUESTS, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ClusterRegistrationRequest",
      metadata: { name: `clusternet-${fakeId(end)}` },
      spec: { clusterId: fakeId(end), clusterName: "new\x1b[2J" },
      ...(status === undefined ? {} : { status }),
    });
  };
  put(7);
  put(8, { result: "Approved" });
  put(9, { conditions: [{ type: "Denied", status: "True" }] });
  assert.equal(await clusters(made), 0);
  assert.match(made.stderr, /1 registration request waits/);
  assert.match(made.stderr, /kubectl outreach accept \S+0007 {3}# calls itself new\^\[\[2J/);
  assert.doesNotMatch(made.stderr, /0008|0009/);
});

Deno.test("clusters without a hub, or without the right, says what to do", async () => {
  for (const [code, expected] of [[404, /init/], [403, /verbs get, list and watch/]] as const) {
    const made = new FakeContext();
    made.kube.interceptors.push(() =>
      Response.json({ kind: "Status", code, message: "no" }, { status: code })
    );
    assert.equal(await clusters(made), 1);
    assert.match(made.stderr, expected);
    assert.equal(made.stdout, "");
  }
});

Deno.test("clusters refuses a format that it does not know with exit code 2", async () => {
  const made = context();
  assert.equal(await clusters(made, "-o", "xml"), 2);
  assert.match(made.stderr, /wide, json, yaml, name/);
});

Deno.test("clusters -w follows until the user ends it", async () => {
  const ended = new AbortController();
  const made = context({ signal: ended.signal });
  const running = clusters(made, "-w");
  const until = async (pattern: RegExp): Promise<void> => {
    for (let tries = 0; !pattern.test(made.stdout); tries++) {
      assert.ok(tries < 200, made.stdout);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until(/edge-2/);
  putCluster(made.kube, { name: "edge-3", id: fakeId(3) });
  await until(/edge-3/);
  putCluster(made.kube, { name: "edge-2", id: fakeId(2) });
  await until(/edge-2.*\n(.*\n)*edge-2 .* True +True/);
  made.kube.remove("clusters.clusternet.io/managedclusters", "edge-3", "clusternet-edge-3");
  await until(/edge-3.*\n(.*\n)*edge-3/);
  ended.abort();
  assert.equal(await running, 0);
  assert.equal(made.stdout.match(/NAME/g)?.length, 1);
  assert.equal(made.stdout.match(/^edge-1/gm)?.length, 1);
});
