import assert from "node:assert/strict";
import { ALICE, CLUSTER, DIRECT, get, TestFront } from "./test_front.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";

Deno.test("Identity headers of a caller without a certificate are ignored", async () => {
  await using test = await TestFront.start();
  const answer = await test.send(
    get(`${DIRECT}/version`, "X-Remote-User: admin", "X-Remote-Group: system:masters"),
    null,
  );
  assert.equal(answer.status, 401);
  assert.match(answer.head, /Warning: 299 clusternet "Unauthorized: call through/);
  assert.equal(JSON.parse(answer.body).reason, "Unauthorized");
  assert.equal(test.parent.accessReviews.length, 0);
});

Deno.test("A certificate of another CA, expired, for servers or of another name is refused", async (t) => {
  await using test = await TestFront.start();
  const stranger = await TestCa.create("front-proxy-ca");
  const certificates = {
    "another CA of the same name": await stranger.issue({ subject: "CN=front-proxy-client" }),
    "expired": await test.frontProxyCa.issue({
      subject: "CN=front-proxy-client",
      notBefore: new Date(Date.now() - 7_200_000),
      notAfter: new Date(Date.now() - 60_000),
    }),
    "not valid yet": await test.frontProxyCa.issue({
      subject: "CN=front-proxy-client",
      notBefore: new Date(Date.now() + 60_000),
    }),
    "for servers": await test.frontProxyCa.issue({
      subject: "CN=front-proxy-client",
      usage: "server",
    }),
    "another common name": await test.frontProxyCa.issue({ subject: "CN=front-proxy-client2" }),
  };
  for (const [name, cert] of Object.entries(certificates)) {
    await t.step(name, async () => {
      const answer = await test.send(get(`${DIRECT}/version`, ...ALICE), cert);
      assert.equal(answer.status, 401);
    });
  }
  assert.equal(test.proxied.length, 0);
});

Deno.test("Any common name is allowed when the ConfigMap lists none", async () => {
  await using test = await TestFront.start({ allowedNames: [] });
  const cert = await test.frontProxyCa.issue({ subject: "CN=anything" });
  assert.equal((await test.send(get(`${DIRECT}/version`, ...ALICE), cert)).status, 200);
});

Deno.test("The identity in the review is exactly what the front proxy wrote", async () => {
  await using test = await TestFront.start();
  const answer = await test.send(
    new TextEncoder().encode(get(
      `${DIRECT}/version`,
      "X-Remote-User: jürgen, the first",
      "X-Remote-Uid: 42",
      "X-Remote-Group: a",
      "X-Remote-Group: b,c, d",
      "X-Remote-Group:",
      "X-Remote-Group: ümläut",
      "X-Remote-Extra-Scopes: one",
      "X-Remote-Extra-scopes: two,three",
      "X-Remote-Extra-Authentication.Kubernetes.Io%2fCredential-Id: JTI=1",
      "X-Remote-Extra-bad%zz: kept",
      "X-Remote-Other: nothing",
      "Authorization: Bearer ignored",
    )),
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(test.parent.accessReviews, [{
    user: "jürgen, the first",
    uid: "42",
    groups: ["a", "b,c, d", "ümläut", "system:authenticated"],
    extra: {
      "scopes": ["one", "two,three"],
      "authentication.kubernetes.io/credential-id": ["JTI=1"],
      "bad%zz": ["kept"],
    },
    resourceAttributes: {
      group: "proxies.clusternet.io",
      version: "v1alpha1",
      resource: "sockets",
      subresource: "proxy",
      name: CLUSTER,
      verb: "get",
    },
  }]);
  assert.deepEqual(test.proxied[0]!.identity, {
    user: "jürgen, the first",
    uid: "42",
    groups: ["a", "b,c, d", "ümläut", "system:authenticated"],
    extra: [
      ["scopes", "one"],
      ["scopes", "two,three"],
      ["authentication.kubernetes.io/credential-id", "JTI=1"],
      ["bad%zz", "kept"],
    ],
    via: "front-proxy",
  });
  assert.deepEqual(test.parent.tokenReviews, []);
});

Deno.test("A UID header counts only when the ConfigMap names it", async () => {
  await using test = await TestFront.start({ uidHeaders: [] });
  await test.send(get(`${DIRECT}/version`, ...ALICE, "X-Remote-Uid: forged"));
  assert.equal(test.proxied[0]!.identity.uid, undefined);
});

Deno.test("Connection cannot remove identity headers", async () => {
  await using test = await TestFront.start();
  const answer = await test.send(
    `GET ${DIRECT}/version HTTP/1.1\r\nHost: hub\r\n` +
      "Connection: close, X-Remote-User, Impersonate-User, Authorization, X-Remote-Group\r\n" +
      ALICE.join("\r\n") + "\r\n\r\n",
  );
  assert.equal(answer.status, 200);
  assert.equal(test.proxied[0]!.identity.user, "alice");
  assert.deepEqual(test.proxied[0]!.identity.groups, ["dev", "system:authenticated"]);
});

Deno.test("A user of the client CA is who its certificate says, not who its headers say", async () => {
  await using test = await TestFront.start();
  const cert = await test.clientCa.issue({ subject: "O=ops, O=dev, CN=bob" });
  const answer = await test.send(
    get(`${DIRECT}/version`, "X-Remote-User: admin", "X-Remote-Group: system:masters"),
    cert,
  );
  assert.equal(answer.status, 200);
  const { identity } = test.proxied[0]!;
  assert.equal(identity.user, "bob");
  assert.deepEqual(identity.groups, ["ops", "dev", "system:authenticated"]);
  assert.equal(identity.via, "client-certificate");
});

Deno.test("Bearer tokens of direct callers are reviewed once and kept for seconds", async () => {
  await using test = await TestFront.start();
  test.parent.users["good.token"] = { username: "carol", uid: "7", groups: ["g"] };
  const request = get(`${DIRECT}/version`, "Authorization: Bearer good.token");
  const answers = await Promise.all([1, 2, 3].map(() => test.send(request, null)));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.deepEqual(test.parent.tokenReviews, ["good.token"]);
  assert.equal(test.parent.accessReviews.length, 1);
  assert.equal(test.proxied[0]!.identity.user, "carol");
  const bad = await test.send(get(`${DIRECT}/version`, "Authorization: Bearer bad"), null);
  assert.equal(bad.status, 401);
  const two = get(`${DIRECT}/v`, "Authorization: Bearer good.token", "Authorization: Bearer x");
  assert.equal((await test.send(two, null)).status, 400);
});

Deno.test("Impersonation on the hub's own port is refused", async (t) => {
  await using test = await TestFront.start();
  test.parent.users["good.token"] = { username: "carol" };
  for (const name of ["Impersonate-User", "impersonate-GROUP", "Impersonate-Extra-x"]) {
    await t.step(name, async () => {
      const answer = await test.send(
        get(`${DIRECT}/version`, "Authorization: Bearer good.token", `${name}: admin`),
        null,
      );
      assert.equal(answer.status, 400);
      assert.match(JSON.parse(answer.body).message, /^Cannot impersonate/);
    });
  }
  assert.equal(test.proxied.length, 0);
});

Deno.test("A new front proxy CA holds at once, also on connections that are open", async () => {
  await using test = await TestFront.start();
  const old = test.connect();
  const answers: string[] = [];
  let arrived = (): void => {};
  old.on("data", (chunk: string) => {
    answers.push(chunk.split("\r\n")[0]!);
    arrived();
  });
  const ask = async (): Promise<void> => {
    const next = new Promise<void>((resolve) => arrived = resolve);
    old.write(`GET ${DIRECT}/version HTTP/1.1\r\nHost: hub\r\n${ALICE.join("\r\n")}\r\n\r\n`);
    await next;
  };
  await ask();
  const newCa = await TestCa.create("front-proxy-ca");
  const newCert = await newCa.issue({ subject: "CN=front-proxy-client" });
  const request = get(`${DIRECT}/version`, ...ALICE);
  assert.equal((await test.send(request, newCert)).status, 401);
  test.configure({ "requestheader-client-ca-file": newCa.pem });
  assert.equal((await test.send(request, newCert)).status, 200);
  assert.equal((await test.send(request)).status, 401);
  await ask();
  assert.deepEqual(answers, ["HTTP/1.1 200 OK", "HTTP/1.1 401 Unauthorized"]);
  // Both, as while certificates are exchanged
  test.configure({ "requestheader-client-ca-file": newCa.pem + test.frontProxyCa.pem });
  assert.equal((await test.send(request, newCert)).status, 200);
  assert.equal((await test.send(request)).status, 200);
});

Deno.test("A ConfigMap that cannot be read leaves the last settings in force", async () => {
  await using test = await TestFront.start();
  test.configure({ "requestheader-client-ca-file": "-----BEGIN nonsense" });
  test.configure({ "requestheader-group-headers": "{}" });
  assert.equal((await test.send(get(`${DIRECT}/version`, ...ALICE))).status, 200);
});
