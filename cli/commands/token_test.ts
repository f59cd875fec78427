import assert from "node:assert/strict";
import { TestCa } from "../../shared/testing/test_pki.ts";
import type { StoredObject } from "../../shared/testing/fake_kube.ts";
import { CaDiscoveryError, caHash } from "../../shared/kube/ca_discovery.ts";
import { base64, NO_MACHINE } from "../install/testing.ts";
import { FakeContext, NOW, runCli } from "../testing.ts";
import { tokenCommand, tokenTable } from "./token.ts";

const now = (): number => NOW;

Deno.test("token create makes a Secret that expires, and prints the token alone", async () => {
  const context = new FakeContext({ now });
  const args = ["token", "create", "--ttl", "1h", "--description", "site x"];
  assert.equal(await runCli(context, [tokenCommand(context, NO_MACHINE)], args), 0);
  assert.match(context.stdout, /^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
  const [id] = context.stdout.split(".");
  const secret = context.kube.get<StoredObject>("/secrets", `bootstrap-token-${id}`, "kube-system");
  assert.equal(secret!.type, "bootstrap.kubernetes.io/token");
  assert.deepEqual(
    secret!.data,
    base64({
      description: "site x",
      "token-id": id!,
      "token-secret": context.stdout.trim().split(".")[1]!,
      expiration: "2026-01-02T01:00:00Z",
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": "system:bootstrappers:clusternet:register-cluster-token",
    }),
  );
});

Deno.test("token create --print-join-command pins the CA by hash, or carries it", async () => {
  const ca = await TestCa.create("hub");
  for (const shown of [true, false]) {
    const context = new FakeContext({ now, config: { ca: ca.pem } });
    const machine = {
      ...NO_MACHINE,
      discoverCa: () =>
        shown ? Promise.resolve(ca.pem) : Promise.reject(new CaDiscoveryError("not shown")),
    };
    const args = ["token", "create", "--print-join-command", "--image", "i:1"];
    assert.equal(await runCli(context, [tokenCommand(context, machine)], args), 0, context.stderr);
    const pin = shown
      ? `--ca-hash ${caHash(ca.pem)}`
      : `--ca-data ${new TextEncoder().encode(`${ca.pem.trim()}\n`).toBase64()}`;
    const words = context.stdout.trim().split(" ");
    const token = words[words.indexOf("--token") + 1];
    assert.equal(
      context.stdout,
      `kubectl outreach join --hub https://parent:6443 --token ${token} ${pin} --image i:1\n`,
    );
    assert.match(context.stderr, /expires at 2026-01-03T00:00:00Z/);
  }
});

Deno.test("token list shows registration tokens without their secrets; delete takes both forms", async () => {
  const context = new FakeContext({ now });
  context.kube.interceptors.push(({ path }) => {
    // The fake knows no selector of types
    if (!path.includes("fieldSelector")) return;
    return Response.json({ items: context.kube.list("/secrets") });
  });
  const put = (id: string, groups: string, expiration?: string): void =>
    void context.kube.put("/secrets", {
      apiVersion: "v1",
      kind: "Secret",
      type: "bootstrap.kubernetes.io/token",
      metadata: { name: `bootstrap-token-${id}`, namespace: "kube-system" },
      data: base64({
        "token-secret": "geheimgeheimgehe",
        "auth-extra-groups": groups,
        ...(expiration === undefined ? {} : { expiration }),
      }),
    });
  put("bbbbbb", "system:bootstrappers:clusternet:register-cluster-token", "2026-01-02T05:00:00Z");
  put("aaaaaa", "x,system:bootstrappers:clusternet:register-cluster-token");
  put("kubeadm", "system:bootstrappers:kubeadm:default-node-token");
  const commands = [tokenCommand(context, NO_MACHINE)];
  assert.equal(await runCli(context, commands, ["token", "list"]), 0);
  assert.equal(
    context.stdout.replaceAll(/ +/g, " "),
    "ID TTL EXPIRES DESCRIPTION\naaaaaa <forever> <never> <none>\n" +
      "bbbbbb 5h 2026-01-02T05:00:00Z <none>\n",
  );
  context.stdout = "";
  assert.equal(
    await runCli(context, [tokenCommand(context, NO_MACHINE)], ["token", "list", "-o", "json"]),
    0,
  );
  assert.doesNotMatch(context.stdout, /geheim/);
  context.stdout = "";
  const args = ["token", "delete", "bbbbbb.geheimgeheimgehe", "cccccc"];
  assert.equal(await runCli(context, [tokenCommand(context, NO_MACHINE)], args), 1);
  assert.equal(context.stdout, "bootstraptoken/bbbbbb deleted\n");
  assert.match(context.stderr, /There is no token cccccc/);
  assert.doesNotMatch(context.stderr, /geheim/);
});

Deno.test("tokenTable says what has expired", () => {
  const table = tokenTable(
    [{ id: "aaaaaa", description: "a\tb", expires: "2026-01-01T00:00:00Z" }],
    NOW,
  );
  assert.match(table, /^aaaaaa +<expired> +2026-01-01T00:00:00Z +a b$/m);
});
