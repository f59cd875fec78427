import assert from "node:assert/strict";
import { testCertificate, testHub } from "./testing.ts";

/** Another process: the trust store is read once. */
const SCRIPT = `
  import { trustGivenCasOnly } from "${import.meta.resolve("./trust.ts")}";
  const [port, given, only] = Deno.args;
  if (only === "only") trustGivenCasOnly(Deno.env);
  const tcp = await Deno.connect({ port: Number(port) });
  const conn = await Deno.startTls(tcp, { hostname: "localhost", caCerts: [given] });
  await conn.handshake().then(() => console.log("trusted"), (e) => console.log(e.message));
  conn.close();
`;

Deno.test("trustGivenCasOnly leaves no other CA trusted", async () => {
  const certificate = await testCertificate();
  const other = await testCertificate();
  await using hub = testHub(certificate);
  const store = await Deno.makeTempFile();
  await Deno.writeTextFile(store, certificate.ca);
  const run = async (given: string, only: string): Promise<string> => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", SCRIPT, new URL(hub.url).port, given, only],
      // Stands for a public CA: the default store holds the CA of the hub
      env: { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: store },
    }).output();
    return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
  };
  assert.equal(await run(other.ca, "all"), "trusted");
  assert.match(await run(other.ca, "only"), /invalid peer certificate/);
  assert.equal(await run(certificate.ca, "only"), "trusted");
  await Deno.remove(store);
});
