import assert from "node:assert/strict";
import { parseSocketsPath, SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import { Auditor } from "./auditor.ts";
import { auditLine } from "./line.ts";
import type { AuditedCaller } from "./record.ts";
import { ID, makeIncoming, makeRecord } from "./testing.ts";

const AGGREGATED: AuditedCaller = {
  user: "alice",
  uid: "u-1",
  groups: ["platform"],
  via: "front-proxy",
};
const TOLD = { "Audit-ID": "a-1", "X-Forwarded-For": "203.0.113.9, nonsense, 192.0.2.7" };

interface SetUp {
  auditor: Auditor;
  lines: Record<string, unknown>[];
  clock: { ms: number };
  /** Records that were left out. */
  left: () => number;
}

function setUp(): SetUp {
  let left = 0;
  const lines: Record<string, unknown>[] = [];
  const clock = { ms: 1_800_000_000_000 };
  const auditor = new Auditor({
    sink: {
      push: (record) => void lines.push(JSON.parse(auditLine(record))),
      leaveOut: () => void left++,
    },
    now: () => clock.ms,
  });
  return { auditor, lines, clock, left: () => left };
}

function proxied(auditor: Auditor, identity: AuditedCaller, headers = {}, rest = "/version"): void {
  const url = `${SOCKETS_PREFIX}${ID}/proxy/direct${rest}`;
  const path = parseSocketsPath(url);
  assert.ok(path.kind === "proxy");
  const req = makeIncoming(url, headers);
  auditor.proxied({ req, path, identity, verb: "get" }, false)({ status: 200, up: 1, down: 2 }, 7);
}

Deno.test("The front proxy's Audit-ID and X-Forwarded-For count, nobody else's do", () => {
  const { auditor, lines } = setUp();
  proxied(auditor, AGGREGATED, TOLD);
  proxied(auditor, { ...AGGREGATED, via: "token" }, TOLD);
  assert.equal(lines[0]!["auditID"], "a-1");
  assert.deepEqual(lines[0]!["sourceIPs"], ["203.0.113.9", "192.0.2.7", "10.0.0.1"]);
  assert.equal(lines[1]!["auditID"], undefined);
  assert.deepEqual(lines[1]!["sourceIPs"], ["10.0.0.1"]);
});

Deno.test("An Audit-ID that is none is left out", () => {
  const { auditor, lines } = setUp();
  for (const id of ["a".repeat(65), "a b", "a\nb", "", "é"]) {
    proxied(auditor, AGGREGATED, { "Audit-ID": id });
  }
  assert.ok(lines.every(({ auditID }) => auditID === undefined));
});

Deno.test("No query, token or user info reaches the log", () => {
  const { auditor, lines } = setUp();
  const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4eXp6eSJ9.xyzzy";
  proxied(auditor, AGGREGATED, {}, "/exec?command=xyzzy");
  proxied(auditor, AGGREGATED, {}, "/a%3Fpassword=xyzzy");
  proxied(auditor, AGGREGATED, {}, "/a%253fpassword=xyzzy");
  proxied(auditor, AGGREGATED, {}, `/t/${jwt}`);
  proxied(auditor, AGGREGATED, { Authorization: "Bearer xyzzyxyzzy", Cookie: "xyzzy" });
  auditor.refused({
    req: makeIncoming(`${SOCKETS_PREFIX}${ID}/proxy/http/ann:xyzzy@host/x?y=xyzzy#xyzzy`),
    upgrade: false,
    code: 400,
    reason: `Cannot read target "http/ann:xyzzy@host": Bearer xyzzyxyzzy ${jwt}`,
  });
  assert.equal(lines.length, 6);
  assert.doesNotMatch(JSON.stringify(lines), /xyzzy|eyJ/);
});

Deno.test("User names stand in the log as they are", () => {
  const { auditor, lines } = setUp();
  const names = [
    "oidc:alice@example.com",
    "abcdef.0123456789abcdef",
    "https://issuer.example.com/realms/a#u:b@c",
    "Bearer of_bad_news",
    "eyJhbGciOiJF.a.b",
  ];
  for (const user of names) proxied(auditor, { ...AGGREGATED, user });
  assert.deepEqual(lines.map(({ user }) => user), names);
});

Deno.test("A path shows all of its segments, and where something was taken out of it", () => {
  const { auditor, lines } = setUp();
  const cases: [string, string][] = [
    ["/namespaces/big%3fa=xyzzy/../../secrets", "/namespaces/big%3f[redacted]/../../secrets"],
    ["/a%3F/b%253fxyzzy", "/a%3F/b%253f[redacted]"],
    ["/users/oidc:alice@example.com/a:b@c", "/users/oidc:alice@example.com/a:b@c"],
    ["/pods/http/system:node:a@b", "/pods/http/system:node:a@b"],
    ["/x/https://ann:xy@zzy@host/y", "/x/https://[redacted]@host/y"],
    ["/x/https%3A%2F%2Fxyzzy%40host", "/x/https%3A%2F%2F[redacted]@host"],
    [`/${"p".repeat(1_023)}`, `/${"p".repeat(1_023)}`],
    [`/${"p".repeat(1_024)}`, `/${"p".repeat(1_020)}...`],
    [`/${"p".repeat(1_024)}?xyzzy`, `/${"p".repeat(1_020)}...`],
  ];
  for (const [path] of cases) proxied(auditor, AGGREGATED, {}, path);
  assert.deepEqual(lines.map(({ path }) => path), cases.map(([, seen]) => seen));
});

Deno.test("Every text of a record is bounded", () => {
  const { auditor, lines } = setUp();
  const groups = Array.from({ length: 5_000 }, (_, i) => `group-${i}`.padEnd(1_000, "g"));
  proxied(auditor, { user: "u".repeat(50_000), uid: "i".repeat(50_000), groups }, {
    "X-Forwarded-For": "192.0.2.7, ".repeat(5_000),
  }, `/${"p".repeat(60_000)}`);
  auditor.refused({
    req: makeIncoming(`${SOCKETS_PREFIX}${"x".repeat(60_000)}`),
    upgrade: false,
    code: 400,
    reason: "r".repeat(60_000),
  });
  for (const line of lines) assert.ok(JSON.stringify(line).length < 12_000);
  assert.equal((lines[0]!["path"] as string).length, 1_024);
  assert.equal((lines[0]!["groups"] as string[]).at(-1), "(4968 more)");
});

Deno.test("A line stays one line, whatever a name holds", () => {
  const caller = { user: 'a\n{"event":"request"}\u2028', groups: ["b\r\nc"] };
  const text = auditLine(makeRecord({ caller, path: "/a\nb" }));
  assert.equal(text.trimEnd().split(/[\r\n]/).length, 1);
  assert.equal(JSON.parse(text).user, caller.user);
});

Deno.test("A refusal tells what was known by then", () => {
  const { auditor, lines } = setUp();
  const url = `${SOCKETS_PREFIX}${ID}/attach`;
  const refusal = { req: makeIncoming(url), upgrade: true, code: 403, reason: "no" };
  const attributes = { verb: "get" };
  auditor.refused({
    ...refusal,
    identity: AGGREGATED,
    impersonator: "root",
    route: { kind: "attach", clusterId: ID, attributes },
  });
  auditor.refused(refusal);
  auditor.refused({ ...refusal, req: makeIncoming("/healthz") });
  auditor.attached({ req: makeIncoming(url), identity: AGGREGATED, clusterId: ID });
  auditor.attached({ req: makeIncoming(url), identity: AGGREGATED, clusterId: ID }, {
    code: 503,
    message: "full",
  });
  const seen = lines.map(({ event, user, impersonator, cluster, verb, code, reason }) =>
    [event, user, impersonator, cluster, verb, code, reason].map((one) => one ?? "-").join(" ")
  );
  assert.deepEqual(seen, [
    `attach alice root ${ID} get 403 no`,
    `request - - ${ID} - 403 no`,
    `attach alice - ${ID} get 101 -`,
    `attach alice - ${ID} get 503 full`,
  ]);
});

Deno.test("Strangers cannot flood the log: their refusals have a rate", () => {
  const { auditor, lines, clock, left } = setUp();
  const req = makeIncoming(`${SOCKETS_PREFIX}${ID}/proxy/direct/`);
  const knock = (): void => auditor.refused({ req, upgrade: false, code: 401, reason: "who" });
  for (let i = 0; i < 5_000; i++) knock();
  assert.equal(lines.length, 200);
  assert.equal(left(), 4_800);
  clock.ms += 1_000;
  for (let i = 0; i < 100; i++) knock();
  assert.equal(lines.length, 220);
  auditor.refused({ req, upgrade: false, code: 403, reason: "no", identity: AGGREGATED });
  assert.equal(lines.length, 221, "who is known is always told of");
});

Deno.test("A target in absolute form is on record, without its authority", () => {
  const { auditor, lines } = setUp();
  const refused = (url: string): void =>
    auditor.refused({ req: makeIncoming(url), upgrade: false, code: 400, reason: "no" });
  refused(`HTTPS://ann:xyzzy@hub:443${SOCKETS_PREFIX}${ID}/proxy/direct/x?y=xyzzy`);
  refused(`http://hub/livez?${SOCKETS_PREFIX}${ID}`);
  refused(`hub:443`);
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!["cluster"], ID);
  assert.equal(lines[0]!["path"], `${SOCKETS_PREFIX}${ID}/proxy/direct/x`);
  assert.doesNotMatch(JSON.stringify(lines), /xyzzy/);
});

Deno.test("Who left before they were served is on record with the address that they had", () => {
  const { auditor, lines } = setUp();
  const req = makeIncoming(`${SOCKETS_PREFIX}${ID}/proxy/direct/`);
  const closed = { ...req, socket: {} } as typeof req;
  auditor.refused({
    req: closed,
    upgrade: false,
    peer: "192.0.2.7",
    identity: AGGREGATED,
    code: 0,
    reason: "left",
  });
  assert.deepEqual(lines[0]!["sourceIPs"], ["192.0.2.7"]);
  assert.equal(lines[0]!["code"], 0);
});
