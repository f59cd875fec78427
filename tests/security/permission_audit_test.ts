/**
 * Hub and agent at work with the permissions of their tasks, and with the runtime's audit on: every
 * use is on the list below, and every variable and system call that is granted was used, or has a
 * reason here.
 */
import assert from "node:assert/strict";
import { startByteTarget } from "../e2e/byte_target.ts";
import { startFleet } from "../e2e/fleet.ts";
import { portForward, startByteServer } from "../e2e/port_forward.ts";
import { withPrograms } from "../e2e/programs.ts";
import { startStandaloneHub } from "../standalone/standalone_hub.ts";
import { type Grant, listed, readAudit, SETS, shortDir, type Use } from "./permissions.ts";

type Patterns = Readonly<Record<string, readonly RegExp[]>>;

const SOCKET = /^unix:\/tmp\/cn-[^/]+\/run-(hub|agent)\/clusternet-[0-9a-f]+\/s$/;
const RUNTIME = /^\/tmp\/cn-[^/]+\/run-(hub|agent)(\/clusternet-[0-9a-f]+(\/s)?)?$/;
/** Files that flags name. A file that is opened to be read is noted as one to be written, too. */
const HUB_FILES = /^\/.+\/(parent-[0-9a-f]+\/kubeconfig-hub)$/;
const AGENT_FILES = /^\/.+\/(child-[0-9a-f]+\/(kubeconfig-agent|agent-parent-ca\.crt))$/;
const DATA = /^\/.+\/data(\/[-.a-z0-9]+)?$/;
const LOOPBACK = /^127\.0\.0\.1:\d+$/;

/** Environment and system calls are those of the permission set. */
const HUB: Patterns = {
  net: [LOOPBACK, SOCKET],
  read: [RUNTIME, HUB_FILES],
  write: [RUNTIME, HUB_FILES],
};
const STANDALONE: Patterns = {
  net: [LOOPBACK, SOCKET],
  // The modules of a worker are read as files
  read: [RUNTIME, DATA, /^(file:\/\/)?\/.+\/(hub|shared)\/[a-z_/]+\.ts$/],
  write: [RUNTIME, DATA],
};
const AGENT: Patterns = {
  // The last two are not dialled: the name that a WebSocket over a socket file has
  net: [LOOPBACK, SOCKET, /^ws:\/\/\[100::1\]\/[0-9a-f]{64}$/, /^\[100::1\]:80$/],
  read: [RUNTIME, AGENT_FILES],
  write: [RUNTIME, AGENT_FILES],
};

/** Granted, and not seen below. */
const REASONS: Readonly<Record<"hub" | "agent", Readonly<Record<string, string>>>> = {
  hub: {
    "env NODE_USE_SYSTEM_CA": "asked for by node:https where no CA is named for a server",
  },
  agent: {
    "env NODE_USE_SYSTEM_CA": "as the hub",
    "env TMPDIR": "where the lock of the agent's name lies, when no identity is given",
    "env TMP": "as TMPDIR",
    "env TEMP": "as TMPDIR",
  },
};

/** As `listed`, of what is a list. */
function list(grant: Grant | undefined, part: "allow" | "ignore"): readonly string[] {
  const values = listed(grant, part);
  assert.ok(values !== true);
  return values;
}

function check(
  what: string,
  program: "hub" | "agent",
  uses: readonly Use[],
  known: Patterns,
): void {
  const set = SETS[program]!;
  assert.ok(uses.length > 0, `${what} was not audited`);
  for (const { permission, value } of uses) {
    if (permission === "env" || permission === "sys") {
      const grants = [...list(set[permission], "allow"), ...list(set[permission], "ignore")];
      assert.ok(grants.includes(value), `${what}: ${permission} ${value}`);
      continue;
    }
    const patterns = known[permission] ?? [];
    assert.ok(patterns.some((one) => one.test(value)), `${what}: ${permission} ${value}`);
  }
}

function checkUsed(program: "hub" | "agent", uses: readonly Use[]): void {
  const set = SETS[program]!;
  const used = new Set(uses.map(({ permission, value }) => `${permission} ${value}`));
  for (const permission of ["env", "sys"] as const) {
    for (const value of list(set[permission], "allow")) {
      const name = `${permission} ${value}`;
      const reason = REASONS[program][name];
      assert.notEqual(used.has(name), reason !== undefined, `${program}: ${name}`);
    }
  }
}

Deno.test("hub and agent use what is written, and need what they are granted", async (t) => {
  await using dir = await shortDir();
  const runtime = (program: string): string => `--runtime-dir=${dir.path}/run-${program}`;
  for (const program of ["hub", "agent"]) await Deno.mkdir(`${dir.path}/run-${program}`);
  const audit = (name: string): string => `${dir.path}/${name}.jsonl`;
  const audited = (name: string): { env: Record<string, string> } => ({
    env: { DENO_AUDIT_PERMISSIONS: audit(name) },
  });

  await t.step("behind a parent", async () => {
    await using target = await startByteTarget();
    await using server = startByteServer();
    const programs = { hub: audited("hub"), agent: audited("agent") };
    await using fleet = await withPrograms(programs, () =>
      startFleet({
        hub: { args: [runtime("hub")] },
        agent: {
          args: [runtime("agent"), `--allow-target=127.0.0.1:${target.port}`],
        },
      }));
    const shell = await fleet.child.createPod({ name: "shell", forwards: { 80: server.port } });
    const nodes = await fleet.through(["get", "nodes"]);
    assert.equal(nodes.code, 0, nodes.stderr);
    const exec = await fleet.through(["exec", shell.name, "--", "echo", "out"]);
    assert.equal(exec.stdout.trim(), "out", exec.stderr);
    {
      await using forward = await portForward(fleet, `pod/${shell.name}`, 80, {});
      assert.equal(await forward.fetchBytes(1000), 1000);
    }
    const proxy = fleet.proxyPath.replace(/direct$/, "");
    const raw = (path: string) => fleet.asUser(["get", "--raw", `${proxy}${path}`]);
    const allowed = await raw(`http/127.0.0.1:${target.port}/bytes/5`);
    assert.equal(allowed.code, 0, allowed.stderr);
    const untrusted = await raw(`https/127.0.0.1:${target.port}/`); // It speaks no TLS
    assert.equal(untrusted.code, 1, untrusted.stdout);
    const denied = await raw("http/169.254.169.254/latest/meta-data");
    assert.match(denied.stderr, /--allow-target/);
  });

  await t.step("the standalone hub", async () => {
    await using hub = await withPrograms(
      { hub: audited("standalone") },
      () => startStandaloneHub({ args: [runtime("hub")] }),
    );
    await hub.kubectlOk(["create", "cm", "a"]);
    assert.match(await hub.kubectlOk(["get", "cm"]), /^a /m);
  });

  await t.step("every use is on the list", async () => {
    check("hub", "hub", await readAudit(audit("hub")), HUB);
    check("standalone", "hub", await readAudit(audit("standalone")), STANDALONE);
    check("agent", "agent", await readAudit(audit("agent")), AGENT);
  });

  await t.step("every granted variable and system call is used, or has a reason", async () => {
    for (const program of ["hub", "agent"] as const) {
      const names = [program, ...(program === "hub" ? ["standalone"] : [])];
      const uses = await Promise.all(names.map((name) => readAudit(audit(name))));
      checkUsed(program, uses.flat());
    }
  });
});
