import assert from "node:assert/strict";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { checkCaFile } from "./parent_ca.ts";

Deno.test("checkCaFile takes certificates, and an empty file for none", async () => {
  const { pem } = await TestCa.create("parent CA");
  assert.equal(checkCaFile(pem, "--flag ca.crt"), pem);
  assert.equal(checkCaFile("\n", "--flag ca.crt"), undefined);
  assert.throws(() => checkCaFile("hello", "--flag ca.crt"), /--flag ca.crt: it holds no certif/);
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.throws(() => checkCaFile(pem + broken, "--flag ca.crt"), /broken certificate/);
});
