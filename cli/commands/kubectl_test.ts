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
import { kubectlCommand } from "./kubectl.ts";

const KUBECONFIG = `
clusters: [{ name: c, cluster: { server: "https://parent:6443", certificate-authority: ca.crt } }]
contexts: [{ name: parent, context: { cluster: c, user: me, namespace: team } }]
users: [{ name: me, user: { token: s3cret } }]
`;

function context(options: FakeContextOptions = {}): FakeContext {
  const made = new FakeContext({
    now: () => NOW,
    files: { "/home/u/.kube/config": KUBECONFIG },
    run: () => ({ code: 0, stdout: "", stderr: "" }),
    ...options,
  });
  putCluster(made.kube, { name: "edge-1", id: fakeId(1) });
  putCluster(made.kube, { name: "edge-2", id: fakeId(2), connected: "False" });
  return made;
}

async function kubectl(made: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(made, [kubectlCommand(made)], ["kubectl", ...args]);
}

Deno.test("kubectl is given the arguments as they are, and no secret in a file", async () => {
  const made = context();
  assert.equal(await kubectl(made, "edge-1", "--", "exec", "-it", "web", "--", "sh", "-c", "a"), 0);
  const [run] = made.runs;
  assert.equal(run?.program, "kubectl");
  assert.deepEqual(run?.args, ["exec", "-it", "web", "--", "sh", "-c", "a"]);
  const [first, second] = run!.env.KUBECONFIG!.split(":");
  assert.equal(second, "/home/u/.kube/config");
  assert.equal(made.modes.get(first!), 0o600);
  const text = made.files.get(first!)!;
  assert.doesNotMatch(text, /s3cret/);
  const file = parse(text);
  const context_ = file.contexts[0].context;
  assert.deepEqual([context_.user, context_.namespace], ["me", undefined]);
  assert.deepEqual(file.clusters[0].cluster, {
    server: `https://parent:6443/apis/proxies.clusternet.io/v1alpha1/sockets/${
      fakeId(1)
    }/proxy/direct`,
    "certificate-authority": "/home/u/.kube/ca.crt",
  });
  await assert.rejects(Deno.stat(first!.slice(0, first!.lastIndexOf("/"))), Deno.errors.NotFound);
});

Deno.test("kubectl's exit code is the program's, without a word of ours", async () => {
  const made = context({ run: () => ({ code: 42, stdout: "", stderr: "no\n" }) });
  assert.equal(await kubectl(made, "edge-1", "--", "get", "x"), 42);
  assert.equal(made.stderr, "no\n");
});

Deno.test("kubectl warns that a cluster is not connected, and tries", async () => {
  const made = context();
  assert.equal(await kubectl(made, "edge-2", "--", "get", "ns"), 0);
  assert.match(made.stderr, /warning: edge-2 is not connected: The agent's tunnel is gone/);
  assert.match(made.stderr, /`kubectl outreach doctor edge-2`/);
});

Deno.test("kubectl says where to get kubectl", async () => {
  const made = new FakeContext({ files: { "/home/u/.kube/config": KUBECONFIG } });
  putCluster(made.kube, { name: "edge-1" });
  assert.equal(await kubectl(made, "edge-1", "--", "get", "ns"), 1);
  assert.match(made.stderr, /no kubectl on your PATH.*kubernetes\.io\/docs\/tasks\/tools/);
});

Deno.test("kubectl without a cluster is a wrong command line", async () => {
  assert.equal(await kubectl(context()), 2);
});
