import assert from "node:assert/strict";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { caHash } from "../../shared/kube/ca_discovery.ts";
import { certificateOfHash, checkCaFile } from "./parent_ca.ts";

Deno.test("checkCaFile takes certificates, and an empty file for none", async () => {
  const { pem } = await TestCa.create("parent CA");
  assert.equal(checkCaFile(pem, "--flag ca.crt"), pem);
  assert.equal(checkCaFile("\n", "--flag ca.crt"), undefined);
  assert.throws(() => checkCaFile("hello", "--flag ca.crt"), /--flag ca.crt: it holds no certif/);
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.throws(() => checkCaFile(pem + broken, "--flag ca.crt"), /broken certificate/);
});

Deno.test("certificateOfHash finds a CA among others", async () => {
  const [a, b] = await Promise.all([TestCa.create("a"), TestCa.create("b")]);
  const hash = caHash(b.pem).replace("sha256:", "");
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.equal(certificateOfHash(broken + a.pem + b.pem, hash), b.pem.trim());
  assert.equal(certificateOfHash(a.pem, hash), undefined);
  assert.equal(certificateOfHash("", hash), undefined);
});
