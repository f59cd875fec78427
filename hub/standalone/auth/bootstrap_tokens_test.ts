import assert from "node:assert/strict";
import { bootstrapTokens } from "./bootstrap_tokens.ts";
import { FakeStore } from "./testing.ts";
import type { TokenJudge } from "./tokens.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const TOKEN = "abcdef.0123456789abcdef";
const GOOD: Record<string, string> = {
  "token-id": "abcdef",
  "token-secret": "0123456789abcdef",
  "usage-bootstrap-authentication": "true",
};

function setup(
  data: Record<string, string>,
  more: Record<string, unknown> = {},
): { store: FakeStore; tokens: TokenJudge } {
  const store = new FakeStore();
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, btoa(value)]),
  );
  store.add("secrets", {
    metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" },
    type: "bootstrap.kubernetes.io/token",
    data: encoded,
    ...more,
  });
  return { store, tokens: bootstrapTokens({ store, now: () => NOW, audiences: ["api"] }) };
}

async function isKnown(
  data: Record<string, string>,
  more?: Record<string, unknown>,
): Promise<boolean> {
  return await setup(data, more).tokens.authenticateToken(TOKEN) !== undefined;
}

Deno.test("bootstrapTokens makes a user of the id and sorted groups", async () => {
  const groups = "system:bootstrappers:z,system:bootstrappers:a";
  const { tokens } = setup({ ...GOOD, "auth-extra-groups": groups });
  assert.deepEqual(await tokens.authenticateToken(TOKEN), {
    user: {
      name: "system:bootstrap:abcdef",
      groups: [
        "system:bootstrappers",
        "system:bootstrappers:a",
        "system:bootstrappers:z",
        "system:authenticated",
      ],
      extra: {},
    },
    audiences: ["api"],
  });
});

Deno.test("bootstrapTokens is for the API server's audiences alone", async () => {
  const { tokens } = setup(GOOD);
  assert.equal(await tokens.authenticateToken(TOKEN, ["foo"]), undefined);
  assert.deepEqual((await tokens.authenticateToken(TOKEN, ["foo", "api"]))?.audiences, ["api"]);
});

Deno.test("bootstrapTokens refuses each thing that is wrong", async () => {
  assert.equal(await isKnown(GOOD), true);
  assert.equal(await isKnown({ ...GOOD, "token-secret": "0123456789abcdeX" }), false);
  assert.equal(await isKnown({ ...GOOD, "token-id": "fedcba" }), false);
  assert.equal(await isKnown({ ...GOOD, "usage-bootstrap-authentication": "yes" }), false);
  assert.equal(await isKnown({ ...GOOD, "auth-extra-groups": "system:masters" }), false);
  assert.equal(await isKnown({ ...GOOD, "auth-extra-groups": "system:bootstrappers:a, b" }), false);
  assert.equal(await isKnown(GOOD, { type: "Opaque" }), false);
  assert.equal(await isKnown(GOOD, { data: null }), false);
  const deleted = {
    name: "bootstrap-token-abcdef",
    namespace: "kube-system",
    deletionTimestamp: "x",
  };
  assert.equal(await isKnown(GOOD, { metadata: deleted }), false);
});

Deno.test("bootstrapTokens reads expiration strictly; what is no time is over", async () => {
  const until = (expiration: string): Promise<boolean> => isKnown({ ...GOOD, expiration });
  assert.equal(await until("2026-11-25T12:00:01Z"), true);
  assert.equal(await until("2026-11-25T13:30:00.5+01:00"), true);
  assert.equal(await until("2026-11-25T12:00:00Z"), false);
  assert.equal(await until("2026-11-25T13:00:00+01:00"), false);
  assert.equal(await until("2027-02-30T00:00:00Z"), false);
  assert.equal(await until("2027-11-25"), false);
  assert.equal(await until("later"), false);
});

Deno.test("bootstrapTokens takes only its form, and forgets at once", async () => {
  const { store, tokens } = setup(GOOD);
  for (const token of ["", "abcdef", `${TOKEN}\n`, ` ${TOKEN}`, "ABCDEF.0123456789abcdef"]) {
    assert.equal(await tokens.authenticateToken(token), undefined);
  }
  const secret = store.get("secrets", "kube-system", "bootstrap-token-abcdef");
  assert.ok(secret);
  store.remove(secret);
  assert.equal(await tokens.authenticateToken(TOKEN), undefined);
});
