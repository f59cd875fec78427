import assert from "node:assert/strict";
import { exportJWK, generateKeyPair } from "jose";
import { checkPublicKey, openSealed, seal, SealingError } from "./sealing.ts";
import { ID, PRIVATE_KEY, PUBLIC_KEY } from "./testing.ts";

const CREDENTIALS = {
  clusterId: ID,
  token: "a token",
  expirationTimestamp: "2030-01-01T00:00:00Z",
  caCertificate: "PEM",
  namespace: "clusternet-dhxfs",
  managedClusterName: "edge-1",
};

Deno.test("seal() lets the holder of the key alone read", async () => {
  const jwe = await seal(PUBLIC_KEY, CREDENTIALS);
  assert.deepEqual(await openSealed(PRIVATE_KEY, jwe), CREDENTIALS);
  assert.ok(!jwe.includes("a token"));
  const other = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
  await assert.rejects(openSealed(await exportJWK(other.privateKey), jwe));
  const parts = jwe.split(".");
  parts[3] = parts[3]!.replace(/^./, (letter) => letter === "A" ? "B" : "A");
  await assert.rejects(openSealed(PRIVATE_KEY, parts.join(".")));
});

Deno.test("seal() never makes the same text twice", async () => {
  assert.notEqual(await seal(PUBLIC_KEY, CREDENTIALS), await seal(PUBLIC_KEY, CREDENTIALS));
});

Deno.test("checkPublicKey() refuses a point off the curve", async () => {
  await checkPublicKey(PUBLIC_KEY);
  const off = { ...PUBLIC_KEY, y: "A".repeat(43) };
  await assert.rejects(checkPublicKey(off), SealingError);
  await assert.rejects(seal(off, CREDENTIALS), SealingError);
});
