import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import { type AgentKey, generateAgentKey } from "./keys.ts";
import { ParentClock } from "./parent_clock.ts";
import { RegistrationRefusedError, type RegistrationState } from "./register_options.ts";
import { Registration } from "./registration.ts";
import type { Credentials } from "./store.ts";
import {
  BOOTSTRAP_TOKEN,
  CLUSTER_ID,
  FakeParent,
  plainCredentials,
  sealTo,
  SECRET_TOKEN,
  waitFor,
} from "./testing.ts";

const NOW = Date.parse("2029-01-01T00:00:00Z");
const FRESH = NOW + 3_600_000;
const PARENT = "https://parent:6443";

interface Bed extends AsyncDisposable {
  parent: FakeParent;
  key: AgentKey;
  registration: Registration;
  saved: Credentials[];
  states: RegistrationState[];
  log: ReturnType<typeof memoryLog>;
  stop: AbortController;
  /** Approves with a token that expires then. */
  approve(token: string, expires?: string): Promise<void>;
}

async function bed(
  stored: Partial<Credentials> | undefined,
  bootstrapToken: string | undefined = BOOTSTRAP_TOKEN,
): Promise<Bed> {
  const parent = new FakeParent();
  const key = await generateAgentKey();
  const log = memoryLog();
  const saved: Credentials[] = [];
  const states: RegistrationState[] = [];
  const stop = new AbortController();
  const credentials: Credentials = {
    token: SECRET_TOKEN,
    expiresAt: FRESH,
    caCertificate: "",
    namespace: "ns",
    managedClusterName: "edge-1",
    parentUrl: PARENT,
    clusterId: CLUSTER_ID,
    ...stored,
  };
  const registration = new Registration({
    cluster: {
      clusterId: CLUSTER_ID,
      clusterName: "edge-1",
      clusterType: "EdgeClusterSelfProvisioned",
      clusterLabels: {},
    },
    stored: { key, ...(stored === undefined ? {} : { credentials }) },
    store: {
      saveCredentials: (given) => {
        saved.push(given);
        return Promise.resolve();
      },
    },
    parentUrl: PARENT,
    parent: (bearer) => Promise.resolve(parent.client(bearer)),
    bootstrapToken: () => Promise.resolve(bootstrapToken),
    event: () => {},
    onState: (state) => states.push(state),
    clock: new ParentClock({ now: () => NOW }),
    random: () => 0.01,
    firstPollMs: 1,
    maxPollMs: 5,
    maxRefusedMs: 5,
    log,
  });
  return {
    parent,
    key,
    registration,
    saved,
    states,
    log,
    stop,
    approve: async (token, expires = "2030-01-01T00:00:00Z") => {
      if (parent.request() === undefined) parent.putRequest(key.publicJwk);
      const payload = plainCredentials({ token, expirationTimestamp: expires });
      parent.setStatus({
        result: "Approved",
        sealedCredentials: await sealTo(key.publicJwk, payload),
      });
    },
    [Symbol.asyncDispose](): Promise<void> {
      stop.abort(new Error("the test has ended"));
      return Promise.resolve();
    },
  };
}

Deno.test("Registration uses stored credentials without asking the parent", async () => {
  await using test = await bed({});
  await test.registration.start(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, SECRET_TOKEN);
  assert.equal(test.parent.kube.requests.length, 0);
  assert.deepEqual(test.states, ["registered"]);
});

Deno.test("Registration registers anew when the parent's URL changed", async () => {
  await using test = await bed({ parentUrl: "https://old-parent:6443" });
  await test.approve("new-token");
  await test.registration.start(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, "new-token");
  assert.equal(test.saved[0]?.parentUrl, PARENT);
});

Deno.test("Registration comes back after a long absence with a bootstrap token", async () => {
  await using test = await bed({ token: "expired", expiresAt: NOW - 1000 });
  await test.approve("new-token");
  await test.registration.start(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, "new-token");
  assert.equal(test.parent.unauthorized, 1, "asked once whether the old one counts");
});

Deno.test("Registration trusts the parent more than its own clock", async () => {
  await using test = await bed({ expiresAt: NOW - 1000 }, "");
  test.parent.putRequest(test.key.publicJwk);
  await test.registration.start(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, SECRET_TOKEN);
});

Deno.test("Registration takes fresher credentials where it finds them", async () => {
  await using test = await bed({ expiresAt: NOW - 1000 }, "");
  await test.approve("new-token");
  await test.registration.start(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, "new-token");
});

Deno.test("Registration without a bootstrap token says so and waits", async () => {
  await using test = await bed({ token: "expired", expiresAt: NOW - 1000 }, "");
  const started = test.registration.start(test.stop.signal);
  started.catch(() => {});
  await waitFor(() => test.states.includes("waiting-for-token"));
  const errors = test.log.lines.filter(({ level }) => level === "error");
  assert.equal(errors.length, 1);
  test.stop.abort(new Error("stopped"));
  await assert.rejects(started, /stopped/);
});

Deno.test("recover keeps a token that the parent still takes", async () => {
  await using test = await bed({});
  await test.approve("other", "2028-01-01T00:00:00Z");
  await test.registration.start(test.stop.signal);
  await test.registration.recover(test.stop.signal);
  assert.equal(test.registration.credentials.current()?.token, SECRET_TOKEN);
});

Deno.test("recover registers anew when the token is void; calls share the work", async () => {
  await using test = await bed({ token: "void" });
  await test.registration.start(test.stop.signal);
  await test.approve("new-token");
  test.parent.tokens.set("new-token", "agent");
  await Promise.all([1, 2, 3].map(() => test.registration.recover(test.stop.signal)));
  assert.equal(test.registration.credentials.current()?.token, "new-token");
  assert.equal(test.parent.unauthorized, 1);
});

Deno.test("recover waits for new credentials when those in the status are void too", async () => {
  await using test = await bed({ token: "void" });
  await test.registration.start(test.stop.signal);
  await test.approve("void");
  const recovered = test.registration.recover(test.stop.signal);
  await waitFor(() => test.states.includes("waiting-for-credentials"));
  await test.approve("new-token", "2030-02-01T00:00:00Z");
  test.parent.tokens.set("new-token", "agent");
  await recovered;
  assert.equal(test.registration.credentials.current()?.token, "new-token");
});

Deno.test("recover takes the old token again when its refusal was a passing fault", async () => {
  await using test = await bed({ token: "void" });
  await test.registration.start(test.stop.signal);
  await test.approve("void");
  const recovered = test.registration.recover(test.stop.signal);
  await waitFor(() => test.states.includes("waiting-for-credentials"));
  test.parent.tokens.set("void", "agent");
  await recovered;
  assert.equal(test.registration.credentials.current()?.token, "void");
});

for (const bootstrap of ["", "expired-bootstrap-token"]) {
  const title = bootstrap === "" ? "no bootstrap token" : "an expired bootstrap token";
  Deno.test(`recover takes the old token again with ${title}`, async () => {
    await using test = await bed({ token: "void" }, bootstrap);
    await test.registration.start(test.stop.signal);
    const recovered = test.registration.recover(test.stop.signal);
    await waitFor(() => test.states.includes("waiting-for-token"));
    assert.equal(test.registration.credentials.current(), undefined);
    test.parent.tokens.set("void", "agent");
    await recovered;
    assert.equal(test.registration.credentials.current()?.token, "void");
    assert.equal(test.states.at(-1), "registered");
  });
}

for (const token of [SECRET_TOKEN, "void"]) {
  Deno.test(`recover ends when the cluster was revoked (token ${token.slice(0, 4)})`, async () => {
    await using test = await bed({ token });
    await test.registration.start(test.stop.signal);
    test.parent.putRequest(test.key.publicJwk);
    test.parent.setStatus({
      result: "Denied",
      conditions: [{
        type: "Revoked",
        status: "True",
        reason: "ManagedClusterDeleted",
        message: "",
        lastTransitionTime: "2029-01-01T00:00:00Z",
      }],
    });
    await assert.rejects(
      test.registration.recover(test.stop.signal),
      (error: Error) => error instanceof RegistrationRefusedError && error.reason === "Revoked",
    );
  });
}

Deno.test("Registration shows no token in its log", async () => {
  await using test = await bed({ token: "void-void-void" });
  await test.registration.start(test.stop.signal);
  await test.approve("new-new-new-token");
  await test.registration.recover(test.stop.signal);
  const said = JSON.stringify(test.log.lines);
  for (const token of ["void-void-void", "new-new-new-token", BOOTSTRAP_TOKEN]) {
    assert.ok(!said.includes(token), token);
  }
});
