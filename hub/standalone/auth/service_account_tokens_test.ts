import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { StatusError } from "../../../shared/kube/status.ts";
import type { ApiObject, Stored } from "../store/types.ts";
import { LOOPBACK_USER } from "../user.ts";
import { type ServiceAccountTokens, serviceAccountTokens } from "./service_account_tokens.ts";
import { FakeStore } from "./testing.ts";

const ISSUER = "https://kubernetes.default.svc";
const START = Date.parse("2026-11-25T12:56:21.900Z");

function newKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    .export({ type: "pkcs8", format: "pem" }).toString();
}

const KEY = newKey();

interface World {
  store: FakeStore;
  account: Stored;
  tokens: ServiceAccountTokens;
  clock: { now: number };
  create(request?: Record<string, unknown>): Promise<ApiObject>;
  token(spec?: Record<string, unknown>): Promise<string>;
  /** Why a token is refused; empty when it is not. */
  fault(token: string, audiences?: string[]): Promise<string>;
}

async function world(signingKeyPem = KEY, issuer = ISSUER): Promise<World> {
  const store = new FakeStore();
  const clock = { now: START };
  const account = store.add("serviceaccounts", {
    metadata: { name: "sa1", namespace: "ns", uid: "account-uid" },
  });
  store.add("secrets", { metadata: { name: "bound", namespace: "ns", uid: "secret-uid" } });
  store.add("nodes", { metadata: { name: "n1", uid: "node-uid" } });
  const tokens = await serviceAccountTokens({
    store,
    signingKeyPem,
    issuer,
    now: () => clock.now,
    newId: () => "jti-1",
  });
  const create = (request: Record<string, unknown> = {}): Promise<ApiObject> =>
    tokens.createToken({
      serviceAccount: account,
      request: { kind: "", apiVersion: "", metadata: {}, ...request },
      user: LOOPBACK_USER,
    });
  return {
    store,
    account,
    tokens,
    clock,
    create,
    token: async (spec = {}) => ((await create({ spec })).status as { token: string }).token,
    fault: async (token, audiences) => {
      const verdict = await tokens.judgeToken(token, audiences);
      return verdict.user === undefined ? verdict.error : "";
    },
  };
}

async function refusal(work: Promise<unknown>): Promise<StatusError> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof StatusError);
  return error;
}

Deno.test("createToken fills in defaults and answers as kube-apiserver", async () => {
  const { create } = await world();
  const { status, ...rest } = await create({ metadata: { labels: { a: "b" } } });
  assert.deepEqual(rest, {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: {
      labels: { a: "b" },
      name: "sa1",
      namespace: "ns",
      uid: "account-uid",
      creationTimestamp: "2026-11-25T12:56:21Z",
    },
    spec: { audiences: [ISSUER], expirationSeconds: 3600, boundObjectRef: null },
  });
  const { token, expirationTimestamp } = status as { token: string; expirationTimestamp: string };
  assert.equal(expirationTimestamp, "2026-11-25T13:56:21Z");
  const [head, body] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  const header = JSON.parse(head ?? "");
  assert.equal(header.alg, "ES256");
  assert.match(header.kid, /^[A-Za-z0-9_-]{43}$/);
  const now = Math.floor(START / 1000);
  assert.deepEqual(JSON.parse(body ?? ""), {
    aud: [ISSUER],
    exp: now + 3600,
    iat: now,
    iss: ISSUER,
    jti: "jti-1",
    "kubernetes.io": {
      namespace: "ns",
      serviceaccount: { name: "sa1", uid: "account-uid" },
    },
    nbf: now,
    sub: "system:serviceaccount:ns:sa1",
  });
});

Deno.test("createToken checks metadata and lifetime in kube-apiserver's words", async () => {
  const { create } = await world();
  const name = await refusal(create({ metadata: { name: "other" } }));
  assert.deepEqual([name.code, name.message], [
    422,
    'TokenRequest.authentication.k8s.io "sa1" is invalid: metadata.name: Invalid value: "other": ' +
    "must match the service account name if specified",
  ]);
  const namespace = await refusal(create({ metadata: { namespace: "other" } }));
  assert.equal(namespace.code, 400);
  const uid = await refusal(create({ metadata: { uid: "abc" } }));
  assert.deepEqual([uid.code, uid.message], [
    409,
    'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "sa1": the UID in the ' +
    "token request (abc) does not match the UID of the service account (account-uid)",
  ]);
  const short = await refusal(create({ spec: { expirationSeconds: 599 } }));
  assert.equal(
    short.message,
    'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ' +
      "599: may not specify a duration less than 10 minutes",
  );
  const long = await refusal(create({ spec: { expirationSeconds: 4294967297 } }));
  assert.match(
    long.message,
    /Invalid value: 4294967297: may not specify a duration larger than 2\^32 seconds$/,
  );
  const { status } = await create({ spec: { expirationSeconds: 4294967296 } });
  assert.match(
    (status as { expirationTimestamp: string }).expirationTimestamp,
    /^2163-01-01T19:24:3/,
  );
});

Deno.test("createToken binds to Secrets and Nodes and refuses all else", async () => {
  const { create } = await world();
  const bind = async (ref: Record<string, string>): Promise<[number, string]> => {
    const { code, message } = await refusal(create({ spec: { boundObjectRef: ref } }));
    return [code, message];
  };
  assert.deepEqual(await bind({ kind: "Secret", apiVersion: "v1", name: "nope" }), [
    404,
    'secrets "nope" not found',
  ]);
  assert.deepEqual(await bind({ kind: "Pod", apiVersion: "v1", name: "nope" }), [
    404,
    'pods "nope" not found',
  ]);
  assert.deepEqual(await bind({ kind: "Secret", name: "bound", uid: "123" }), [
    409,
    'Operation cannot be fulfilled on Secret "bound": the UID in the bound object reference (123) ' +
    "does not match the UID in record. The object might have been deleted and then recreated",
  ]);
  assert.deepEqual(await bind({ kind: "Deployment", apiVersion: "apps/v1", name: "d" }), [
    400,
    "cannot bind token to object of type apps/v1, Kind=Deployment",
  ]);
  assert.deepEqual(await bind({}), [400, "cannot bind token to object of type /, Kind="]);
  assert.deepEqual(await bind({ kind: "Secret", apiVersion: "v1" }), [
    400,
    "Name parameter required.",
  ]);
  const ref = { kind: "Secret", apiVersion: "v1", name: "bound" };
  const { spec } = await create({ spec: { boundObjectRef: ref } });
  assert.deepEqual((spec as { boundObjectRef: unknown }).boundObjectRef, ref);
});

Deno.test("judgeToken makes the user of the claims", async () => {
  const { tokens, token } = await world();
  assert.deepEqual(await tokens.authenticateToken(await token()), {
    user: {
      name: "system:serviceaccount:ns:sa1",
      uid: "account-uid",
      groups: ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
      extra: { "authentication.kubernetes.io/credential-id": ["JTI=jti-1"] },
    },
    audiences: [ISSUER],
  });
  const onNode = await token({ boundObjectRef: { kind: "Node", apiVersion: "v1", name: "n1" } });
  assert.deepEqual((await tokens.authenticateToken(onNode))?.user.extra, {
    "authentication.kubernetes.io/credential-id": ["JTI=jti-1"],
    "authentication.kubernetes.io/node-name": ["n1"],
    "authentication.kubernetes.io/node-uid": ["node-uid"],
  });
});

Deno.test("judgeToken compares audiences", async () => {
  const { tokens, token, fault } = await world();
  const other = await token({ audiences: ["foo", "bar"] });
  assert.equal(
    await fault(other),
    `token audiences ["foo" "bar"] is invalid for the target audiences ["${ISSUER}"]`,
  );
  const found = await tokens.authenticateToken(other, ["foo", "baz", "bar", "foo"]);
  assert.deepEqual(found?.audiences, ["foo", "bar", "foo"]);
  assert.equal(
    await fault(await token(), ["foo"]),
    `token audiences ["${ISSUER}"] is invalid for the target audiences ["foo"]`,
  );
});

Deno.test("judgeToken believes its own signature alone", async () => {
  const { token, fault } = await world();
  const good = await token();
  const [head = "", body = "", signature = ""] = good.split(".");
  const bad = "go-jose/go-jose: error in cryptographic primitive";
  const header = (fields: unknown): string =>
    Buffer.from(JSON.stringify(fields)).toString("base64url");
  assert.equal(await fault(`${head}.${body}.${signature.slice(0, -12)}AAAAAAAAAAAA`), bad);
  assert.equal(await fault(`${header({ alg: "none" })}.${body}.`), bad);
  assert.equal(await fault(`${header({ alg: "HS256" })}.${body}.${signature}`), bad);
  assert.equal(
    await fault(`${header({ alg: "ES256", kid: "zzz" })}.${body}.${signature}`),
    "invalid signature, no keys found",
  );
  const forged = JSON.parse(Buffer.from(body, "base64url").toString());
  forged.sub = "system:serviceaccount:kube-system:root";
  assert.equal(await fault(`${head}.${header(forged)}.${signature}`), bad);
  const stranger = await world(newKey());
  assert.equal(await fault(await stranger.token()), "invalid signature, no keys found");
});

Deno.test("judgeToken leaves alone what is no token of this issuer", async () => {
  const { tokens, token, fault } = await world();
  const foreign = await (await world(KEY, "https://elsewhere")).token();
  const good = await token();
  for (const one of ["", "abc", "a.b.c", "abcdef.0123456789abcdef", foreign, `${good}.x`]) {
    assert.deepEqual(await tokens.judgeToken(one), { error: "" });
  }
  assert.equal(await fault(`${good}${"x".repeat(20_000)}`), "");
});

Deno.test("judgeToken goes by the clock with a minute of leeway, each time", async () => {
  const { token, fault, clock } = await world();
  const one = await token({ expirationSeconds: 600 });
  assert.equal(await fault(one), "");
  clock.now = START + 660_000;
  assert.equal(await fault(one), "");
  clock.now = START + 661_100;
  assert.equal(await fault(one), "service account token has expired");
  clock.now = START - 59_000;
  assert.equal(await fault(one), "");
  clock.now = START - 62_000;
  assert.equal(await fault(one), "service account token is not valid yet");
});

Deno.test("judgeToken voids at once what is deleted, and is not fooled by a namesake", async () => {
  const { store, token, fault, account } = await world();
  const ref = { kind: "Secret", apiVersion: "v1", name: "bound" };
  const bound = await token({ boundObjectRef: ref });
  const plain = await token();
  assert.deepEqual([await fault(bound), await fault(plain)], ["", ""]);
  const secret = store.get("secrets", "ns", "bound");
  assert.ok(secret);
  store.remove(secret);
  assert.equal(await fault(bound), "service account token has been invalidated");
  store.add("secrets", { metadata: { name: "bound", namespace: "ns", uid: "new" } });
  assert.equal(
    await fault(bound),
    "secret UID (new) does not match service account secret ref claim (secret-uid)",
  );
  const leaving = store.change(account, (object) => object.metadata.deletionTimestamp = "x");
  assert.equal(await fault(plain), "service account ns/sa1 has been deleted");
  store.remove(leaving);
  assert.equal(await fault(plain), 'serviceaccounts "sa1" not found');
  store.add("serviceaccounts", { metadata: { name: "sa1", namespace: "ns", uid: "new" } });
  assert.equal(
    await fault(plain),
    "service account UID (new) does not match claim (account-uid)",
  );
});

Deno.test("serviceAccountTokens takes SEC 1 keys and refuses others", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const sec1 = pair.privateKey.export({ type: "sec1", format: "pem" }).toString();
  const { token, fault } = await world(sec1);
  assert.equal(await fault(await token()), "");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
    .export({ type: "pkcs8", format: "pem" }).toString();
  await assert.rejects(world(rsa), /EC P-256/);
});
