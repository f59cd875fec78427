import assert from "node:assert/strict";
import type { Condition } from "../../shared/kube/clusternet_types.ts";
import { type ClusterFacts, decide, type Decision } from "./conditions.ts";
import { sameConditions, withTimes } from "./written_conditions.ts";

const START = 1_000_000;

function facts(more: Partial<ClusterFacts> = {}): ClusterFacts {
  return {
    connected: true,
    loss: undefined,
    watchingSince: START,
    knownSince: START,
    report: { readyz: true, at: START, heartbeatMs: 180_000 },
    duplicateUntil: 0,
    current: [],
    ...more,
  };
}

function written(decision: Decision, at = START): Condition[] {
  return withTimes(decision.conditions, [], [], at);
}

function shown(decision: Decision): Record<string, string> {
  return Object.fromEntries(
    decision.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
}

const UP = written(decide(facts(), true, START));

Deno.test("decide() says ready for a connected child whose readyz is true", () => {
  assert.deepEqual(shown(decide(facts(), true, START)), {
    Accepted: "True RegistrationApproved",
    Connected: "True TunnelUp",
    Ready: "True ChildReady",
  });
  const report = { readyz: false, at: START, heartbeatMs: 1 };
  assert.equal(shown(decide(facts({ report }), false, START)).Ready, "False ChildNotReady");
  const silent = decide(facts({ report: undefined }), undefined, START);
  assert.equal(shown(silent).Ready, "Unknown AwaitingReport");
});

Deno.test("decide() writes a loss within 5 s, and not one that heals at once", () => {
  const loss = { at: START, reason: "reset", silent: false };
  const lost = facts({ connected: false, loss, current: UP });
  const early = decide(lost, true, START + 1_999);
  assert.ok(sameConditions(UP, early.conditions));
  assert.equal(early.readyz, undefined);
  assert.ok(early.recheckAt! <= START + 5_000);
  const late = decide(lost, true, early.recheckAt!);
  assert.equal(shown(late).Connected, "False AgentDisconnected");
  assert.equal(shown(late).Ready, "Unknown AgentDisconnected");
  assert.equal(late.readyz, false);
});

Deno.test("decide() calls an agent that stopped answering silent", () => {
  const loss = { at: START, reason: "ping", silent: true };
  const decision = decide(facts({ connected: false, loss, current: UP }), true, START + 2_000);
  assert.equal(shown(decision).Ready, "Unknown AgentSilent");
});

Deno.test("decide() writes nothing about a hub restart of under 60 s", () => {
  const away = facts({ connected: false, current: UP });
  const early = decide(away, true, START + 59_999);
  assert.ok(sameConditions(UP, early.conditions));
  assert.equal(early.recheckAt, START + 60_000);
  assert.equal(shown(decide(away, true, START + 60_000)).Connected, "False AgentDisconnected");
  const back = decide(facts({ current: UP }), true, START + 30_000);
  assert.ok(sameConditions(UP, back.conditions));
});

Deno.test("decide() leaves a cluster that was away before the hub's restart as it is", () => {
  const loss = { at: START, reason: "reset", silent: false };
  const gone = written(decide(facts({ connected: false, loss, current: UP }), true, START + 5_000));
  const after = decide(facts({ connected: false, current: gone }), false, START + 100_000);
  assert.ok(sameConditions(gone, after.conditions));
  assert.equal(after.readyz, undefined);
});

Deno.test("decide() keeps no condition that the hub cannot have written", () => {
  const forge = (type: string, status: Condition["status"], reason: string): Condition[] =>
    UP.map((one) => (one.type === type ? { ...one, status, reason } : one));
  const away = (current: Condition[]): Decision =>
    decide(facts({ connected: false, current }), true, START + 1);
  assert.deepEqual(shown(away(forge("Ready", "True", "Forged"))), {
    Accepted: "True RegistrationApproved",
    Connected: "True TunnelUp",
  });
  assert.equal(shown(away(forge("Ready", "True", "ChildNotReady"))).Ready, undefined);
  assert.equal(shown(away(forge("Connected", "False", "Forged"))).Connected, undefined);
  assert.equal(shown(away(forge("Connected", "False", "constructor"))).Connected, undefined);
  // Nothing of the hub's is left: the forged ones go all the same
  const all = UP.map((one) => ({ ...one, reason: "Forged" }));
  assert.deepEqual(shown(away(all)), { Accepted: "True RegistrationApproved" });
  // What this hub itself decides stays as it is
  const loss = { at: START, reason: "reset", silent: false };
  const gone = written(decide(facts({ connected: false, loss, current: UP }), true, START + 2_000));
  const later = decide(facts({ connected: false, current: gone }), false, START + 9_000);
  assert.ok(sameConditions(gone, later.conditions));
});

Deno.test("decide() gives a new cluster time to connect", () => {
  const fresh = facts({ connected: false, report: undefined });
  assert.deepEqual(decide(fresh, undefined, START).conditions, []);
  const decision = decide(fresh, undefined, START + 10_000);
  assert.equal(shown(decision).Connected, "False AgentNeverConnected");
});

Deno.test("decide() says when reports stop, by the hub's clock", () => {
  const overdue = START + 3 * 180_000 + 30_000;
  const before = decide(facts(), true, overdue - 1);
  assert.equal(before.recheckAt, overdue);
  assert.equal(shown(before).Ready, "True ChildReady");
  const after = decide(facts(), true, overdue);
  assert.equal(shown(after).Ready, "Unknown ReportOverdue");
  assert.equal(after.readyz, false);
});

Deno.test("decide() takes the hub's own READYZ=false back when the agent returns", () => {
  assert.equal(decide(facts(), false, START).readyz, true);
  const report = { readyz: false, at: START, heartbeatMs: 1_000 };
  assert.equal(decide(facts({ report }), false, START).readyz, undefined);
});

Deno.test("decide() shows two agents that fight, and when it is over", () => {
  const fight = decide(facts({ duplicateUntil: START + 300_000 }), true, START);
  assert.equal(shown(fight).DuplicateAgent, "True TwoAgentsConnect");
  assert.equal(fight.recheckAt, START + 300_000);
  const over = decide(facts({ current: written(fight) }), true, START + 300_000);
  assert.equal(shown(over).DuplicateAgent, "False OneAgent");
});

Deno.test("withTimes() changes the time with the status alone, and trusts its own memory first", () => {
  const later = START + 3_600_000;
  const same = withTimes(UP, UP, [], later);
  assert.deepEqual(same, UP);
  const forged = UP.map((one) => ({ ...one, lastTransitionTime: "2001-01-01T00:00:00Z" }));
  assert.deepEqual(withTimes(UP, UP, forged, later), UP);
  const flipped = UP.map((one) => ({ ...one, status: "False" as const }));
  assert.notEqual(
    withTimes(flipped, UP, UP, later)[0]!.lastTransitionTime,
    UP[0]!.lastTransitionTime,
  );
});

Deno.test("sameConditions() finds one that is not the hub's", () => {
  assert.ok(sameConditions([...UP].reverse(), UP));
  assert.ok(!sameConditions([...UP, { ...UP[0]!, type: "Mine" }], UP));
});
