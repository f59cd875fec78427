import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  FakeContext,
  type FakeContextOptions,
  fakeId,
  type FakeRun,
  NOW,
  putCluster,
  runCli,
} from "../testing.ts";
import type { Ran } from "../context.ts";
import { eachCommand } from "./each.ts";

const KUBECONFIG = `
clusters: [{ name: c, cluster: { server: "https://parent:6443" } }]
contexts: [{ name: parent, context: { cluster: c, user: me } }]
`;

/** Answers by the number that the cluster's id ends with. */
function fleet(
  answer: (end: number, run: FakeRun) => Partial<Ran> | Promise<Partial<Ran>>,
  options: FakeContextOptions = {},
): FakeContext {
  const made: FakeContext = new FakeContext({
    now: () => NOW,
    files: { "/home/u/.kube/config": KUBECONFIG },
    run: async (run) => {
      const text = made.files.get(run.env.KUBECONFIG!.split(":")[0]!)!;
      const end = Number(/sockets\/\S*?0*([0-9]+)\/proxy/.exec(text)![1]);
      return { code: 0, stdout: "", stderr: "", ...await answer(end, run) };
    },
    ...options,
  });
  putCluster(made.kube, { name: "b", id: fakeId(2) });
  putCluster(made.kube, { name: "a", id: fakeId(1), labels: { x: "y" } });
  return made;
}

async function each(made: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(made, [eachCommand(made)], ["each", ...args]);
}

const NODES: Readonly<Record<number, string>> = {
  1: "NAME   STATUS   AGE\nn1     Ready    5d\n",
  2: "NAME               STATUS                     AGE\n" +
    "a-long-node-name   Ready,SchedulingDisabled   2d\nm                  Ready                      3h\n",
};

Deno.test("each merges tables: one header, aligned over all clusters, in the order of names", async () => {
  const made = fleet((end) => ({ stdout: NODES[end]! }));
  assert.equal(await each(made, "--", "get", "nodes"), 0);
  assert.equal(
    made.stdout,
    `CLUSTER   NAME               STATUS                     AGE
a         n1                 Ready                      5d
b         a-long-node-name   Ready,SchedulingDisabled   2d
b         m                  Ready                      3h
`,
  );
  assert.equal(made.stderr, "");
  assert.deepEqual(made.runs[0]?.args, ["--request-timeout=30s", "get", "nodes"]);
});

Deno.test("each --no-headers, before or behind --, leaves the header out", async () => {
  for (
    const args of [["--no-headers", "--", "get", "nodes"], ["--", "get", "nodes", "--no-headers"]]
  ) {
    const made = fleet((end) => ({ stdout: NODES[end]! }));
    await each(made, ...args);
    assert.doesNotMatch(made.stdout, /NAME/);
    assert.match(made.stdout, /^a +n1 +Ready +5d\n/);
    assert.deepEqual(made.runs[0]?.args.slice(1), ["get", "nodes"]);
  }
});

Deno.test("each keeps tables with other columns apart", async () => {
  const made = fleet((end) => ({ stdout: end === 1 ? NODES[1]! : "NAME   PHASE\nx      Up\n" }));
  await each(made, "--", "get", "things");
  assert.equal(
    made.stdout,
    "CLUSTER   NAME   STATUS   AGE\na         n1     Ready    5d\n\nCLUSTER   NAME   PHASE\nb         x      Up\n",
  );
});

Deno.test("each puts the cluster's name before any other output", async () => {
  const made = fleet((end) => ({ stdout: `line 1 of ${end}\n\nno end` }));
  assert.equal(await each(made, "--", "logs", "web"), 0);
  assert.equal(made.stdout, "a: line 1 of 1\na: \na: no end\nb: line 1 of 2\nb: \nb: no end\n");
});

Deno.test("each -o json and yaml make one List with annotations", async () => {
  const answer = (end: number): Partial<Ran> => ({
    stdout: JSON.stringify(
      end === 1
        ? {
          kind: "List",
          items: [{ kind: "Node", metadata: { name: "n1", annotations: { k: "v" } } }],
        }
        : { kind: "Node", metadata: { name: "n2" } },
    ),
  });
  const expected = [
    {
      kind: "Node",
      metadata: { name: "n1", annotations: { k: "v", "clusternet.io/cluster": "a" } },
    },
    { kind: "Node", metadata: { name: "n2", annotations: { "clusternet.io/cluster": "b" } } },
  ];
  const [json, yaml] = [fleet(answer), fleet(answer)];
  assert.equal(await each(json, "--", "get", "nodes", "-o", "json"), 0);
  assert.deepEqual(JSON.parse(json.stdout).items, expected);
  assert.equal(await each(yaml, "--", "get", "nodes", "-oyaml"), 0);
  assert.deepEqual(parse(yaml.stdout).items, expected);
  assert.deepEqual(yaml.runs[0]?.args.slice(1), ["get", "nodes", "--output=json"]);
});

Deno.test("each: one cluster that fails fails alone, and the exit code is 1", async () => {
  const made = fleet((end) =>
    end === 1 ? { code: 1, stderr: "error: no\n" } : { stdout: NODES[2]!, stderr: "Warning: w\n" }
  );
  putCluster(made.kube, { name: "c", id: fakeId(3), connected: "False" });
  assert.equal(await each(made, "--", "get", "nodes"), 1);
  assert.match(made.stdout, /^b +m +Ready/m);
  assert.match(made.stderr, /^a: error: no$/m);
  assert.match(made.stderr, /^b: Warning: w$/m);
  assert.match(made.stderr, /^c: skipped, it is not connected: The agent's tunnel is gone$/m);
  assert.match(
    made.stderr,
    /^error: 2 of 3 clusters failed: a \(exit code 1\), c \(not connected\)\. Next: .*doctor a`$/m,
  );
  assert.equal(made.runs.length, 2);
});

Deno.test("each -l takes the clusters with those labels", async () => {
  const made = fleet((end) => ({ stdout: NODES[end]! }));
  assert.equal(await each(made, "-l", "x=y", "--", "get", "nodes"), 0);
  assert.equal(made.runs.length, 1);
  const none = fleet(() => ({}));
  assert.equal(await each(none, "-l", "x=z", "--", "get", "nodes"), 0);
  assert.match(none.stderr, /No clusters\. Next/);
});

Deno.test("each runs no more than --parallel at once, and gives each its time", async () => {
  let [now, most] = [0, 0];
  const made = fleet(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now--;
    return {};
  });
  for (let end = 3; end < 20; end++) putCluster(made.kube, { name: `n${end}`, id: fakeId(end) });
  assert.equal(await each(made, "--parallel", "3", "--timeout", "7s", "--", "get", "x"), 0);
  assert.equal(most, 3);
  assert.equal(made.runs.length, 19);
  assert.equal(made.runs[0]?.args[0], "--request-timeout=7s");
});

Deno.test("each shows its progress on a terminal alone", async () => {
  const made = fleet(() => ({}), { terminal: { out: false, err: true } });
  await each(made, "--", "get", "x");
  assert.ok(made.stderr.includes("\r\x1b[K1 of 2 clusters done "));
  assert.ok(made.stderr.endsWith("\r\x1b[K"));
});

Deno.test("each: a wrong command line is 2, no kubectl is 1", async () => {
  assert.equal(await each(fleet(() => ({}))), 2);
  assert.equal(await each(fleet(() => ({})), "--parallel", "0", "--", "get", "x"), 2);
  assert.equal(await each(fleet(() => ({})), "--", "get", "x", "-w"), 2);
  const none = new FakeContext({ files: { "/home/u/.kube/config": KUBECONFIG } });
  putCluster(none.kube, { name: "a" });
  assert.equal(await each(none, "--", "get", "x"), 1);
  assert.match(none.stderr, /no kubectl on your PATH/);
});
