import { strict as assert } from "node:assert";
import { StatusError } from "../../shared/kube/status.ts";
import { CallerBudget, holdUntilRead } from "./caller_budget.ts";
import { LOOPBACK_USER, type User } from "./user.ts";
import { embeddedApi, user } from "./writes/testing.ts";

const ANN = user("ann");

function refused(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 429);
    assert.equal(error.message, "Too many requests, please try again later.");
    assert.equal(error.status.details?.retryAfterSeconds, 1);
    return true;
  }
}

Deno.test("CallerBudget bounds requests and watches of one caller, not of others", () => {
  const budget = new CallerBudget({ inFlight: 2, watches: 1 });
  const slots = [budget.enter(ANN, false), budget.enter(ANN, false), budget.enter(ANN, true)];
  assert.ok(refused(() => budget.enter(ANN, false)));
  assert.ok(refused(() => budget.enter(ANN, true)));
  slots.push(budget.enter(user("bob"), false), budget.enter({ ...ANN, uid: "other" }, true));
  slots[0]![Symbol.dispose]();
  slots[0]![Symbol.dispose]();
  slots.push(budget.enter(ANN, false));
  assert.ok(refused(() => budget.enter(ANN, false)), "a slot came back twice");
  for (const slot of slots) slot[Symbol.dispose]();
  assert.equal(budget.size, 0);
});

Deno.test("CallerBudget does not bound system:masters and the process itself", () => {
  const budget = new CallerBudget({ inFlight: 0, watches: 0 });
  budget.enter(LOOPBACK_USER, true);
  budget.enter(user("admin", ["system:masters"]), false);
  assert.ok(refused(() => budget.enter(ANN, false)));
});

Deno.test("holdUntilRead() returns the slot when a body ends, breaks, is given up, or its reader leaves", async () => {
  const ends: Record<string, (response: Response, gone: AbortController) => Promise<unknown>> = {
    read: (response) => response.text(),
    broken: (response) => response.text().catch(() => {}),
    "given up": (response) => response.body!.cancel(),
    left: (_response, gone) => Promise.resolve(gone.abort()),
    "no body": () => Promise.resolve(),
  };
  for (const [name, end] of Object.entries(ends)) {
    const budget = new CallerBudget({ inFlight: 1, watches: 1 });
    const gone = new AbortController();
    const body = name === "no body" ? null : new ReadableStream({
      pull(controller): void {
        if (name === "broken") return controller.error(new Error("broken"));
        controller.enqueue(new Uint8Array(3));
        controller.close();
      },
    });
    const response = holdUntilRead(new Response(body), budget.enter(ANN, true), gone.signal);
    assert.equal(budget.size, name === "no body" ? 0 : 1, name);
    await end(response, gone);
    assert.equal(budget.size, 0, name);
  }
});

Deno.test("embedded API: a caller at its limit of watches reads 429, others watch", async () => {
  await using api = await embeddedApi();
  const reader: User = user("ann", ["system:authenticated", "readers"]);
  await api.json("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {
    metadata: { name: "readers" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }],
  });
  await api.json("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "readers" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "readers" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "readers" }],
  });
  const path = "/api/v1/configmaps?watch=1&timeoutSeconds=60";
  const watch = (as: User): Promise<Response> => api.send("GET", path, undefined, undefined, as);
  const open = await Promise.all(Array.from({ length: 1_000 }, () => watch(reader)));
  assert.deepEqual([...new Set(open.map(({ status }) => status))], [200]);
  const late = await watch(reader);
  assert.equal(late.status, 429);
  assert.equal(late.headers.get("Retry-After"), "1");
  assert.match(await late.text(), /Too many requests, please try again later\./);
  const list = await api.json("GET", "/api/v1/configmaps", undefined, undefined, reader);
  assert.equal(list.status, 200);
  const other = await watch({ ...reader, name: "bob" });
  assert.equal(other.status, 200);
  await open.pop()!.body!.cancel();
  open.push(await watch(reader), other);
  assert.equal(open.at(-2)!.status, 200);
  await Promise.all(open.map(({ body }) => body!.cancel()));
});
