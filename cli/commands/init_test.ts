import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { NO_MACHINE, withApply, withBasics } from "../install/testing.ts";
import { FakeContext, runCli } from "../testing.ts";
import { initCommand } from "./init.ts";

function parent(aggregation = true): FakeContext {
  const context = new FakeContext();
  withBasics(context.kube);
  withApply(context.kube);
  context.kube.put("/configmaps", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" },
    data: aggregation ? { "requestheader-client-ca-file": "PEM" } : {},
  });
  return context;
}

async function init(context: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(context, [initCommand(context, NO_MACHINE)], ["init", ...args]);
}

Deno.test("init --dry-run prints what would be applied, and asks nobody", async () => {
  const context = new FakeContext();
  const args = ["--dry-run", "--image", "r/hub:1", "--replicas", "3", "--approval", "manual"];
  assert.equal(await init(context, ...args), 0);
  assert.equal(context.connects.length, 0);
  const objects = parseAllDocuments(context.stdout).map((one) => one.toJS());
  const { spec } = objects.find(({ kind }) => kind === "Deployment");
  assert.equal(spec.replicas, 3);
  const [hub] = spec.template.spec.containers;
  assert.equal(hub.image, "r/hub:1");
  assert.deepEqual(hub.args.filter((arg: string) => arg.startsWith("--approval")), [
    "--approval=manual",
  ]);
});

Deno.test("init applies, prints the join command, and is harmless again", async () => {
  const context = parent();
  const args = ["--wait=false", "--image", "r/clusternet-hub:1"];
  assert.equal(await init(context, ...args), 0, context.stderr);
  assert.match(context.stdout, /^namespace\/clusternet-system created$/m);
  assert.match(context.stdout, /^kubectl outreach join .* --image r\/clusternet-agent:1$/m);
  context.stdout = "";
  context.kube.remove("/secrets", "bootstrap-token-hhhhhh", "kube-system"); // Its dice never change
  assert.equal(await init(context, ...args), 0, context.stderr);
  assert.doesNotMatch(context.stdout, /created|configured/);
  assert.match(context.stdout, /^deployment.apps\/clusternet-hub unchanged$/m);
});

Deno.test("init changes nothing where a check fails", async () => {
  const plain = parent(false);
  assert.equal(await init(plain), 1);
  assert.match(plain.stderr, /ERROR: the aggregation layer is not configured/);
  assert.match(plain.stderr, /nothing was changed/);
  const taken = parent();
  taken.kube.put("apiregistration.k8s.io/apiservices", {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1alpha1.proxies.clusternet.io" },
    spec: { service: { name: "other", namespace: "ns" } },
  });
  assert.equal(await init(taken), 1);
  assert.match(taken.stderr, /leads to Service ns\/other: another hub/);
  const weak = new FakeContext();
  withBasics(weak.kube, (verb) => verb === "patch");
  assert.equal(await init(weak), 1);
  assert.match(weak.stderr, /may not: patch namespaces;.* and \d+ more/);
  for (const { kube } of [plain, taken, weak]) assert.equal(kube.count("PATCH", /./), 0);
});
