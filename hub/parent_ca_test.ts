import assert from "node:assert/strict";
import { inClusterConfig } from "../shared/kube/in_cluster.ts";
import { loadKubeConfig } from "../shared/kube/kubeconfig.ts";
import { memoryLog } from "../shared/log.ts";
import { followParentCa } from "./parent_ca.ts";

const pem = (name: string): string =>
  `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

function files(initial: Record<string, string>): {
  texts: Record<string, string>;
  readTextFile: (path: string) => Promise<string>;
} {
  const texts = { ...initial };
  return {
    texts,
    readTextFile: (path) =>
      texts[path] === undefined
        ? Promise.reject(new Deno.errors.NotFound(path))
        : Promise.resolve(texts[path]),
  };
}

Deno.test("followParentCa() reads a Pod's CA anew, and keeps the last while it cannot", async () => {
  const { texts, readTextFile } = files({ "/sa/token": "t", "/sa/ca.crt": pem("old") });
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
  const log = memoryLog();
  const { config, parentCa } = await followParentCa({
    load: (read) => inClusterConfig({ env, dir: "/sa", readTextFile: read }),
    log,
    readTextFile,
  });
  assert.equal(config.ca, pem("old"));
  assert.equal(await parentCa(), pem("old"));
  assert.deepEqual(log.lines, []);
  texts["/sa/ca.crt"] = pem("new");
  assert.equal(await parentCa(), pem("new"));
  texts["/sa/ca.crt"] = "half of a";
  assert.equal(await parentCa(), pem("new"));
  delete texts["/sa/ca.crt"];
  assert.equal(await parentCa(), pem("new"));
  assert.deepEqual(log.lines.map(({ level }) => level), ["info", "warn", "warn"]);
});

Deno.test("followParentCa() reads a kubeconfig's CA file anew; inline data stays", async () => {
  const kubeconfig = (cluster: string): string =>
    `apiVersion: v1
kind: Config
current-context: c
contexts: [{ name: c, context: { cluster: p, user: u } }]
clusters: [{ name: p, cluster: { server: "https://parent:6443", ${cluster} } }]
users: [{ name: u, user: { token: abc } }]
`;
  const { texts, readTextFile } = files({
    "/k/file": kubeconfig("certificate-authority: ca.pem"),
    "/k/inline": kubeconfig(`certificate-authority-data: ${btoa(pem("inline"))}`),
    "/k/ca.pem": pem("old"),
  });
  const of = (path: string): ReturnType<typeof followParentCa> =>
    followParentCa({
      load: (read) => loadKubeConfig({ path, readTextFile: read }),
      log: memoryLog(),
      readTextFile,
    });
  const file = await of("/k/file");
  texts["/k/ca.pem"] = pem("new");
  assert.equal(await file.parentCa(), pem("new"));
  assert.equal(await (await of("/k/inline")).parentCa(), pem("inline"));
});
