import assert from "node:assert/strict";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { caHash } from "../../shared/kube/ca_discovery.ts";
import { certificateOfHash, checkCaFile, vetCa } from "./parent_ca.ts";

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

Deno.test("vetCa beside a pin takes the pinned CA and valid CAs that it signed, each for itself", async () => {
  const [pin, evil, namesake] = await Promise.all(["pin", "evil", "pin"].map(TestCa.create)) as [
    TestCa,
    TestCa,
    TestCa,
  ];
  const [below, elsewhere] = await Promise.all([pin.subordinate("x"), evil.subordinate("pin")]);
  const leaf = await pin.issue({ subject: "CN=leaf" });
  const bundle = [
    evil.pem,
    pin.pem,
    namesake.pem,
    below.pem,
    elsewhere.pem,
    leaf.cert,
    pin.pem,
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  ].join("");
  const { counts, ignored } = vetCa(bundle, pin.pem, Date.now());
  assert.deepEqual(counts.map(({ pem, pinned }) => [pem, pinned]), [
    [pin.pem.trim(), true],
    [below.pem.trim(), false],
  ]);
  assert.deepEqual(
    ignored.map(({ pem }) => pem),
    [evil.pem, namesake.pem, elsewhere.pem, leaf.cert].map((pem) => pem.trim()),
  );
  const later = vetCa(bundle, pin.pem, Date.now() + 365 * 86_400_000);
  assert.deepEqual(later.counts.map(({ pinned }) => pinned), [true], "one given up counts no more");
});

Deno.test("vetCa without a pin takes every whole certificate", async () => {
  const { pem } = await TestCa.create("a");
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const { counts, ignored } = vetCa(broken + pem, undefined, Date.now());
  assert.deepEqual([counts.map((one) => one.pem), ignored], [[pem.trim()], []]);
  assert.deepEqual(vetCa("", undefined, Date.now()).counts, []);
});
