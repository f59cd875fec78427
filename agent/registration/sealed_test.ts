import assert from "node:assert/strict";
import fc from "fast-check";
import { generateAgentKey, importAgentKey, samePublicKey } from "./keys.ts";
import { isNamespace, isObjectName, openSealed, SealedError } from "./sealed.ts";
import { CLUSTER_ID, plainCredentials, sealTo, SECRET_TOKEN } from "./testing.ts";

Deno.test("a stored key pair is the same when it is read again", async () => {
  const key = await generateAgentKey();
  const again = await importAgentKey(JSON.stringify(key.privateJwk));
  assert.ok(samePublicKey(key.publicJwk, again.publicJwk));
  assert.ok(!samePublicKey((await generateAgentKey()).publicJwk, key.publicJwk));
  assert.ok(!samePublicKey(undefined, key.publicJwk));
  assert.deepEqual(Object.keys(key.publicJwk).sort(), ["crv", "kty", "x", "y"]);
});

Deno.test("importAgentKey says nothing of a broken key", async () => {
  const { privateJwk } = await generateAgentKey();
  const broken = ["", "{}", "null", JSON.stringify({ ...privateJwk, d: "AAAA" })];
  broken.push(JSON.stringify({ ...privateJwk, crv: "P-384" }));
  for (const json of broken) {
    await assert.rejects(importAgentKey(json), (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.ok(!error.message.includes(privateJwk.d));
      assert.equal(error.cause, undefined);
      return true;
    });
  }
});

Deno.test("openSealed opens what the hub sealed for this key", async () => {
  const key = await generateAgentKey();
  const jwe = await sealTo(key.publicJwk, plainCredentials());
  assert.deepEqual(await openSealed(`${jwe}\n`, key, CLUSTER_ID), plainCredentials());
});

Deno.test("openSealed refuses another key, cluster, algorithm and shape", async () => {
  const key = await generateAgentKey();
  const other = await generateAgentKey();
  const seal = (change: Record<string, unknown>): Promise<string> =>
    sealTo(key.publicJwk, { ...plainCredentials(), ...change });
  const cases: [jwe: string, wanted: RegExp][] = [
    [await sealTo(other.publicJwk, plainCredentials()), /not sealed for this agent's key/],
    [await seal({ clusterId: "another" }), /another cluster/],
    [
      await sealTo(key.publicJwk, plainCredentials(), { alg: "ECDH-ES+A256KW", enc: "A256GCM" }),
      /ECDH-ES and A256GCM/,
    ],
    [
      await sealTo(key.publicJwk, plainCredentials(), { alg: "ECDH-ES", enc: "A128CBC-HS256" }),
      /ECDH-ES and A256GCM/,
    ],
    [await seal({ token: "" }), /"token"/],
    [await seal({ token: "a b" }), /"token"/],
    [await seal({ token: `${SECRET_TOKEN}\r\nX: y` }), /"token"/],
    [await seal({ expirationTimestamp: "tomorrow" }), /"expirationTimestamp"/],
    [await seal({ namespace: "../kube-system" }), /"namespace"/],
    [await seal({ managedClusterName: undefined }), /"managedClusterName"/],
    [await sealTo(key.publicJwk, "no json"), /"payload"/],
    [await sealTo(key.publicJwk, "null"), /"payload"/],
    ["x".repeat(70_000), /more than 65536/],
    ["", /not sealed/],
    ["a.b.c.d.e", /not sealed/],
  ];
  for (const [jwe, wanted] of cases) {
    await assert.rejects(openSealed(jwe, key, CLUSTER_ID), (error: Error) => {
      assert.ok(error instanceof SealedError);
      assert.match(error.message, wanted);
      assert.ok(!error.message.includes(SECRET_TOKEN));
      return true;
    });
  }
});

Deno.test("openSealed refuses any changed character (property)", async () => {
  const key = await generateAgentKey();
  const jwe = await sealTo(key.publicJwk, plainCredentials());
  await fc.assert(
    fc.asyncProperty(
      fc.nat(jwe.length - 1),
      fc.base64String({ minLength: 4 }),
      async (at, text) => {
        const changed = jwe.slice(0, at) + text[0] + jwe.slice(at + 1);
        // The last bits of a base64url group may carry nothing: same bytes, same message
        const same = changed.split(".").every((part, i) =>
          decoded(part) === decoded(jwe.split(".")[i] ?? "")
        );
        if (same) return;
        await assert.rejects(openSealed(changed, key, CLUSTER_ID), SealedError);
      },
    ),
    { numRuns: 50 },
  );
});

function decoded(part: string): string {
  try {
    return Uint8Array.fromBase64(part, { alphabet: "base64url" }).toHex();
  } catch {
    return `broken ${part}`;
  }
}

Deno.test("a namespace is a label and a ManagedCluster's name a subdomain", () => {
  for (const good of ["a", "clusternet-dhxfs", "a".repeat(63)]) assert.ok(isNamespace(good), good);
  for (const bad of ["", "a.b", "../x", "-a", "a-", "A", "a/b", "a\n", "a".repeat(64)]) {
    assert.ok(!isNamespace(bad), bad);
  }
  for (const good of ["a", "edge-1.berlin", "a".repeat(253)]) assert.ok(isObjectName(good), good);
  for (const bad of ["", "a..b", ".a", "a.", "../x", "a/b", "a\n", "a".repeat(254)]) {
    assert.ok(!isObjectName(bad), bad);
  }
});
