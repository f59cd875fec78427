import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { parseAnchors, PeerVerifier } from "./client_cert.ts";
import { ALICE, DIRECT, get, TestFront } from "./test_front.ts";
import { TestCa, type TestCert } from "../../shared/testing/test_pki.ts";

/** A connection that presented these certificates, as `node:tls` shows it. */
function socketOf(certs: readonly TestCert[] | readonly string[], authorized = true): TLSSocket {
  const chain = certs.map((cert) =>
    new X509Certificate(typeof cert === "string" ? cert : cert.cert)
  );
  const peer = chain.reduceRight<Record<string, unknown>>(
    (issuer, { raw }) => ({ raw, issuerCertificate: issuer }),
    {},
  );
  return { authorized, getPeerCertificate: () => peer } as unknown as TLSSocket;
}

Deno.test("parseAnchors() reads bundles, and refuses what is none", async () => {
  const [a, b] = [await TestCa.create("a"), await TestCa.create("b")];
  assert.equal(parseAnchors("").certificates.length, 0);
  assert.equal(parseAnchors(`# comment\n${a.pem}\n${b.pem}`).certificates.length, 2);
  for (const text of ["nonsense", a.pem.replace(/MII.{20}/, "AAAA")]) {
    assert.throws(() => parseAnchors(text), /^TypeError: Cannot read the CA bundle/);
  }
});

Deno.test("A chain is trusted when each link is, and by a CA of now", async (t) => {
  const root = await TestCa.create("root");
  const middle = await root.subordinate("middle");
  const stranger = await (await TestCa.create("root")).subordinate("middle");
  const leaf = await middle.issue({ subject: "CN=leaf" });
  const direct = await root.issue({ subject: "CN=direct" });
  const verify = (anchor: string, certs: readonly string[]): string | undefined =>
    new PeerVerifier(parseAnchors(anchor)).verify(socketOf(certs))?.commonName;
  await t.step("direct", () => assert.equal(verify(root.pem, [direct.cert]), "direct"));
  await t.step("by way of an intermediate", () => {
    assert.equal(verify(root.pem, [leaf.cert, middle.pem]), "leaf");
    assert.equal(verify(middle.pem, [leaf.cert]), "leaf");
  });
  await t.step("not with a link missing or forged", () => {
    assert.equal(verify(root.pem, [leaf.cert]), undefined);
    assert.equal(verify(root.pem, [leaf.cert, stranger.pem]), undefined);
    assert.equal(verify(stranger.pem, [leaf.cert, middle.pem]), undefined);
  });
  await t.step("not by a leaf that plays CA", () => {
    assert.equal(verify(direct.cert, [direct.cert]), undefined);
  });
  await t.step("not when TLS refused it, nor without anchors, nor without a certificate", () => {
    const verifier = new PeerVerifier(parseAnchors(root.pem));
    assert.equal(verifier.verify(socketOf([direct.cert], false)), undefined);
    assert.equal(verifier.verify(socketOf([])), undefined);
    assert.equal(new PeerVerifier(parseAnchors("")).verify(socketOf([direct.cert])), undefined);
  });
});

Deno.test("A verdict ends with the certificate and with the CA", async () => {
  const ca = await TestCa.create("ca");
  let now = Date.now();
  const verifier = new PeerVerifier(parseAnchors(ca.pem), () => now);
  const cert = await ca.issue({ subject: "CN=a", notAfter: new Date(now + 60_000) });
  const socket = socketOf([cert]);
  assert.equal(verifier.verify(socket)?.commonName, "a");
  now += 61_000;
  assert.equal(verifier.verify(socket), undefined);
  now -= 61_000;
  const again = socketOf([cert]);
  assert.equal(verifier.verify(again)?.commonName, "a");
  verifier.anchors = parseAnchors((await TestCa.create("ca")).pem);
  assert.equal(verifier.verify(again), undefined);
});

Deno.test("The subject is read as Go reads it", async () => {
  const ca = await TestCa.create("ca");
  const cert = await ca.issue({ subject: "CN=first, O=one, O=two\\, three, CN=jürgen" });
  const peer = new PeerVerifier(parseAnchors(ca.pem)).verify(socketOf([cert]));
  assert.equal(peer?.commonName, "jürgen");
  assert.deepEqual(peer?.organizations, ["one", "two, three"]);
  assert.match(peer?.fingerprint ?? "", /^[0-9a-f]{64}$/);
});

Deno.test("A front proxy with an intermediate is known on the wire", async () => {
  await using test = await TestFront.start();
  const middle = await test.frontProxyCa.subordinate("middle");
  const leaf = await middle.issue({ subject: "CN=front-proxy-client" });
  const answer = await test.send(get(`${DIRECT}/x`, ...ALICE), {
    cert: leaf.cert + middle.pem,
    key: leaf.key,
  });
  assert.equal(answer.status, 200);
});

Deno.test("A resumed session of an old CA is refused", async () => {
  await using test = await TestFront.start();
  const options = {
    port: test.port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: test.serverCa.pem,
    cert: test.frontProxy.cert,
    key: test.frontProxy.key,
  };
  const ask = (session?: Buffer): Promise<{ status: string; session?: Buffer }> =>
    new Promise((resolve) => {
      const socket = connect({ ...options, ...(session === undefined ? {} : { session }) });
      let text = "";
      let next: Buffer | undefined;
      socket.on("session", (ticket) => next = ticket);
      socket.on("data", (chunk) => text += chunk);
      socket.on("error", () => {});
      socket.once("secureConnect", () => socket.write(get(`${DIRECT}/x`, ...ALICE)));
      socket.once(
        "close",
        () =>
          resolve({ status: text.slice(9, 12), ...(next === undefined ? {} : { session: next }) }),
      );
    });
  const first = await ask();
  assert.equal(first.status, "200");
  assert.equal((await ask(first.session)).status, "200");
  test.configure({ "requestheader-client-ca-file": (await TestCa.create("front-proxy-ca")).pem });
  assert.equal((await ask(first.session)).status, "401");
});
