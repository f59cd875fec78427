/**
 * The embedded API against a real kube-apiserver: the same requests go to both, and the answers
 * must agree, or the table says why not. `CELL=text` runs the cells whose id holds that text.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startCluster } from "../cluster/cluster.ts";
import { ROOT } from "../e2e/programs.ts";
import { startStandaloneHub } from "../standalone/standalone_hub.ts";
import type { Cell } from "./cell.ts";
import { kindCells } from "./cells.ts";
import { EXPLAINED } from "./explained.ts";
import { featureCells } from "./features.ts";
import { NAMESPACE } from "./fixtures.ts";
import { firstDifference, normalised } from "./normalise.ts";
import { reviewCells } from "./reviews.ts";
import { Side } from "./side.ts";

const { cells: ofKinds, absent } = kindCells();
const ALL: readonly Cell[] = [...ofKinds, ...reviewCells(), ...featureCells()];

Deno.test("no cell stands twice, and every explanation has its cell", () => {
  const ids = ALL.map(({ id }) => id);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
  assert.deepEqual(Object.keys(EXPLAINED).filter((id) => !ids.includes(id)), []);
  assert.deepEqual([...absent.keys()].filter((id) => ids.includes(id)), []);
});

/** @returns what is wrong with the cell, or `undefined` */
async function compare(cell: Cell, real: Side, embedded: Side): Promise<string | undefined> {
  const [wanted, got] = await Promise.all([real.judge(cell), embedded.judge(cell)]);
  const difference = firstDifference(normalised(wanted), normalised(got));
  const explanation = EXPLAINED[cell.id];
  if (explanation === undefined) {
    return difference === undefined ? undefined : `${cell.id}: ${difference}`;
  }
  if (difference === undefined) return `${cell.id}: agrees, and is explained all the same`;
  const { sameStatus = true } = explanation;
  return sameStatus && wanted.status !== got.status
    ? `${cell.id}: status ${wanted.status} and ${got.status}`
    : undefined;
}

Deno.test("the embedded API answers as kube-apiserver does, or says why not", async () => {
  const only = Deno.env.get("CELL") ?? "";
  const cells = ALL.filter(({ id }) => id.includes(only));
  // Only those that the embedded API has too: others change nodes behind the back of the cells
  const controllers = [
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
  ];
  await using cluster = await startCluster({
    name: "real",
    extraControllerManagerArgs: [`--controllers=${controllers.join(",")}`],
  });
  // And the hub's own: it is to leave requests alone
  await using hub = await startStandaloneHub({ args: ["--approval=manual"] });
  for (const file of ["01-crd-clusterregistrationrequests", "02-crd-managedclusters"]) {
    await cluster.kubectlOk(["apply", "-f", `${ROOT}deploy/hub/${file}.yaml`]);
  }
  await cluster.kubectlOk(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  using real = new Side("kube-apiserver", await Deno.readTextFile(cluster.kubeconfig));
  using embedded = new Side("embedded", await Deno.readTextFile(hub.kubeconfig));
  for (const side of [real, embedded]) {
    await side.send({
      method: "POST",
      path: "/api/v1/namespaces",
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    });
    await side.send({
      method: "GET",
      path: `/api/v1/namespaces/${NAMESPACE}/configmaps/kube-root-ca.crt`,
      until: 200,
    });
  }
  const faults: string[] = [];
  for (const cell of cells) {
    const fault = await compare(cell, real, embedded).catch((error) => `${cell.id}: ${error}`);
    if (fault !== undefined) faults.push(fault);
  }
  const counted = `${cells.length - faults.length} of ${cells.length} cells agree or are explained`;
  Deno.stdout.writeSync(new TextEncoder().encode(`${counted}\n`));
  assert.equal(
    faults.length,
    0,
    `${counted}\n${faults.join("\n")}\n${await hub.process.logTail(20)}`,
  );
});
