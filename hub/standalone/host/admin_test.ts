import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { loadKubeConfig } from "../../../shared/kube/kubeconfig.ts";
import { directoryStore } from "../../front/ca_store.ts";
import { createCa } from "../../front/certificates.ts";
import { clientCa, writeAdminKubeconfig } from "./admin.ts";

const now = Date.now();

Deno.test("clientCa() is made once and kept", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const store = directoryStore(dir, "client-ca.pem");
    const first = await clientCa(store, now);
    assert.deepEqual(await clientCa(store, now), first);
    assert.ok(new X509Certificate(first.cert).ca);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("writeAdminKubeconfig() writes a file for this user alone that can be loaded", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "admin.kubeconfig");
    const [ca, serving] = await Promise.all([createCa(now), createCa(now)]);
    const server = "https://127.0.0.1:8443";
    await writeAdminKubeconfig({ path, server, servingCa: serving.cert, ca, now });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    const config = await loadKubeConfig({ path });
    assert.equal(config.server, server);
    assert.equal(config.ca, serving.cert);
    const cert = new X509Certificate(config.clientCert!.cert);
    assert.match(cert.subject, /O=system:masters/);
    assert.match(cert.subject, /CN=clusternet-admin/);
    assert.ok(cert.verify(new X509Certificate(ca.cert).publicKey));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
