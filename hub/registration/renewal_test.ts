import assert from "node:assert/strict";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { requestName } from "./names.ts";
import { Approver } from "./approver.ts";
import { deliverCredentials, DeliveryError, type OpensStreams } from "./deliver.ts";
import { Renewer } from "./renewal.ts";
import { openSealed } from "./sealing.ts";
import { type FakeParent, fakeParent, ID, makeRequest, PRIVATE_KEY, REQUESTS } from "./testing.ts";
import { TokenMint } from "./tokens.ts";

const NAME = requestName(ID);
const HOUR = 3_600_000;
const signal = AbortSignal.timeout(HOUR);

interface Agent {
  session: OpensStreams | undefined;
  bodies: string[];
  status: number;
}

/** An agent's end of a tunnel. */
function fakeAgent(): Agent {
  const agent: Agent = { session: undefined, bodies: [], status: 204 };
  agent.session = {
    open(head): ReturnType<OpensStreams["open"]> {
      assert.equal(`${head.method} ${head.target} ${head.path}`, "POST agent /credentials");
      return {
        write: (chunk) => void agent.bodies.push(new TextDecoder().decode(chunk)),
        end: () => {},
        read: () => Promise.resolve(null),
        reset: () => {},
        responseHead: Promise.resolve({ status: agent.status, statusText: "", headers: [] }),
      };
    },
  };
  return agent;
}

async function registered(
  parent: FakeParent,
  agent: { session: OpensStreams | undefined },
  ttlMs = 168 * HOUR,
): Promise<{
  renewer: Renewer;
  rotated: string[];
  delivered: string[];
  mint: TokenMint;
  failures: () => number;
}> {
  parent.fake.put(REQUESTS, makeRequest());
  const mint = new TokenMint({ ...parent, ttlMs });
  const rotated: string[] = [];
  const delivered: string[] = [];
  let failed = 0;
  const renewer = new Renewer({
    ...parent,
    mint,
    legacyCredentials: false,
    registry: { session: () => agent.session },
    onDelivered: (_, expiry) => void delivered.push(expiry),
    onFailed: () => void failed++,
    onRotated: ({ status }) => void rotated.push(status!.sealedCredentialsExpiry!),
  });
  const approver = new Approver({
    ...parent,
    mint,
    approval: "auto",
    legacyCredentials: false,
    onFreshToken: (id, expiry) => renewer.noteFresh(id, expiry),
  });
  await approver.reconcileRequest(NAME, { signal });
  return { renewer, rotated, delivered, mint, failures: () => failed };
}

Deno.test("Renewer leaves a fresh token alone, and sends nothing that the agent has", async () => {
  const parent = fakeParent();
  const agent = fakeAgent();
  const { renewer, rotated } = await registered(parent, agent);
  const result = await renewer.reconcileToken(NAME, { signal });
  assert.deepEqual([rotated, agent.bodies], [[], []]);
  assert.equal(result?.requeueAfterMs, 12 * HOUR);
});

Deno.test("Renewer renews a connected agent's token each day, and hands it over sealed", async () => {
  const parent = fakeParent();
  const agent = fakeAgent();
  const { renewer, rotated, delivered } = await registered(parent, agent);
  const before = parent.request().status?.sealedCredentials;
  parent.clock.ms += 25 * HOUR;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(rotated.length, 1);
  const { status } = parent.request();
  assert.notEqual(status?.sealedCredentials, before);
  assert.deepEqual(agent.bodies, [status?.sealedCredentials]);
  const opened = await openSealed(PRIVATE_KEY, agent.bodies[0]!);
  assert.equal(Date.parse(opened.expirationTimestamp) - parent.clock.ms, 168 * HOUR);
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(agent.bodies.length, 1);
  assert.deepEqual(delivered, [status?.sealedCredentialsExpiry], "told once, when it was taken");
});

Deno.test("Renewer keeps the token of an agent that is away fresh at half of its life", async () => {
  const parent = fakeParent();
  const { renewer, rotated } = await registered(parent, { session: undefined });
  parent.clock.ms += 70 * HOUR;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(rotated.length, 0);
  parent.clock.ms += 15 * HOUR;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(rotated.length, 1);
  const left = Date.parse(parent.request().status!.sealedCredentialsExpiry!) - parent.clock.ms;
  assert.equal(left, 168 * HOUR);
});

Deno.test("Renewer gives an agent that comes back what was renewed meanwhile, without minting", async () => {
  const parent = fakeParent();
  const agent = fakeAgent();
  const { session } = agent;
  agent.session = undefined;
  const { renewer, rotated } = await registered(parent, agent);
  parent.clock.ms += 85 * HOUR;
  await renewer.reconcileToken(NAME, { signal });
  const mints = parent.fake.count("POST", /token$/);
  agent.session = session;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(parent.fake.count("POST", /token$/), mints);
  assert.deepEqual(agent.bodies, [parent.request().status?.sealedCredentials]);
  assert.equal(rotated.length, 1);
});

Deno.test("Renewer tries again when the agent did not take it", async () => {
  const parent = fakeParent();
  const agent = fakeAgent();
  const { renewer } = await registered(parent, agent);
  parent.clock.ms += 25 * HOUR;
  agent.status = 500;
  assert.equal((await renewer.reconcileToken(NAME, { signal }))?.requeueAfterMs, 60_000);
  agent.status = 204;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(agent.bodies.length, 2);
  assert.equal(agent.bodies[0], agent.bodies[1]);
});

Deno.test("Renewer tells of a renewal that the parent refuses, and of none that met a conflict", async () => {
  const parent = fakeParent();
  const { renewer, rotated, failures } = await registered(parent, { session: undefined });
  parent.clock.ms += 85 * HOUR;
  let code = 409;
  parent.fake.interceptors.push(({ method, path }) =>
    code !== 0 && method === "POST" && path.endsWith("/token")
      ? statusResponse(failure(code, "no"))
      : undefined
  );
  await assert.rejects(renewer.reconcileToken(NAME, { signal }));
  assert.equal(failures(), 0);
  code = 403;
  await assert.rejects(renewer.reconcileToken(NAME, { signal }));
  assert.equal(failures(), 1);
  code = 0;
  await renewer.reconcileToken(NAME, { signal });
  assert.deepEqual([rotated.length, failures()], [1, 1]);
});

Deno.test("Renewer does nothing for a request that is not approved", async () => {
  const parent = fakeParent();
  const { renewer } = await registered(parent, { session: undefined });
  const request = parent.request();
  parent.fake.put(REQUESTS, { ...request, status: { ...request.status, result: "Denied" } });
  parent.clock.ms += 300 * HOUR;
  const before = parent.fake.requests.length;
  assert.equal(await renewer.reconcileToken(NAME, { signal }), undefined);
  assert.equal(parent.fake.requests.length, before);
});

Deno.test("TokenMint does not run in circles where the parent grants less than asked", async () => {
  const parent = fakeParent({ maxTokenSeconds: 3_600 });
  const { renewer, rotated, mint } = await registered(parent, { session: undefined });
  assert.equal(mint.lifeMs, HOUR);
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(rotated.length, 0);
  parent.clock.ms += HOUR / 2;
  await renewer.reconcileToken(NAME, { signal });
  assert.equal(rotated.length, 1);
});

Deno.test("deliverCredentials() says what the agent answered, and nothing of the token", async () => {
  const agent = fakeAgent();
  agent.status = 422;
  const error = await deliverCredentials(agent.session!, "SEALED", signal).catch((e) => e);
  assert.ok(error instanceof DeliveryError);
  assert.equal(error.status, 422);
  assert.doesNotMatch(error.message, /SEALED/);
});
