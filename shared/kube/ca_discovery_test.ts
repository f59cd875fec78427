import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { TestCa } from "../testing/test_pki.ts";
import { CaDiscoveryError, caHash, discoverCa } from "./ca_discovery.ts";

const ca = await TestCa.create("cluster-ca");
const leaf = await ca.issue({ subject: "CN=api", usage: "server", ips: ["127.0.0.1"] });

interface Running extends AsyncDisposable {
  url: string;
  seen: string[];
}

/** An API server that shows `chain` in the handshake and `info` in kube-public/cluster-info. */
async function serve(chain: string, info: string | undefined): Promise<Running> {
  const seen: string[] = [];
  const server = createServer({ cert: chain, key: leaf.key }, (request, response) => {
    seen.push(`${request.url} ${request.headers.authorization ?? ""}`.trim());
    if (info === undefined) return void response.writeHead(403).end("{}");
    response.end(info);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function clusterInfo(...pems: string[]): string {
  const clusters = pems.map((pem) => ({
    cluster: { "certificate-authority-data": new TextEncoder().encode(pem).toBase64() },
  }));
  return JSON.stringify({ data: { kubeconfig: JSON.stringify({ kind: "Config", clusters }) } });
}

Deno.test("caHash() is the hash that kubeadm prints", () => {
  assert.match(caHash(ca.pem), /^sha256:[0-9a-f]{64}$/);
  assert.notEqual(caHash(ca.pem), caHash(leaf.cert));
});

Deno.test("discoverCa() finds the CA in the chain that the server presents", async () => {
  await using server = await serve(leaf.cert + ca.pem, undefined);
  const found = await discoverCa(server.url, caHash(ca.pem));
  assert.equal(caHash(found), caHash(ca.pem));
  assert.deepEqual(server.seen, []);
});

Deno.test("discoverCa() finds the CA in kube-public/cluster-info, without a secret", async () => {
  const other = await TestCa.create("other-ca");
  await using server = await serve(leaf.cert, clusterInfo(other.pem, ca.pem));
  const hash = caHash(ca.pem).slice("sha256:".length).toUpperCase();
  const found = await discoverCa(`${server.url}/prefix/`, hash);
  assert.equal(caHash(found), caHash(ca.pem));
  assert.deepEqual(server.seen, ["/prefix/api/v1/namespaces/kube-public/configmaps/cluster-info"]);
});

Deno.test("discoverCa() believes nobody whose CA has another hash", async () => {
  const other = await TestCa.create("other-ca");
  await using server = await serve(leaf.cert + ca.pem, clusterInfo(ca.pem));
  await assert.rejects(discoverCa(server.url, caHash(other.pem)), (error: unknown) => {
    assert.ok(error instanceof CaDiscoveryError);
    assert.match(error.message, /No CA of .* has the public key hash sha256:/);
    return true;
  });
});

Deno.test("discoverCa() refuses a server that shows the CA but has no certificate of it", async () => {
  const other = await TestCa.create("other-ca");
  await using server = await serve(leaf.cert, clusterInfo(other.pem));
  await assert.rejects(
    discoverCa(server.url, caHash(other.pem)),
    /does not pass a TLS handshake with it/,
  );
});

Deno.test("discoverCa() survives nonsense in cluster-info", async () => {
  for (const info of ["{", "{}", '{"data":{"kubeconfig":"a: [b"}}', clusterInfo("nonsense")]) {
    await using server = await serve(leaf.cert, info);
    await assert.rejects(discoverCa(server.url, caHash(ca.pem)), /No CA of/);
  }
});

Deno.test("discoverCa() says what is wrong with its arguments and with the way", async () => {
  await assert.rejects(discoverCa("https://a", "md5:1"), /64 hex digits/);
  await assert.rejects(discoverCa("http://a", caHash(ca.pem)), /want an https URL/);
  await assert.rejects(discoverCa("https://127.0.0.1:1", caHash(ca.pem)), /Cannot reach/);
});

Deno.test("discoverCa() has a deadline", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  const url = `https://127.0.0.1:${silent.addr.port}`;
  await assert.rejects(discoverCa(url, caHash(ca.pem), { timeoutMs: 50 }), /within 0.05 s/);
  (await accepted).close();
  silent.close();
});

Deno.test("discoverCa() works in a process that trusts no CA by itself", async () => {
  await using server = await serve(leaf.cert, clusterInfo(ca.pem));
  const module = new URL("./ca_discovery.ts", import.meta.url).href;
  const script = `import { discoverCa } from "${module}";
    console.log(await discoverCa("${server.url}", "${caHash(ca.pem)}"));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: new URL("../../", import.meta.url).pathname,
    clearEnv: true,
    env: {
      DENO_TLS_CA_STORE: ",",
      HOME: Deno.env.get("HOME") ?? "/tmp",
      ...(Deno.env.has("DENO_DIR") ? { DENO_DIR: Deno.env.get("DENO_DIR")! } : {}),
    },
  }).output();
  const text = new TextDecoder();
  assert.equal(text.decode(stdout).trim(), ca.pem.trim(), text.decode(stderr));
});
