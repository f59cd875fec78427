import assert from "node:assert/strict";
import type { ClusterRegistrationRequestStatus } from "../../shared/kube/clusternet_types.ts";
import { memoryLog, type MemoryLogLine } from "../../shared/log.ts";
import { NotStoredError } from "./credentials.ts";
import { type AgentKey, generateAgentKey } from "./keys.ts";
import { register } from "./register.ts";
import { RegistrationRefusedError, type RegistrationState } from "./register_options.ts";
import { requestName } from "./request.ts";
import {
  BOOTSTRAP_TOKEN,
  CLUSTER_ID,
  FakeParent,
  plainCredentials,
  SECRET_TOKEN,
  waitFor,
} from "./testing.ts";
import { ExpiredError } from "./credentials.ts";
import { SealedError } from "./sealed.ts";

interface Bed extends AsyncDisposable {
  parent: FakeParent;
  key: AgentKey;
  lines: MemoryLogLine[];
  states: RegistrationState[];
  events: string[];
  /** What `accept` was given. */
  accepted: string[];
  /** Thrown by `accept` when set. */
  refuse: { error: Error | undefined };
  token: { value: string | undefined };
  done: Promise<void>;
  stop: AbortController;
}

async function bed(
  start: (parent: FakeParent, key: AgentKey) => void | Promise<void> = () => {},
  token: string | undefined = BOOTSTRAP_TOKEN,
): Promise<Bed> {
  const parent = new FakeParent();
  const key = await generateAgentKey();
  await start(parent, key);
  const log = memoryLog();
  const states: RegistrationState[] = [];
  const events: string[] = [];
  const accepted: string[] = [];
  const refuse: Bed["refuse"] = { error: undefined };
  const current = { value: token };
  const stop = new AbortController();
  const done = register({
    cluster: {
      clusterId: CLUSTER_ID,
      clusterName: "edge-1",
      clusterType: "EdgeClusterSelfProvisioned",
      clusterLabels: { site: "berlin" },
    },
    key,
    credentials: {
      accept: (jwe) => {
        if (refuse.error !== undefined) return Promise.reject(refuse.error);
        accepted.push(jwe);
        return Promise.resolve("taken" as const);
      },
      retryRefused: () => Promise.resolve(false),
    },
    parentUrl: "https://parent:6443",
    parent: (bearer) => Promise.resolve(parent.client(bearer)),
    bootstrapToken: () => Promise.resolve(current.value),
    event: (_type, reason, message) => events.push(`${reason}: ${message}`),
    onState: (state) => {
      if (states.at(-1) !== state) states.push(state);
    },
    signal: stop.signal,
    log,
    random: () => 0.01,
    firstPollMs: 1,
    maxPollMs: 5,
    maxRetryMs: 5,
    maxRefusedMs: 5,
  });
  done.catch(() => {});
  return {
    parent,
    key,
    lines: log.lines,
    states,
    events,
    accepted,
    refuse,
    token: current,
    done,
    stop,
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort(new Error("the test has ended"));
      await done.catch(() => {});
    },
  };
}

const APPROVED: ClusterRegistrationRequestStatus = {
  result: "Approved",
  sealedCredentials: "a.b.c.d.e",
};

Deno.test("register makes the request and takes the sealed credentials", async () => {
  await using test = await bed();
  await waitFor(() => test.states.includes("pending"));
  const request = test.parent.request()!;
  assert.equal(request.metadata.name, requestName(CLUSTER_ID));
  assert.deepEqual(request.spec, {
    clusterId: CLUSTER_ID,
    clusterName: "edge-1",
    clusterType: "EdgeClusterSelfProvisioned",
    clusterLabels: { site: "berlin" },
    publicKey: test.key.publicJwk,
  });
  assert.equal(
    request.metadata.labels!["clusters.clusternet.io/registered-by"],
    "clusternet-agent",
  );
  test.parent.setStatus(APPROVED);
  await test.done;
  assert.deepEqual(test.accepted, ["a.b.c.d.e"]);
  assert.deepEqual(test.states, ["pending", "registered"]);
});

Deno.test("register comes back to its own request without approval", async () => {
  await using test = await bed((parent, key) => {
    parent.putRequest(key.publicJwk);
    parent.setStatus(APPROVED);
  });
  await test.done;
  assert.equal(test.accepted.length, 1);
  assert.equal(test.parent.kube.count("POST", /clusterregistrationrequests/), 1);
});

Deno.test("register waits for credentials that the hub did not seal yet", async () => {
  await using test = await bed((parent, key) => {
    parent.putRequest(key.publicJwk);
    parent.setStatus({ result: "Approved" });
  });
  await waitFor(() => test.states.includes("waiting-for-credentials"));
  test.parent.setStatus(APPROVED);
  await test.done;
});

Deno.test("register is refused where another key has the id, and says what to do once", async () => {
  await using test = await bed(async (parent) => {
    parent.putRequest((await generateAgentKey()).publicJwk);
    parent.setStatus(APPROVED);
  });
  await waitFor(() => test.states.includes("other-key"));
  await waitFor(() => test.events.length > 0);
  assert.match(test.events[0]!, /another key.*kubectl delete clsrr clusternet-dc91021d/);
  assert.equal(test.lines.filter(({ level }) => level === "error").length, 1);
  assert.equal(test.accepted.length, 0);
});

Deno.test("register goes on when the admin deleted the other's request", async () => {
  await using test = await bed(async (parent) => {
    parent.putRequest((await generateAgentKey()).publicJwk);
  });
  await waitFor(() => test.states.includes("other-key"));
  test.parent.kube.remove(
    "clusters.clusternet.io/clusterregistrationrequests",
    requestName(CLUSTER_ID),
  );
  test.token.value = "abcdef.0123456789abcdee"; // A new token is tried at once
  test.parent.tokens.set(test.token.value, "bootstrap");
  await waitFor(() => test.parent.request() !== undefined, 5_000);
  test.parent.setStatus(APPROVED);
  await test.done;
});

for (const kind of ["Denied", "Revoked"] as const) {
  Deno.test(`register ends with a clear message when the request is ${kind}`, async () => {
    await using test = await bed((parent, key) => {
      parent.putRequest(key.publicJwk);
      parent.setStatus({
        result: "Denied",
        conditions: [{
          type: kind,
          status: "True",
          reason: "ByAdmin",
          message: "not ours",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        }],
      });
    });
    await assert.rejects(test.done, (error: Error) => {
      assert.ok(error instanceof RegistrationRefusedError);
      assert.equal(error.reason, kind);
      assert.match(error.message, /\(not ours\).*kubectl delete clsrr clusternet-dc91021d/);
      return true;
    });
    assert.match(test.events[0]!, new RegExp(`^Registration${kind}: `));
    assert.equal(test.states.at(-1), "refused");
  });
}

Deno.test("register goes on after Failed", async () => {
  await using test = await bed((parent, key) => {
    parent.putRequest(key.publicJwk);
    parent.setStatus({ result: "Failed", errorMessage: "no namespace" });
  });
  await waitFor(() => test.states.includes("failed"));
  assert.match(test.lines.find(({ level }) => level === "error")!.message, /no namespace/);
  test.parent.setStatus(APPROVED);
  await test.done;
});

Deno.test("register says one line for a refused token, and takes a new one at once", async () => {
  await using test = await bed(() => {}, "wrong1.0123456789abcdef");
  await waitFor(() => test.parent.unauthorized >= 1);
  assert.deepEqual(test.states, ["waiting-for-token"]);
  const errors = (): MemoryLogLine[] => test.lines.filter(({ level }) => level === "error");
  assert.equal(errors().length, 1);
  assert.match(errors()[0]!.message, /wrong, expired or deleted.*--cluster-reg-token/);
  test.token.value = BOOTSTRAP_TOKEN;
  await waitFor(() => test.parent.request() !== undefined, 5_000);
  assert.equal(errors().length, 1);
  test.parent.setStatus(APPROVED);
  await test.done;
});

Deno.test("register without any token says so in one line and does not ask the parent", async () => {
  await using test = await bed(() => {}, "");
  await waitFor(() => test.states.includes("waiting-for-token"));
  assert.equal(test.lines.length, 1);
  assert.match(test.lines[0]!.message, /no registration token is given.*env REG_TOKEN/);
  assert.equal(test.parent.kube.requests.length, 0);
});

Deno.test("register names the grant that a token lacks", async () => {
  await using test = await bed((parent) => {
    parent.tokens.set(BOOTSTRAP_TOKEN, "nobody");
  });
  await waitFor(() => test.lines.length > 0);
  assert.match(test.lines[0]!.message, /clusternet:system:bootstrapping/);
});

Deno.test("register waits for the hub to be installed", async () => {
  await using test = await bed((parent) => {
    parent.installed = false;
  });
  await waitFor(() => test.states.includes("failed"));
  assert.match(test.lines[0]!.message, /install the hub/);
  test.parent.installed = true;
  await waitFor(() => test.parent.request() !== undefined, 5_000);
});

Deno.test("register survives a parent that cannot be reached, and says so once", async () => {
  let failures = 0;
  await using test = await bed((parent) => {
    parent.kube.interceptors.push(() => {
      if (++failures <= 3) throw new TypeError("connection refused");
    });
  });
  await waitFor(() => test.parent.request() !== undefined, 5_000);
  assert.equal(test.lines.filter(({ level }) => level === "warn").length, 1);
  test.parent.setStatus(APPROVED);
  await test.done;
});

Deno.test("register waits while the sealed token is expired", async () => {
  await using test = await bed((parent, key) => {
    parent.putRequest(key.publicJwk);
    parent.setStatus(APPROVED);
  });
  test.refuse.error = new ExpiredError("Cannot use the sealed credentials: their token expired");
  // The first answer may have been taken before: either way it ends registered
  await waitFor(() => test.states.length > 0);
  test.refuse.error = undefined;
  await test.done;
  assert.equal(test.states.at(-1), "registered");
});

Deno.test("register says what is wrong with a bad JWE and polls on", async () => {
  await using test = await bed();
  test.refuse.error = new SealedError("Cannot open the sealed credentials: not for this key");
  await waitFor(() => test.states.includes("pending"));
  test.parent.setStatus(APPROVED);
  await waitFor(() => test.states.includes("failed"));
  assert.match(test.lines.at(-1)!.message, /not for this key/);
  test.refuse.error = undefined;
  await test.done;
});

Deno.test("register is done with credentials that could not be stored", async () => {
  await using test = await bed();
  test.refuse.error = new NotStoredError("Cannot store the credentials in the child");
  await waitFor(() => test.states.includes("pending"));
  test.parent.setStatus(APPROVED);
  await test.done;
  assert.equal(test.lines.at(-1)!.level, "error");
});

Deno.test("register makes the request anew when somebody deletes it while it is pending", async () => {
  await using test = await bed();
  await waitFor(() => test.states.includes("pending"));
  const uid = test.parent.request()!.metadata.uid;
  test.parent.kube.remove(
    "clusters.clusternet.io/clusterregistrationrequests",
    requestName(CLUSTER_ID),
  );
  await waitFor(() => ![undefined, uid].includes(test.parent.request()?.metadata.uid), 5_000);
});

Deno.test("register ends with its signal and shows no token anywhere", async () => {
  const test = await bed();
  await waitFor(() => test.states.includes("pending"));
  test.stop.abort(new Error("stopped"));
  await assert.rejects(test.done, /stopped/);
  const said = JSON.stringify([test.lines, test.events, test.states]);
  assert.ok(!said.includes(BOOTSTRAP_TOKEN) && !said.includes(SECRET_TOKEN));
  assert.ok(!said.includes(plainCredentials().token));
});
