import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { TestCa } from "../../shared/testing/test_pki.ts";
import type { Decision } from "./policy.ts";
import { type Route, Upstreams } from "./upstream.ts";

interface Answer {
  status: number;
  body: string;
}

/** One request on a route, at its first address. */
function ask(route: Route, headers: string[] = []): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = route.request({
      host: route.hosts[0]!,
      method: "GET",
      path: `${route.prefix}/x`,
      headers: ["Host", route.hostHeader, ...headers] as unknown as Record<string, string>,
    });
    request.on("error", reject);
    request.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => body += chunk);
      response.once("end", () => resolve({ status: response.statusCode!, body }));
    });
    request.end();
  });
}

async function listen(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function close(server: http.Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function dial(servername: string, port: number): Decision & { kind: "dial" } {
  return {
    kind: "dial",
    scheme: "https",
    port,
    host: `${servername}:${port}`,
    servername,
    addresses: ["127.0.0.1"],
  };
}

Deno.test("Upstreams never lends a connection that was verified for one name to another", async () => {
  const ca = await TestCa.create("targets");
  const leaf = await ca.issue({ subject: "CN=a", usage: "server", dnsNames: ["a.svc"] });
  let connections = 0;
  const server = https.createServer({ cert: leaf.cert, key: leaf.key }, (req, res) => {
    res.end(req.headers.host);
  }) as unknown as http.Server;
  server.on("connection", () => connections++);
  const port = await listen(server);
  const upstreams = new Upstreams({
    child: { server: "https://10.96.0.1" },
    targetCa: () => ca.pem,
  });
  try {
    for (let i = 0; i < 2; i++) {
      const { body } = await ask(upstreams.toTarget(dial("a.svc", port)));
      assert.equal(body, `a.svc:${port}`);
    }
    assert.equal(connections, 1, "the second request takes the kept connection");
    for (const other of ["b.svc", "127.0.0.1"]) {
      await assert.rejects(
        ask(upstreams.toTarget(dial(other, port))),
        (error: { code?: string }) => {
          assert.match(String(error.code) + String(error), /ALTNAME|not valid for name/i, other);
          return true;
        },
      );
    }
    assert.equal((await ask(upstreams.toTarget(dial("a.svc", port)))).status, 200);
  } finally {
    upstreams.close();
    await close(server);
  }
});

Deno.test("Upstreams sends the agent's token below the child's path, and to no target", async () => {
  const seen: string[] = [];
  const server = http.createServer((req, res) => {
    seen.push(
      `${req.url} ${req.headers.authorization ?? "-"} ${req.headers["impersonate-user"] ?? "-"}`,
    );
    res.end();
  });
  const port = await listen(server);
  const upstreams = new Upstreams({
    child: {
      server: `http://127.0.0.1:${port}/k8s/clusters/c-1/`,
      token: () => Promise.resolve("secret"),
    },
  });
  try {
    const own = await upstreams.toChild({
      kind: "impersonate",
      headers: [["Impersonate-User", "a"]],
    });
    await ask(own, own.identity.flat());
    const nobody = await upstreams.toChild(undefined);
    await ask(nobody, nobody.identity.flat());
    const target = upstreams.toTarget({ ...dial("a.svc", port), scheme: "http" });
    await ask(target, target.identity.flat());
    assert.deepEqual(seen, [
      "/k8s/clusters/c-1/x Bearer secret a",
      "/k8s/clusters/c-1/x - -",
      "/x - -",
    ]);
  } finally {
    upstreams.close();
    await close(server);
  }
});
