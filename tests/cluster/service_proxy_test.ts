import assert from "node:assert/strict";
import { CertificateAuthority } from "./pki.ts";
import { httpsReady, serviceProxy } from "./service_proxy.ts";

/** Answers with its name, then echoes until the client half-closes. */
function backend(name: string): { port: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns = new Set<Deno.Conn>();
  const serving = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      await conn.write(new TextEncoder().encode(name));
      conn.readable.pipeTo(conn.writable).catch(() => {}).finally(() => conns.delete(conn));
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      await serving;
    },
  };
}

async function talk(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  await conn.closeWrite();
  let answer = "";
  for await (const chunk of conn.readable) answer += new TextDecoder().decode(chunk);
  return answer;
}

Deno.test("serviceProxy leads to the Ready backend, and to the next when that changes", async () => {
  await using one = backend("one:");
  await using two = backend("two:");
  let leader = one.port;
  await using service = await serviceProxy({
    backends: () => [one.port, two.port],
    ready: (port) => Promise.resolve(port === leader),
    intervalMs: 20,
  });
  assert.equal(await talk(service.port, "hello"), "one:hello");
  leader = two.port;
  await service.waitReady(two.port);
  assert.deepEqual(service.ready(), [two.port]);
  assert.equal(await talk(service.port, "again"), "two:again");
});

Deno.test("serviceProxy refuses when no backend is Ready", async () => {
  await using service = await serviceProxy({
    backends: () => [1],
    ready: () => Promise.reject(new Error("down")),
    intervalMs: 20,
  });
  const answer = await talk(service.port, "hello").catch((error: Error) => error);
  assert.ok(answer === "" || answer instanceof Error);
  await assert.rejects(service.waitReady(undefined, 60), /Ready are: none/);
});

Deno.test("httpsReady wants 200 from /readyz, and asks for no trusted certificate", async () => {
  const ca = await CertificateAuthority.create("probe");
  const pair = await ca.issue({ commonName: "hub", usages: ["server"], ips: ["127.0.0.1"] });
  let status = 200;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, ...pair, onListen(): void {} },
    (request) => new Response("x", { status: request.url.endsWith("/readyz") ? status : 404 }),
  );
  const { port } = server.addr;
  assert.equal(await httpsReady(port), true);
  status = 503;
  assert.equal(await httpsReady(port), false);
  await server.shutdown();
  assert.equal(await httpsReady(port), false);
});
