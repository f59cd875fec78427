import assert from "node:assert/strict";
import fc from "fast-check";
import { StatusError } from "../../shared/kube/status.ts";
import type { CallerIdentity } from "../../shared/tunnel/head.ts";
import { IdentityMapper, type IdentityOptions } from "./identity.ts";

function headers(caller: Partial<CallerIdentity>, options?: IdentityOptions): string[] {
  const mapped = new IdentityMapper(options).map({ user: "ann", groups: [], extra: [], ...caller });
  assert.equal(mapped.kind, "impersonate");
  return mapped.kind === "impersonate" ? mapped.headers.map((pair) => pair.join(": ")) : [];
}

function code(caller: Partial<CallerIdentity> | undefined, options?: IdentityOptions): number {
  try {
    new IdentityMapper(options).map(caller && { user: "ann", groups: [], extra: [], ...caller });
  } catch (error) {
    if (error instanceof StatusError) return error.code;
    throw error;
  }
  return 200;
}

Deno.test("IdentityMapper passes user, uid and groups in order", () => {
  assert.deepEqual(headers({ uid: "42", groups: ["dev", "a, b", "ops"] }), [
    "Impersonate-User: ann",
    "Impersonate-Uid: 42",
    "Impersonate-Group: dev",
    "Impersonate-Group: a, b",
    "Impersonate-Group: ops",
  ]);
});

Deno.test("IdentityMapper takes the power of reserved names away", () => {
  const groups = ["system:masters", "kubeadm:cluster-admins", "system:authenticated", "", "dev"];
  assert.deepEqual(headers({ user: "system:serviceaccount:kube-system:x", groups }), [
    "Impersonate-User: clusternet:hub:system:serviceaccount:kube-system:x",
    "Impersonate-Group: clusternet:hub:system:masters",
    "Impersonate-Group: clusternet:hub:kubeadm:cluster-admins",
    "Impersonate-Group: dev",
  ]);
});

Deno.test("IdentityMapper never maps two names to one", () => {
  const name = fc.tuple(
    fc.array(fc.constantFrom("clusternet:hub:", "system:", "kubeadm:"), { maxLength: 3 }),
    fc.constantFrom("a", "b", "masters"),
  ).map(([prefixes, rest]) => prefixes.join("") + rest);
  fc.assert(fc.property(name, name, (a, b) => {
    assert.equal(headers({ user: a })[0] === headers({ user: b })[0], a === b);
    assert.doesNotMatch(headers({ user: a })[0]!, /^Impersonate-User: (system|kubeadm):/);
  }));
});

Deno.test("IdentityMapper refuses an anonymous and a missing caller", () => {
  assert.equal(code({ user: "system:anonymous" }), 403);
  assert.equal(code({ groups: ["system:unauthenticated"] }), 403);
  assert.equal(code({ user: "" }), 403);
  assert.equal(code(undefined), 403);
});

Deno.test("IdentityMapper refuses a name that a header would change", () => {
  for (const odd of ["a\r\nX: y", "a\0", "a\tb", " ann", "ann ", "jörg", "пётр", "a\x7f"]) {
    assert.equal(code({ user: odd }), 400, JSON.stringify(odd));
    assert.equal(code({ groups: [odd] }), 400, JSON.stringify(odd));
    assert.equal(code({ uid: odd }), 400, JSON.stringify(odd));
  }
});

Deno.test("IdentityMapper drops extras but for forwarded keys, and escapes the key", () => {
  const extra: [string, string][] = [
    ["authentication.kubernetes.io/credential-id", "x"],
    ["Example.com/Team", "blue"],
    ["example.com/team", "red"],
    ["scopes", "all"],
  ];
  assert.deepEqual(headers({ extra }), ["Impersonate-User: ann"]);
  assert.deepEqual(headers({ extra }, { forwardExtras: ["example.com/team"] }), [
    "Impersonate-User: ann",
    "Impersonate-Extra-example.com%2Fteam: blue",
    "Impersonate-Extra-example.com%2Fteam: red",
  ]);
});

Deno.test("IdentityMapper honours the original's credentials only when told to", () => {
  const caller = {
    user: "clusternet",
    extra: [["clusternet-token", "child-token"]] as [string, string][],
  };
  const mapper = new IdentityMapper({ legacyChildCredentials: true });
  assert.deepEqual(headers(caller), ["Impersonate-User: clusternet"]);
  assert.deepEqual(mapper.map({ groups: [], ...caller }), { kind: "token", token: "child-token" });
  assert.deepEqual(mapper.ownCredentials({ groups: [], ...caller }), {
    kind: "token",
    token: "child-token",
  });
  assert.equal(new IdentityMapper().ownCredentials({ groups: [], ...caller }), undefined);
  assert.equal(mapper.map({ groups: [], ...caller, user: "ann" }).kind, "impersonate");
  assert.equal(
    code({ ...caller, extra: [["clusternet-token", "a b"]] }, {
      legacyChildCredentials: true,
    }),
    400,
  );
});

Deno.test("IdentityMapper reads the original's client certificate", () => {
  const mapper = new IdentityMapper({ legacyChildCredentials: true });
  const cert = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  const key = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";
  const extra: [string, string][] = [
    ["clusternet-certificate", btoa(cert)],
    ["clusternet-privatekey", btoa(key)],
  ];
  const caller = { user: "clusternet", groups: [], extra };
  assert.deepEqual(mapper.map(caller), { kind: "certificate", cert, key });
  assert.equal(
    code({ user: "clusternet", extra: extra.slice(0, 1) }, {
      legacyChildCredentials: true,
    }),
    400,
  );
});
