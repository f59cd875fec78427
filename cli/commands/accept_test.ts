import assert from "node:assert/strict";
import { verdictOn } from "../../hub/registration/verdict.ts";
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import { StatusError, statusResponse } from "../../shared/kube/status.ts";
import { putRequest } from "../install/testing.ts";
import { FakeContext, fakeId, runCli } from "../testing.ts";
import { acceptCommand } from "./accept.ts";
import { denyCommand } from "./deny.ts";

const KIND = "clusterregistrationrequest.clusters.clusternet.io";

async function run(context: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(context, [acceptCommand(context), denyCommand(context)], args);
}

function verdict(context: FakeContext, end: number): string {
  const request = context.kube.get<ClusterRegistrationRequest>(
    "clusters.clusternet.io/clusterregistrationrequests",
    `clusternet-${fakeId(end)}`,
  );
  return verdictOn(request!, "manual");
}

Deno.test("accept and deny write what the hub reads, by name, id and request", async () => {
  const context = new FakeContext();
  putRequest(context.kube, 1, { name: "edge-1" });
  putRequest(context.kube, 2, { name: "edge-2" });
  putRequest(context.kube, 3);
  const names = ["edge-1", fakeId(2), `clsrr/clusternet-${fakeId(3)}`];
  assert.equal(await run(context, "accept", ...names), 0, context.stderr);
  assert.equal(
    context.stdout,
    [1, 2, 3].map((end) => `${KIND}/clusternet-${fakeId(end)} approved\n`).join(""),
  );
  assert.deepEqual([1, 2, 3].map((end) => verdict(context, end)), Array(3).fill("approved"));
  assert.equal(await run(context, "deny", "edge-2", "--reason", "not ours"), 0);
  assert.equal(verdict(context, 2), "denied");
  assert.equal(await run(context, "accept", "edge-2"), 0);
  assert.equal(verdict(context, 2), "approved");
});

Deno.test("accept --all-pending leaves alone what is decided", async () => {
  const context = new FakeContext();
  putRequest(context.kube, 1);
  putRequest(context.kube, 2, { status: { result: "Denied" } });
  assert.equal(await run(context, "accept", "--all-pending"), 0);
  assert.equal(verdict(context, 1), "approved");
  assert.equal(verdict(context, 2), "denied");
  assert.equal(await run(context, "accept", "--all-pending"), 0);
  assert.match(context.stderr, /No request waits for approval/);
  assert.equal(await run(context, "accept", "x", "--all-pending"), 2);
});

Deno.test("accept tries again when somebody else wrote the status meanwhile", async () => {
  const context = new FakeContext();
  putRequest(context.kube, 1);
  let conflicts = 2;
  context.kube.interceptors.push(({ method }) =>
    method === "PUT" && conflicts-- > 0
      ? statusResponse(StatusError.of(409, "modified").status)
      : undefined
  );
  assert.equal(await run(context, "accept", fakeId(1)), 0, context.stderr);
  assert.equal(verdict(context, 1), "approved");
});

Deno.test("accept refuses what is unknown, ambiguous or revoked, and says what to do", async () => {
  const context = new FakeContext();
  putRequest(context.kube, 1, { name: "twin" });
  putRequest(context.kube, 2, { name: "twin" });
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  putRequest(context.kube, 3, {
    status: {
      conditions: [{
        type: "Revoked",
        status: "True",
        reason: "R",
        message: "",
        lastTransitionTime,
      }],
    },
  });
  assert.equal(await run(context, "accept", "nobody"), 1);
  assert.match(context.stderr, /No cluster "nobody" has asked/);
  assert.equal(await run(context, "accept", "twin"), 1);
  assert.match(context.stderr, new RegExp(`by its id: ${fakeId(1)}, ${fakeId(2)}`));
  assert.equal(await run(context, "accept", fakeId(3)), 1);
  assert.match(context.stderr, /kubectl delete clsrr clusternet-/);
});
