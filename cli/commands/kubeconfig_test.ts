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
import { kubeconfigCommand } from "./kubeconfig.ts";

const FILE = "/home/u/.kube/config";
const SERVER = "https://parent:6443/apis/proxies.clusternet.io/v1alpha1/sockets";
const KUBECONFIG = `# mine, by hand
apiVersion: v1
kind: Config
clusters:
# the parent
- cluster:
    certificate-authority: pki/ca.crt
    server: https://parent:6443/
    tls-server-name: parent.example
  name: parent
- cluster:
    server: https://other
  name: other
contexts:
- context:
    cluster: parent
    namespace: team
    user: me
  name: parent
- context:
    cluster: other
    user: me
  name: other
current-context: parent
preferences: {}
users:
- name: me # who else
  user:
    client-certificate: me.crt
    client-key-data: a2V5
    exec: { command: ./bin/login, args: [ x ] }
`;

function context(options: FakeContextOptions = {}): FakeContext {
  const made = new FakeContext({
    now: () => NOW,
    files: { [FILE]: KUBECONFIG, "/home/u/.kube/pki/ca.crt": "CA", "/home/u/.kube/me.crt": "CRT" },
    ...options,
  });
  putCluster(made.kube, { name: "edge-1", id: fakeId(1) });
  putCluster(made.kube, { name: "edge-2", id: fakeId(2), namespace: "a" });
  putCluster(made.kube, { name: "edge-2", id: fakeId(3), namespace: "b" });
  putCluster(made.kube, { name: "other", id: fakeId(4) });
  return made;
}

async function kubeconfig(made: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(made, [kubeconfigCommand(made)], ["kubeconfig", ...args]);
}

Deno.test("kubeconfig prints a file that needs no other", async () => {
  const made = context();
  assert.equal(await kubeconfig(made, "edge-1", "-n", "apps"), 0);
  const file = parse(made.stdout);
  assert.deepEqual(file.clusters, [{
    cluster: {
      "certificate-authority-data": btoa("CA"),
      server: `${SERVER}/${fakeId(1)}/proxy/direct`,
      "tls-server-name": "parent.example",
    },
    name: "edge-1",
  }]);
  assert.deepEqual(file.contexts, [
    { context: { cluster: "edge-1", namespace: "apps", user: "me" }, name: "edge-1" },
  ]);
  assert.equal(file["current-context"], "edge-1");
  assert.deepEqual(file.users, [{
    name: "me",
    user: {
      "client-certificate-data": btoa("CRT"),
      "client-key-data": "a2V5",
      exec: { command: "/home/u/.kube/bin/login", args: ["x"] },
    },
  }]);
  assert.match(made.stderr, /keep it secret/);
});

Deno.test("kubeconfig --merge adds a context by the user that is there, and keeps the rest", async () => {
  const made = context();
  assert.equal(await kubeconfig(made, "edge-1", "--merge"), 0);
  const text = made.files.get(FILE)!;
  const at = text.indexOf(
    "- cluster:\n    certificate-authority: pki/ca.crt\n    server: https://parent:6443/apis",
  );
  assert.ok(at > 0, text);
  const file = parse(text);
  assert.deepEqual(file.contexts[2], {
    context: { cluster: "edge-1", user: "me" },
    name: "edge-1",
  });
  assert.equal(file.clusters[2].cluster.server, `${SERVER}/${fakeId(1)}/proxy/direct`);
  assert.equal(file["current-context"], "parent");
  // Without what was added, not a byte differs
  const rest = text
    .replace(/- cluster:\n(?: {4}.*\n){3} {2}name: edge-1\n/, "")
    .replace(/- context:\n(?: {4}.*\n){2} {2}name: edge-1\n/, "");
  assert.equal(rest, KUBECONFIG);
  assert.equal(made.modes.get(FILE), undefined);
  assert.match(made.stderr, /Next: `kubectl --context=edge-1 get nodes`/);
  assert.equal(made.stdout, "");
});

Deno.test("kubeconfig --merge twice changes nothing the second time", async () => {
  const made = context();
  await kubeconfig(made, "edge-1", "--merge", "--use");
  const once = made.files.get(FILE);
  assert.equal(parse(once!)["current-context"], "edge-1");
  made.modes.clear();
  // The parent is no longer the current context: it is named
  assert.equal(await kubeconfig(made, "edge-1", "--merge", "--use", "--context", "parent"), 0);
  assert.equal(made.files.get(FILE), once);
  assert.equal(made.modes.size, 0);
  assert.match(made.stderr, /1 context was there already/);
});

Deno.test("kubeconfig --merge keeps a namespace that the user chose since", async () => {
  const made = context();
  await kubeconfig(made, "edge-1", "--merge", "-n", "one");
  await kubeconfig(made, "edge-1", "--merge");
  assert.equal(parse(made.files.get(FILE)!).contexts[2].context.namespace, "one");
  await kubeconfig(made, "edge-1", "--merge", "-n", "two");
  assert.equal(parse(made.files.get(FILE)!).contexts[2].context.namespace, "two");
});

Deno.test("kubeconfig --all names clusters of one name apart, and takes nobody's name", async () => {
  const made = context();
  assert.equal(await kubeconfig(made, "--all", "--merge"), 1);
  const names = parse(made.files.get(FILE)!).contexts.map((one: { name: string }) => one.name);
  assert.deepEqual(names, ["parent", "other", "edge-1", "a/edge-2", "b/edge-2"]);
  assert.match(made.stderr, /context "other" left out: the cluster entry "other" leads to https:/);
  assert.match(made.stderr, /error: Some names are taken.*--name/);
  assert.equal(await kubeconfig(made, "other", "--merge", "--name", "far"), 0);
});

Deno.test("kubeconfig --merge writes into the file of $KUBECONFIG that holds the context", async () => {
  const made = context({
    env: { KUBECONFIG: "/a/missing:/a/first:/home/u/.kube/config" },
    files: {
      "/a/first": "kind: Config\ncurrent-context: parent\n",
      [FILE]: KUBECONFIG,
    },
  });
  assert.equal(await kubeconfig(made, "edge-1", "--merge", "--use"), 0);
  assert.match(made.files.get(FILE)!, /name: edge-1/);
  // kubectl goes by the first current-context
  assert.equal(made.files.get("/a/first"), "kind: Config\ncurrent-context: edge-1\n");
});

Deno.test("kubeconfig --output is 0600 and overwrites only what it wrote itself", async () => {
  const made = context();
  assert.equal(await kubeconfig(made, "edge-1", "--output", "/tmp/e1"), 0);
  assert.equal(made.modes.get("/tmp/e1"), 0o600);
  assert.equal(await kubeconfig(made, "--all", "--output", "/tmp/e1"), 0);
  assert.equal(parse(made.files.get("/tmp/e1")!)["current-context"], undefined);
  assert.equal(await kubeconfig(made, "edge-1", "--output", FILE), 1);
  assert.match(made.stderr, /exists and holds something else/);
  assert.equal(made.files.get(FILE), KUBECONFIG);
});

Deno.test("kubeconfig refuses a wrong command line with exit code 2", async () => {
  const wrong = [
    [],
    ["edge-1", "--all"],
    ["--all", "--name", "x"],
    ["--all", "--merge", "--use"],
    ["edge-1", "--use"],
    ["edge-1", "--merge", "--output", "x"],
  ];
  for (const args of wrong) {
    const made = context();
    assert.equal(await kubeconfig(made, ...args), 2, args.join(" "));
    assert.match(made.stderr, /Next: see --help/);
  }
});

Deno.test("kubeconfig tells clusters of one name apart, and names those that there are", async () => {
  const [several, none] = [context(), context()];
  assert.equal(await kubeconfig(several, "edge-2"), 1);
  assert.match(several.stderr, /2 clusters: a\/edge-2 \(\S+0002\), b\/edge-2/);
  assert.equal(await kubeconfig(several, "b/edge-2"), 0);
  assert.equal(await kubeconfig(several, fakeId(2).toUpperCase()), 0);
  assert.equal(await kubeconfig(none, "edge-9"), 1);
  assert.match(none.stderr, /registered: edge-1, a\/edge-2, b\/edge-2, other/);
});

Deno.test("kubeconfig never quotes what stands in a broken file", async () => {
  const made = context({ files: { [FILE]: `${KUBECONFIG}users:\n- token: "s3cret\n` } });
  await assert.rejects(kubeconfig(made, "edge-1", "--merge"), (error: Error) => {
    assert.doesNotMatch(error.message, /s3cret/);
    return true;
  });
});
