import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { criLogLine, forwardSpec, kwokConfig } from "./kwok.ts";

const ports = { etcd: 1, etcdPeer: 2, apiserver: 3, kubelet: 10250 };

Deno.test("kwokConfig joins the stages with what pods do", async () => {
  const stages = await Deno.readTextFile(new URL("./kwok_stages.yaml", import.meta.url));
  const documents = parseAllDocuments(kwokConfig(stages, "/d", ports)).map((each) => each.toJS());
  const of = (kind: string): Record<string, never>[] => documents.filter((it) => it?.kind === kind);
  assert.equal(of("Stage").length, 5);
  assert.deepEqual(of("ClusterExec")[0]!.spec, { execs: [{ local: { workDir: "/d/pods" } }] });
  assert.deepEqual(of("ClusterLogs")[0]!.spec, {
    logs: [{ logsFile: "/d/pods/default.log", follow: true }],
  });
  assert.deepEqual(of("ClusterPortForward")[0]!.spec, {
    forwards: [{ target: { address: "127.0.0.1", port: 10250 } }],
  });
});

Deno.test("criLogLine writes as a container runtime does", () => {
  const now = new Date("2026-01-02T03:04:05.678Z");
  assert.equal(criLogLine("a b", "stderr", now), "2026-01-02T03:04:05.678000000Z stderr F a b\n");
});

Deno.test("forwardSpec leads each pod port to its target", () => {
  assert.deepEqual(forwardSpec({ 80: 18080, 443: 18443 }), {
    forwards: [
      { ports: [80], target: { address: "127.0.0.1", port: 18080 } },
      { ports: [443], target: { address: "127.0.0.1", port: 18443 } },
    ],
  });
});
