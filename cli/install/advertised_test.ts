import assert from "node:assert/strict";
import { KubeClient } from "../../shared/kube/client.ts";
import { childrensUrl, isLoopback } from "./advertised.ts";

const INFO = "clusters: [{ name: '', cluster: { server: 'https://hub.example:8443' } }]";

function ask(server: string, kubeconfig: string, aggregates = 404): Promise<string> {
  const client = new KubeClient({
    transport: ({ url }) =>
      Promise.resolve(
        url.includes("/apis/")
          ? new Response("{}", { status: aggregates })
          : Response.json({ kind: "ConfigMap", apiVersion: "v1", data: { kubeconfig } }),
      ),
  });
  return childrensUrl({ client, server, signal: new AbortController().signal });
}

Deno.test("childrensUrl is what a standalone hub advertises, where the kubeconfig goes over loopback", async () => {
  assert.equal(await ask("https://127.0.0.1:8443", INFO), "https://hub.example:8443");
  assert.equal(await ask("https://10.0.0.1:8443/", INFO), "https://10.0.0.1:8443");
  assert.equal(await ask("https://127.0.0.1:6443", INFO, 200), "https://127.0.0.1:6443");
  for (const broken of ["", "{", "clusters: 1", "clusters: [{ cluster: { server: 'x y' } }]"]) {
    assert.equal(await ask("https://127.0.0.1:8443/", broken), "https://127.0.0.1:8443");
  }
});

Deno.test("isLoopback tells a URL of this machine alone", () => {
  assert.ok(isLoopback("https://[::1]:8443") && isLoopback("https://localhost:1"));
  assert.ok(!isLoopback("https://10.0.0.1:8443"));
});
