/**
 * The same kubectl commands on a real kube-apiserver and on the embedded API: output and exit
 * codes must agree, or the command says why only its exit code does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { startCluster } from "../cluster/cluster.ts";
import type { KubectlResult } from "../cluster/kubectl.ts";
import { ROOT } from "../e2e/programs.ts";
import { startStandaloneHub } from "../standalone/standalone_hub.ts";
import { type Command, SCRIPT } from "./kubectl_script.ts";

type Kubectl = (args: readonly string[], options: { stdin?: string }) => Promise<KubectlResult>;

async function execute(kubectl: Kubectl, command: Command): Promise<KubectlResult> {
  for (let left = 100;; left--) {
    const { args, stdin, untilCode } = command;
    const result = await kubectl(args, stdin === undefined ? {} : { stdin });
    if (untilCode === undefined || result.code === untilCode || left === 0) return result;
    await delay(100);
  }
}

/** What may differ between two servers that do the same. */
function normalised(output: string): string {
  return output
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, "UID")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME")
    .replace(/resourceVersion: "\d+"/g, "resourceVersion: VERSION")
    .replace(/resourceVersion\\":\\"\d+/g, 'resourceVersion\\":\\"VERSION')
    .replace(/(kubernetes|clusternet)-admin/g, "ADMIN")
    .replace(/X509SHA256=[0-9a-f]+/g, "FINGERPRINT")
    .replace(/https:\/\/127\.0\.0\.1:\d+/g, "SERVER")
    .replace(/\b(\d+[smh])+\b/g, "AGE")
    .replace(/ {2,}/g, "  ").replace(/ +$/gm, "");
}

Deno.test("kubectl says the same of both, command by command", async () => {
  assert.ok(SCRIPT.length >= 40);
  await using cluster = await startCluster({ name: "real" });
  await using hub = await startStandaloneHub();
  for (const file of ["01-crd-clusterregistrationrequests", "02-crd-managedclusters"]) {
    await cluster.kubectlOk(["apply", "-f", `${ROOT}deploy/hub/${file}.yaml`]);
  }
  await cluster.kubectlOk(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  const faults: string[] = [];
  for (const command of SCRIPT) {
    const [real, embedded] = await Promise.all([
      execute((args, options) => cluster.kubectl(args, options), command),
      execute((args, options) => hub.kubectl(args, options), command),
    ]);
    const line = `kubectl ${command.args.join(" ")}`;
    if (command.differs !== undefined) continue;
    if (real.code !== embedded.code) {
      faults.push(`${line}: exit code ${real.code} and ${embedded.code}: ${embedded.stderr}`);
    } else if (command.codeOnly === undefined) {
      const [wanted, got] = [real, embedded].map(({ stdout, stderr }) =>
        normalised(`${stdout}\n${stderr}`)
      );
      if (wanted !== got) faults.push(`${line}\n--- real\n${wanted}\n--- embedded\n${got}`);
    }
  }
  assert.equal(faults.length, 0, `${faults.length} of ${SCRIPT.length}:\n${faults.join("\n")}`);
});
