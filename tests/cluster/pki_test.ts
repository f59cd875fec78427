import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { CertificateAuthority, createPki, type KeyPair } from "./pki.ts";

async function handshake(server: KeyPair, ca: string, client: KeyPair): Promise<string> {
  const listener = tls.createServer({ ...server, ca, requestCert: true, rejectUnauthorized: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  try {
    const { port } = listener.address() as AddressInfo;
    const accepted = once(listener, "secureConnection");
    const socket = tls.connect({ host: "localhost", port, ca, ...client });
    const [peer] = await Promise.race([
      accepted,
      once(socket, "error").then(([error]) => Promise.reject(error)),
    ]) as [tls.TLSSocket];
    assert.equal(peer.authorized, true);
    const subject = peer.getPeerCertificate().subject;
    socket.destroy();
    peer.destroy();
    return `${subject.O}/${subject.CN}`;
  } finally {
    listener.close();
    await once(listener, "close");
  }
}

Deno.test("createPki makes certificates that both ends of TLS accept", async () => {
  const pki = await createPki("test");
  const subject = await handshake(pki.apiserver, pki.ca.pem, pki.admin);
  assert.equal(subject, "system:masters/kubernetes-admin");
  const certificate = new X509Certificate(pki.apiserver.cert);
  assert.ok(certificate.checkIP("127.0.0.1"));
  assert.ok(certificate.checkHost("localhost"));
  assert.notEqual(pki.frontProxyCa.pem, pki.ca.pem);
});

Deno.test("CertificateAuthority comes back from its files", async () => {
  const ca = await CertificateAuthority.create("saved");
  const loaded = await CertificateAuthority.load(await ca.keyPair());
  const leaf = await loaded.issue({ commonName: "late", notAfter: new Date(Date.now() - 1000) });
  const certificate = new X509Certificate(leaf.cert);
  assert.ok(certificate.verify(new X509Certificate(ca.pem).publicKey));
  assert.ok(new Date(certificate.validTo) < new Date());
});
