import assert from "node:assert/strict";
import { StatusError } from "../../shared/kube/status.ts";
import { parseTarget } from "../../shared/sockets_path.ts";
import { parseAllowEntry } from "./allow_entry.ts";
import { type Decision, TargetPolicy } from "./policy.ts";

const childServer = "https://10.96.0.1:443";

async function refusal(policy: TargetPolicy, target: string): Promise<StatusError> {
  try {
    await policy.decide(parseTarget(target));
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error(`${target} was let through`);
}

function addresses(decision: Decision): string[] {
  assert.equal(decision.kind, "dial");
  return decision.kind === "dial" ? decision.addresses : [];
}

Deno.test("TargetPolicy allows the own kube-apiserver and nothing else by default", async () => {
  const policy = new TargetPolicy({ childServer, lookup: () => Promise.resolve(["10.0.0.7"]) });
  assert.deepEqual(await policy.decide({ kind: "direct" }), { kind: "direct" });
  for (const same of ["https/10.96.0.1:443", "https/10.96.0.1"]) {
    assert.deepEqual(await policy.decide(parseTarget(same)), { kind: "child" });
  }
  for (
    const other of [
      "http/10.96.0.1:443",
      "https/10.96.0.1:6443",
      "https/10.96.0.2:443",
      "http/grafana.monitoring.svc",
      "http/169.254.169.254",
      "http/127.0.0.1:8080",
      "http/[::1]:8080",
      "http/0.0.0.0:8080",
      "http/[::ffff:169.254.169.254]",
      "http/[64:ff9b::a9fe:a9fe]",
      "http/2130706433",
      "http/0x7f000001",
      "http/0177.0.0.1",
      "http/127.1:80",
    ]
  ) {
    const error = await refusal(policy, other);
    assert.equal(error.code, 403, other);
    assert.match(error.message, /--allow-target|in full, in decimal/);
  }
});

Deno.test("TargetPolicy does not ask the resolver for a name that is not listed", async () => {
  let asked = 0;
  const policy = new TargetPolicy({
    childServer,
    lookup: () => {
      asked++;
      return Promise.resolve(["10.0.0.7"]);
    },
  });
  assert.equal((await refusal(policy, "http/secret.internal")).code, 403);
  assert.equal(asked, 0);
});

Deno.test("TargetPolicy matches scheme, host and port exactly", async () => {
  const policy = new TargetPolicy({
    childServer,
    allow: ["http://10.0.0.5:8080", "https://grafana.monitoring.svc", "10.1.0.0/16:9100"],
    lookup: () => Promise.resolve(["10.0.0.7"]),
  });
  assert.deepEqual(addresses(await policy.decide(parseTarget("http/10.0.0.5:8080"))), [
    "10.0.0.5",
  ]);
  assert.deepEqual(await policy.decide(parseTarget("https/Grafana.monitoring.svc:443")), {
    kind: "dial",
    scheme: "https",
    port: 443,
    host: "grafana.monitoring.svc:443",
    servername: "grafana.monitoring.svc",
    addresses: ["10.0.0.7"],
  });
  assert.deepEqual(addresses(await policy.decide(parseTarget("http/10.1.2.3:9100"))), [
    "10.1.2.3",
  ]);
  for (
    const other of [
      "https/10.0.0.5:8080",
      "http/10.0.0.5:8081",
      "http/10.0.0.5",
      "http/grafana.monitoring.svc:443",
      "https/grafana.monitoring.svc.evil.example",
      "https/xgrafana.monitoring.svc",
      "http/10.2.0.1:9100",
    ]
  ) assert.equal((await refusal(policy, other)).code, 403, other);
});

Deno.test("TargetPolicy resolves once and refuses when any address is forbidden", async () => {
  const answers = [["10.0.0.7"], ["169.254.169.254"], ["10.0.0.7", "127.0.0.1"], ["::ffff:a9fe:1"]];
  let asked = 0;
  const policy = new TargetPolicy({
    childServer,
    allow: ["http://rebind.example"],
    lookup: () => Promise.resolve(answers[asked++]!),
  });
  const target = parseTarget("http/rebind.example");
  assert.deepEqual(addresses(await policy.decide(target)), ["10.0.0.7"]);
  assert.equal(asked, 1);
  for (let i = 1; i < answers.length; i++) {
    const error = await refusal(policy, "http/rebind.example");
    assert.equal(error.code, 403);
    assert.match(error.message, /resolves to/);
  }
});

Deno.test("TargetPolicy dials a forbidden address only when that very address is named", async () => {
  const wide = new TargetPolicy({
    childServer,
    allow: ["http://0.0.0.0/0:80", "http://[::/0]:80"],
  });
  for (const target of ["http/169.254.169.254", "http/127.0.0.1", "http/[::1]"]) {
    assert.equal((await refusal(wide, target)).code, 403, target);
  }
  const named = new TargetPolicy({
    childServer,
    allow: ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"],
    lookup: () => Promise.resolve(["0:0:0:0:0:0:0:1", "127.0.0.1"]),
  });
  assert.deepEqual(addresses(await named.decide(parseTarget("http/127.0.0.1:8080"))), [
    "127.0.0.1",
  ]);
  assert.equal(addresses(await named.decide(parseTarget("http/localhost:8080"))).length, 2);
  assert.equal((await refusal(named, "http/127.0.0.2:8080")).code, 403);
});

Deno.test("TargetPolicy answers 502 for a name that does not resolve", async () => {
  const failing = new TargetPolicy({
    childServer,
    allow: ["http://gone.example"],
    lookup: () => Promise.reject(Object.assign(new Error("nope"), { code: "ENOTFOUND" })),
  });
  const error = await refusal(failing, "http/gone.example");
  assert.equal(error.code, 502);
  assert.match(error.message, /ENOTFOUND/);
  const silent = new TargetPolicy({
    childServer,
    allow: ["http://slow.example"],
    lookup: () => new Promise(() => {}),
    lookupMs: 20,
  });
  assert.equal((await refusal(silent, "http/slow.example")).code, 502);
});

Deno.test("parseAllowEntry refuses a typo instead of widening the list", () => {
  for (
    const entry of [
      "",
      "*",
      "*.svc",
      "http://",
      "ftp://10.0.0.1",
      "http://10.0.0.1:8080/",
      "http://user@10.0.0.1",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "name/8",
      "10.0.0.1:0",
      "10.0.0.1:65536",
      "10.0.0.1:80:80",
      "0x7f000001",
      "127.1",
      "2130706433",
      "a b",
      "[fd00::1",
      "fe80::1%eth0",
    ]
  ) {
    assert.throws(() => parseAllowEntry(entry), /--allow-target/, entry);
  }
});

Deno.test("TargetPolicy takes a list beside the flags, and tells of each change", async () => {
  const policy = new TargetPolicy({
    childServer,
    allow: ["http://10.0.0.5"],
    listName: "ConfigMap ns/list",
  });
  let told = 0;
  const stop = policy.onChange(() => told++);
  const error = await refusal(policy, "http/10.0.0.6");
  assert.match(
    error.message,
    /list it in ConfigMap ns\/list, or start the agent with --allow-target/,
  );
  policy.setListed([parseAllowEntry("http://10.0.0.6")]);
  const first = await policy.decide(parseTarget("http/10.0.0.5"));
  const second = await policy.decide(parseTarget("http/10.0.0.6"));
  assert.ok(policy.stillAllows(first) && policy.stillAllows(second));
  policy.setListed([]);
  assert.ok(policy.stillAllows(first) && !policy.stillAllows(second));
  assert.ok(policy.stillAllows({ kind: "direct" }));
  assert.equal((await refusal(policy, "http/10.0.0.6")).code, 403);
  assert.equal(told, 2);
  stop();
});

Deno.test("TargetPolicy refuses a name by the list of the moment it was resolved", async () => {
  const answer = Promise.withResolvers<string[]>();
  const policy = new TargetPolicy({ childServer, lookup: () => answer.promise });
  policy.setListed([parseAllowEntry("http://a.svc")]);
  const refused = refusal(policy, "http/a.svc");
  policy.setListed([]);
  answer.resolve(["10.0.0.7"]);
  assert.equal((await refused).code, 403);
});

Deno.test("TargetPolicy: no range lets in what must be named, in whatever spelling", async () => {
  const allow = [
    "0.0.0.0/0:80",
    "[::/0]:80",
    "169.254.0.0/16:80",
    "127.0.0.1/32:80",
    "[fe80::/10]:80",
  ];
  const policy = new TargetPolicy({ childServer, allow });
  for (
    const host of [
      "169.254.169.254",
      "169.254.169.254.",
      "127.0.0.1",
      "[fe80::1]",
      "[::ffff:10.0.0.1]",
      "[::ffff:a00:1]",
      "[::10.0.0.1]",
      "[64:ff9b::10.0.0.1]",
      "[64:ff9b:1::10.0.0.1]",
      "[2002:a00:1::]",
      "[2001:0:a00:1::]",
      "[2620:1::5efe:10.0.0.1]",
      "[2620:1::200:5efe:a00:1]",
      "[fd00:ec2::254]",
      "[fd00:c1::a9fe:a9fe]",
    ]
  ) assert.equal((await refusal(policy, `http/${host}`)).code, 403, host);
  for (const host of ["10.0.0.1", "[2620:1::1]", "[fd00::7]"]) {
    assert.equal((await policy.decide(parseTarget(`http/${host}`))).kind, "dial", host);
  }
});

Deno.test("TargetPolicy: a named IPv4 address is not named in its IPv6 forms, nor with a zone", async () => {
  const policy = new TargetPolicy({
    childServer,
    allow: ["http://127.0.0.1", "http://[::1]", "http://a.svc"],
    lookup: () => Promise.resolve(["::1%lo"]),
  });
  assert.equal((await refusal(policy, "http/[::ffff:127.0.0.1]")).code, 403);
  assert.equal((await refusal(policy, "http/a.svc")).code, 403);
});

Deno.test("TargetPolicy: a child over http, as behind kubectl proxy, is no target by its address", async () => {
  const policy = new TargetPolicy({ childServer: "http://127.0.0.1:8001" });
  assert.equal((await refusal(policy, "http/127.0.0.1:8001")).code, 403);
  assert.deepEqual(await policy.decide({ kind: "direct" }), { kind: "direct" });
});
