import assert from "node:assert/strict";
import { CaDiscoveryError } from "../../shared/kube/ca_discovery.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { TransportError } from "../../shared/kube/transport.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { checkHub, type CheckHubOptions } from "./hub.ts";
import { Preflight } from "./preflight.ts";

const TOKEN = "07401b.f395accd246ae52d";

async function check(
  answer: (path: string) => Response | Promise<Response>,
  more: Partial<CheckHubOptions> = {},
): Promise<
  { said: string; ca: string | undefined; failed: boolean; tokens: (string | undefined)[] }
> {
  let said = "";
  const tokens: (string | undefined)[] = [];
  const { signal } = new AbortController();
  const preflight = new Preflight((text) => void (said += text), signal);
  const ca = await checkHub(preflight, {
    url: "https://hub:6443",
    ca: {},
    token: TOKEN,
    connectTo: (config) => ({
      transport: async (request) => {
        tokens.push(await config.token?.());
        return await answer(new URL(request.url).pathname);
      },
      close: () => {},
      [Symbol.dispose]: () => {},
    }),
    discoverCa: () => Promise.reject(new CaDiscoveryError("No CA has the hash")),
    now: () => Date.parse("2026-01-01T00:00:00Z"),
    signal,
    ...more,
  });
  let failed = false;
  try {
    preflight.finish();
  } catch {
    failed = true;
  }
  return { said, ca, failed, tokens };
}

const notFound = (): Response =>
  statusResponse(failure(404, 'clusterregistrationrequests.clusters.clusternet.io "x" not found'));

Deno.test("checkHub passes a hub that takes the token, and carries the CA that has the hash", async () => {
  const ca = await TestCa.create("hub");
  const answer = (path: string): Response => path === "/version" ? Response.json({}) : notFound();
  const passed = await check(answer, {
    ca: { hash: "sha256:00" },
    discoverCa: () => Promise.resolve(ca.pem),
  });
  assert.equal(passed.failed, false, passed.said);
  assert.equal(passed.ca, ca.pem);
  assert.match(passed.said, /the hub takes the token/);
  assert.doesNotMatch(passed.said, /f395accd/);
});

Deno.test("checkHub tells a wrong token from one without the right, and a parent without hub", async () => {
  for (
    const [response, text] of [
      [() => statusResponse(failure(401, "Unauthorized")), /refuses the token \(401\)/],
      [() => statusResponse(failure(403, "no")), /may not register clusters \(403\)/],
      [() => new Response("404 page not found", { status: 404 }), /install the hub there first/],
      [() => statusResponse(failure(500, "x")), /answered 500/],
    ] as const
  ) {
    const { said, failed } = await check((path) =>
      path === "/version" ? Response.json({}) : response()
    );
    assert.equal(failed, true);
    assert.match(said, text);
  }
});

Deno.test("checkHub sends no secret before the CA is known, and none that is no token", async () => {
  const unknown = await check(() => Response.json({}), { ca: { hash: "sha256:00" } });
  assert.equal(unknown.failed, true);
  assert.deepEqual(unknown.tokens, []);
  assert.match(unknown.said, /--ca-file or --ca-data/);
  const shapeless = await check(() => Response.json({}), { token: "geheim geheim" });
  assert.deepEqual(shapeless.tokens, [undefined]);
  assert.match(shapeless.said, /ERROR: the token is no bootstrap token/);
  assert.doesNotMatch(shapeless.said, /geheim/);
  const broken = await check(() => Response.json({}), { ca: { pem: "x" } });
  assert.match(broken.said, /not a certificate in PEM/);
});

Deno.test("checkHub names the missing CA, and warns of a clock that is off", async () => {
  const untrusted = await check(() => Promise.reject(new TransportError("x: UnknownIssuer")));
  assert.match(untrusted.said, /not signed by a CA that counts here.*--ca-hash/);
  const late = await check((path) =>
    path === "/version"
      ? new Response("{}", { headers: { date: "Thu, 01 Jan 2026 00:05:00 GMT" } })
      : notFound()
  );
  assert.equal(late.failed, false);
  assert.match(late.said, /WARNING: this machine's clock is 300 s behind the hub's/);
});
