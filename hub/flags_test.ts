import assert from "node:assert/strict";
import { hubCommand } from "./flag_options.ts";
import { parseHubFlags } from "./flags.ts";

/** Parses with the output kept away from the terminal. */
function parse(...args: string[]): { flags?: ReturnType<typeof parseHubFlags>; output: string } {
  let output = "";
  const command = hubCommand().configureOutput({
    writeErr: (text) => output += text,
    writeOut: (text) => output += text,
  });
  try {
    return { flags: parseHubFlags(args, command), output };
  } catch {
    return { output };
  }
}

Deno.test("parseHubFlags() has the documented defaults", () => {
  const { flags } = parse();
  assert.equal(flags?.securePort, 8443);
  assert.equal(flags?.approval, "auto");
  assert.equal(flags?.agentTokenTtl, 604_800_000);
  assert.equal(flags?.leaderElect, false);
  assert.equal(flags?.legacyCredentials, false);
  assert.equal(flags?.maxConnections, 100_000);
  assert.equal(flags?.maxRequestsPerUser, 50_000);
  assert.equal(flags?.maxUpgradesPerUser, 2_000);
  assert.equal(flags?.maxUpgradesPerCluster, 512);
  assert.equal(flags?.maxUserShare, 25);
  assert.equal(flags?.maxAttachesPerSecond, 1);
});

Deno.test("parseHubFlags() takes limits, 0 for none, and no share of nothing", () => {
  const { flags } = parse("--max-requests-per-user=0", "--max-user-share=100");
  assert.equal(flags?.maxRequestsPerUser, 0);
  assert.equal(flags?.maxUserShare, 100);
  for (const bad of ["--max-user-share=0", "--max-user-share=101", "--max-connections=-1"]) {
    assert.match(parse(bad).output, new RegExp(bad.split("=")[0]!));
  }
});

Deno.test("parseHubFlags() reads the original's flags", () => {
  const { flags } = parse(
    "--secure-port=443",
    "--leader-elect",
    "--feature-gates=SocketConnection=true",
    "--enable-tunnel-logging=true",
  );
  assert.equal(flags?.securePort, 443);
  assert.equal(flags?.leaderElect, true);
  assert.equal(flags?.enableTunnelLogging, true);
});

Deno.test("parseHubFlags() reads kube-apiserver's flags of the audit log", () => {
  const { flags } = parse("--audit-log-path=-", "--audit-log-maxsize=7", "--audit-log-maxbackup=0");
  assert.equal(flags?.auditLogPath, "-");
  assert.equal(flags?.auditLogMaxsize, 7);
  assert.equal(flags?.auditLogMaxbackup, 0);
  assert.equal(parse("--audit-log-path=").flags?.auditLogPath, "");
  const { flags: defaults } = parse();
  assert.equal(defaults?.auditLogPath, undefined);
  assert.equal(defaults?.auditLogMaxsize, 100);
  assert.equal(defaults?.auditLogMaxbackup, 5);
});

Deno.test("parseHubFlags() reads klog's spellings of the verbosity", () => {
  for (const args of [["-v=4"], ["--v=4"], ["-v", "4"], ["--v", "4"], ["--verbosity=4"]]) {
    assert.equal(parse(...args).flags?.verbosity, 4, args.join(" "));
  }
});

Deno.test("parseHubFlags() says what is wrong with a value and names the flag", () => {
  for (
    const [args, message] of [
      [["--secure-port=70000"], /--secure-port .*whole number from 0 to 65535/s],
      [["--agent-token-ttl=7d"], /--agent-token-ttl .*duration such as/s],
      [["--approval=maybe"], /--approval .*auto, manual/s],
      [["--tls-cert-file=x"], /--tls-private-key-file go together/],
      [["--leader-elect-renew-deadline=20s"], /must be below --leader-elect-lease-duration/],
      [["--feature-gates=Deployer=true"], /Unknown gate "Deployer"/],
      [["--no-such"], /unknown option '--no-such'/],
    ] as const
  ) {
    const { flags, output } = parse(...args);
    assert.equal(flags, undefined, args[0]);
    assert.match(output, message);
  }
});

Deno.test("parseHubFlags() takes the original's flags that have no effect, and says why", () => {
  const { flags } = parse(
    "--authentication-kubeconfig=/a",
    "--authorization-kubeconfig=/b",
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--profiling=false",
    "--requestheader-client-ca-file=/c",
    "--client-ca-file",
    "/d",
    "--approval=manual",
  );
  assert.equal(flags?.approval, "manual");
  assert.equal(flags.ignored.length, 7);
  assert.match(flags.ignored[0]!, /^--authentication-kubeconfig: .*--kubeconfig/);
  assert.match(flags.ignored[6]!, /^--client-ca-file: .*extension-apiserver-authentication/);
  assert.deepEqual(parse().flags?.ignored, []);
});

Deno.test("parseHubFlags() prints help with every flag", () => {
  const { output } = parse("--help");
  assert.match(output, /--approval <mode>/);
  assert.match(output, /without effect: --authentication-kubeconfig, /);
});
