import assert from "node:assert/strict";
import {
  apiServerArgs,
  auditPolicy,
  controllerManagerArgs,
  etcdArgs,
  kwokArgs,
} from "./components.ts";

const ports = { etcd: 1001, etcdPeer: 1002, apiserver: 1003, kubelet: 1004 };

Deno.test("apiServerArgs sets up aggregation, bootstrap tokens and RBAC", () => {
  const args = apiServerArgs({ dir: "/d", ports, audit: false, extra: ["--v=4"] });
  for (
    const flag of [
      "--authorization-mode=Node,RBAC",
      "--enable-bootstrap-token-auth=true",
      "--requestheader-client-ca-file=/d/pki/front-proxy-ca.crt",
      "--requestheader-allowed-names=front-proxy-client",
      "--requestheader-uid-headers=X-Remote-Uid",
      "--proxy-client-cert-file=/d/pki/front-proxy-client.crt",
      "--secure-port=1003",
      "--etcd-servers=http://127.0.0.1:1001",
    ]
  ) assert.ok(args.includes(flag), flag);
  assert.equal(args.at(-1), "--v=4");
  assert.ok(!args.some((arg) => arg.startsWith("--audit")));
});

Deno.test("apiServerArgs writes an audit log when asked", () => {
  const args = apiServerArgs({ dir: "/d", ports, audit: true, extra: [] });
  assert.ok(args.includes("--audit-log-path=/d/audit.log"));
  assert.equal(JSON.parse(auditPolicy("Metadata")).rules[0].level, "Metadata");
});

Deno.test("Everything listens on 127.0.0.1 alone", () => {
  for (const arg of [...etcdArgs("/d", ports), ...kwokArgs("/d", ports)]) {
    assert.doesNotMatch(arg, /0\.0\.0\.0/);
  }
  assert.ok(kwokArgs("/d", ports).includes("--server-address=127.0.0.1:1004"));
});

Deno.test("controllerManagerArgs runs the bootstrap token controllers and the garbage collector", () => {
  const list = controllerManagerArgs("/d").find((arg) => arg.startsWith("--controllers="))!;
  for (const name of ["bootstrap-signer", "token-cleaner", "garbage-collector", "namespace"]) {
    assert.match(list, new RegExp(`${name}-controller`));
  }
});
