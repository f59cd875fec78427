import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { resourceOf, typeName } from "./kinds.ts";
import { agentLeftovers, agentObjects, hubAdminsBinding, hubObjects } from "./manifests.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  const files = [...Deno.readDirSync(new URL(directory, DEPLOY))].map(({ name }) => name).sort();
  for (const file of files) {
    const text = await Deno.readTextFile(new URL(`${directory}${file}`, DEPLOY));
    for (const document of parseAllDocuments(text)) {
      const { kind, metadata } = document.toJS();
      names.push(`${kind}/${metadata.name}`);
    }
  }
  return names;
}

Deno.test("hubObjects carries every object of deploy/hub, in the order of its files", async () => {
  const carried = hubObjects().map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  assert.deepEqual(carried, await namesIn("hub/"));
  for (const object of hubObjects()) {
    assert.equal(resourceOf(object).namespaced, object.metadata.namespace !== undefined);
  }
});

Deno.test("agentObjects carries deploy/agent with namespace and Secret, the Deployment last", async () => {
  const objects = agentObjects({
    image: "r/agent:1",
    flags: { "--cluster-reg-name": "edge-1" },
    hubUrl: "https://hub",
    token: "a.b",
    ca: "PEM",
  });
  const carried = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  assert.deepEqual(
    [...carried].sort(),
    [
      ...await namesIn("agent/"),
      "Namespace/clusternet-system",
      "Secret/clusternet-agent-cluster-registration",
    ].sort(),
  );
  assert.equal(carried[0], "Namespace/clusternet-system");
  assert.equal(carried.at(-1), "Deployment/clusternet-agent");
  const { spec } = objects.at(-1) as never as {
    spec: { template: { spec: { containers: [{ image: string; args: string[] }] } } };
  };
  const [agent] = spec.template.spec.containers;
  assert.equal(agent.image, "r/agent:1");
  assert.equal(agent.args.at(-1), "--cluster-reg-name=edge-1");
  const { data } = objects.find(({ kind }) => kind === "Secret") as { data?: unknown };
  assert.deepEqual(data, {
    parentURL: btoa("https://hub"),
    regToken: btoa("a.b"),
    parentCA: btoa("PEM"),
  });
});

Deno.test("agentLeftovers and hubAdminsBinding name what unjoin and --grant-hub-admins touch", async () => {
  const left = agentLeftovers().map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  assert.deepEqual([...left].sort(), (await namesIn("agent/")).sort());
  assert.equal((hubAdminsBinding("view").roleRef as { name: string }).name, "view");
  assert.equal(
    typeName(resourceOf(hubAdminsBinding("view")), "x"),
    "clusterrolebinding.rbac.authorization.k8s.io/x",
  );
});
