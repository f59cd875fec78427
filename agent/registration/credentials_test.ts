import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import { ExpiredError, NotStoredError, ParentCredentials } from "./credentials.ts";
import { type AgentKey, generateAgentKey } from "./keys.ts";
import { ParentClock } from "./parent_clock.ts";
import type { Credentials } from "./store.ts";
import type { SealedCredentials } from "../../shared/kube/clusternet_types.ts";
import { CLUSTER_ID, jwtOf, plainCredentials, sealTo, SECRET_TOKEN } from "./testing.ts";

const NOW = Date.parse("2029-01-01T00:00:00Z");
const PARENT = "https://parent:6443";

interface Bed {
  credentials: ParentCredentials;
  key: AgentKey;
  saved: Credentials[];
  log: ReturnType<typeof memoryLog>;
  fail: { save: boolean; probe: boolean };
}

async function bed(): Promise<Bed> {
  const key = await generateAgentKey();
  const log = memoryLog();
  const saved: Credentials[] = [];
  const fail = { save: false, probe: false };
  const credentials = new ParentCredentials({
    key,
    clusterId: CLUSTER_ID,
    clusterName: "edge-1",
    parentUrl: PARENT,
    clock: new ParentClock({ now: () => NOW }),
    probe: () => Promise.resolve(!fail.probe),
    vetCa: (pem) => pem.replace("EVIL", ""),
    store: {
      saveCredentials: (given) => {
        if (fail.save) return Promise.reject(new Error("the child's API is away"));
        saved.push(given);
        return Promise.resolve();
      },
    },
    log,
  });
  return { credentials, key, saved, log, fail };
}

function post(body: string): Request {
  return new Request("http://agent/credentials", { method: "POST", body });
}

Deno.test("ParentCredentials takes sealed credentials and stores them", async () => {
  const { credentials, key, saved } = await bed();
  assert.equal(credentials.fresh, false);
  assert.equal(await credentials.accept(await sealTo(key.publicJwk, plainCredentials())), "taken");
  assert.equal(credentials.current()?.token, SECRET_TOKEN);
  assert.equal(credentials.fresh, true);
  assert.equal(saved[0]?.parentUrl, PARENT);
});

Deno.test("ParentCredentials keeps the fresher ones", async () => {
  const { credentials, key, saved } = await bed();
  await credentials.accept(await sealTo(key.publicJwk, plainCredentials()));
  const older = plainCredentials({ token: "old", expirationTimestamp: "2029-02-01T00:00:00Z" });
  assert.equal(await credentials.accept(await sealTo(key.publicJwk, older)), "known");
  const newer = plainCredentials({ token: "new", expirationTimestamp: "2030-06-01T00:00:00Z" });
  assert.equal(await credentials.accept(await sealTo(key.publicJwk, newer)), "taken");
  assert.equal(credentials.current()?.token, "new");
  assert.deepEqual(saved.map(({ token }) => token), [SECRET_TOKEN, "new"]);
});

const DAY_S = 86_400;

/** A token that was issued so many days after `NOW`, for ten days. */
function issued(days: number): string {
  const iat = NOW / 1000 + days * DAY_S;
  return jwtOf({ iat, exp: iat + 10 * DAY_S });
}

Deno.test("what a hostile hub says of an expiry does not outlive it", async () => {
  const { credentials, key, saved } = await bed();
  const deliver = async (change: Partial<SealedCredentials>): Promise<number> => {
    const body = await sealTo(key.publicJwk, plainCredentials(change));
    const answer = await credentials.handle(post(body));
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await deliver({ token: issued(-2), caCertificate: "GOOD" }), 204);
  const poison = { expirationTimestamp: "9999-12-31T00:00:00Z", caCertificate: "EVIL PLANTED" };
  assert.equal(await deliver({ token: issued(-2), ...poison }), 204);
  assert.equal(credentials.current()?.expiresAt, NOW + 8 * DAY_S * 1000);
  assert.equal(saved.at(-1)?.caCertificate, " PLANTED", "what counts of it alone");
  assert.equal(await deliver({ token: issued(-2), caCertificate: "GOOD" }), 204, "taken back");
  assert.equal(credentials.current()?.caCertificate, "GOOD");
  assert.equal(await deliver({ token: issued(-2), caCertificate: "GOOD" }), 200, "a replay");
  assert.equal(await deliver({ token: issued(-3), ...poison }), 200, "an older one");
  const fresh = { token: issued(-1), expirationTimestamp: "2029-01-02T00:00:00Z" };
  assert.equal(await deliver(fresh), 204, "newer, though it ends sooner");
  assert.equal(credentials.current()?.token, issued(-1));
  for (const token of ["opaque", jwtOf({ iat: NOW })]) {
    assert.equal(await deliver({ token, ...poison }), 204);
    assert.equal(credentials.current()?.expiresAt, NOW + 90 * DAY_S * 1000);
    assert.equal(await deliver(fresh), 204, "a token with a date that can be wins");
  }
});

Deno.test("an expiry that an earlier run stored is bounded too", async () => {
  const { credentials, key } = await bed();
  const stored: Credentials = {
    token: issued(-2),
    expiresAt: Date.parse("9999-12-31T00:00:00Z"),
    caCertificate: "",
    namespace: "ns",
    managedClusterName: "name",
    parentUrl: PARENT,
    clusterId: CLUSTER_ID,
  };
  assert.equal(credentials.adopt(stored), true);
  assert.equal(credentials.current()?.expiresAt, NOW + 8 * DAY_S * 1000);
  const fresh = plainCredentials({ token: issued(-1) });
  assert.equal(await credentials.accept(await sealTo(key.publicJwk, fresh)), "taken");
});

Deno.test("ParentCredentials refuses an expired token", async () => {
  const { credentials, key } = await bed();
  const old = plainCredentials({ expirationTimestamp: "2028-12-31T23:59:59Z" });
  await assert.rejects(credentials.accept(await sealTo(key.publicJwk, old)), ExpiredError);
  assert.equal(credentials.current(), undefined);
});

Deno.test("ParentCredentials offers a refused token again only when the parent takes it", async () => {
  const { credentials, key, fail } = await bed();
  const jwe = await sealTo(key.publicJwk, plainCredentials());
  await credentials.accept(jwe);
  credentials.refuse();
  assert.equal(credentials.current(), undefined);
  fail.probe = true;
  await assert.rejects(credentials.accept(jwe), ExpiredError);
  fail.probe = false;
  assert.equal(await credentials.accept(jwe), "taken");
});

Deno.test("ParentCredentials adopts only what is for this parent and cluster", async () => {
  const { credentials } = await bed();
  const stored: Credentials = {
    token: SECRET_TOKEN,
    expiresAt: NOW + 3_600_000,
    caCertificate: "",
    namespace: "ns",
    managedClusterName: "name",
    parentUrl: PARENT,
    clusterId: CLUSTER_ID,
  };
  assert.equal(credentials.adopt(undefined), false);
  assert.equal(credentials.adopt({ ...stored, parentUrl: "https://other" }), false);
  assert.equal(credentials.adopt({ ...stored, clusterId: "other" }), false);
  assert.equal(credentials.current(), undefined);
  assert.equal(credentials.adopt(stored), true);
  assert.equal(credentials.fresh, true);
});

Deno.test("the control request for credentials answers 204, 404, 405, 422 and 500", async () => {
  const { credentials, key, fail, log } = await bed();
  const jwe = await sealTo(key.publicJwk, plainCredentials());
  assert.equal((await credentials.handle(post(jwe))).status, 204);
  const again = await credentials.handle(post(jwe));
  assert.equal(again.status, 200, "again the same");
  await again.body?.cancel();
  assert.equal((await credentials.handle(new Request("http://agent/other"))).status, 404);
  assert.equal((await credentials.handle(new Request("http://agent/credentials"))).status, 405);
  const bad = await credentials.handle(post("a.b.c.d.e"));
  assert.equal(bad.status, 422);
  assert.equal((await bad.json()).kind, "Status");
  fail.save = true;
  const newer = plainCredentials({ token: "new", expirationTimestamp: "2030-06-01T00:00:00Z" });
  const unsaved = await credentials.handle(post(await sealTo(key.publicJwk, newer)));
  assert.equal(unsaved.status, 500);
  await unsaved.body?.cancel();
  assert.equal(credentials.current()?.token, "new", "used all the same");
  assert.ok(!JSON.stringify(log.lines).includes(SECRET_TOKEN));
});

Deno.test("ParentCredentials says when it could not store", async () => {
  const { credentials, key, fail } = await bed();
  fail.save = true;
  await assert.rejects(
    credentials.accept(await sealTo(key.publicJwk, plainCredentials())),
    NotStoredError,
  );
});

Deno.test("ParentClock follows the parent's clock and says so once", () => {
  const log = memoryLog();
  const clock = new ParentClock({ now: () => NOW, log });
  const answer = (date: string): Response => new Response(null, { headers: { date } });
  clock.observe(answer("no date"));
  assert.equal(clock.offsetMs, 0);
  clock.observe(answer(new Date(NOW + 1000).toUTCString()));
  assert.equal(clock.offsetMs, 0, "a second is none");
  for (let i = 0; i < 3; i++) clock.observe(answer(new Date(NOW + 3_600_000).toUTCString()));
  assert.ok(Math.abs(clock.now() - NOW - 3_600_000) < 1_000);
  assert.equal(log.lines.length, 1);
});
