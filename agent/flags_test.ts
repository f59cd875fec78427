import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { type AgentEnvironment, type AgentFlags, parseAgentFlags } from "./flags.ts";

const PARENT = "--cluster-reg-parent-url=https://192.168.10.10:6443";

function parse(args: string[], env: AgentEnvironment = {}): AgentFlags {
  return parseAgentFlags([PARENT, ...args], env);
}

/** What is printed for a command line that is refused. */
function refusal(args: string[], env: AgentEnvironment = {}): string {
  let printed = "";
  const write = (text: string): void => void (printed += text);
  assert.throws(() => parseAgentFlags(args, env, write), CommanderError);
  return printed;
}

Deno.test("all flags of the original's v0.1.0 are taken", () => {
  const flags = parse([
    "--kubeconfig=/etc/kubeconfig",
    "--cluster-reg-token=07401b.f395accd246ae52d",
    "--cluster-reg-name=edge-1",
    "--cluster-reg-name-prefix=site",
    "--cluster-reg-type=EdgeCluster",
    "--cluster-status-update-frequency=1m30s",
    "--cluster-status-collect-frequency=10s",
    "--enable-tunnel-logging=true",
    "--feature-gates=SocketConnection=true",
    "-v=5",
  ]);
  assert.equal(flags.clusterRegParentUrl, "https://192.168.10.10:6443");
  assert.equal(flags.clusterRegToken, "07401b.f395accd246ae52d");
  assert.equal(flags.clusterRegName, "edge-1");
  assert.equal(flags.clusterRegType, "EdgeCluster");
  assert.equal(flags.clusterStatusUpdateFrequency, 90_000);
  assert.equal(flags.clusterStatusCollectFrequency, 10_000);
  assert.equal(flags.enableTunnelLogging, true);
  assert.equal(flags.verbosity, 5);
});

Deno.test("defaults are the original's", () => {
  const flags = parse([]);
  assert.equal(flags.clusterRegNamePrefix, "clusternet-cluster");
  assert.equal(flags.clusterRegType, "EdgeClusterSelfProvisioned");
  assert.equal(flags.clusterStatusUpdateFrequency, 180_000);
  assert.equal(flags.clusterStatusCollectFrequency, 20_000);
  assert.equal(flags.namespace, "clusternet-system");
  assert.equal(flags.leaderElect, true);
  assert.deepEqual(flags.healthAddr, { hostname: "127.0.0.1", port: 10650 });
  assert.deepEqual([flags.allowTarget, flags.forwardExtras, flags.clusterLabels], [[], [], {}]);
});

Deno.test("klog's spellings of -v are taken", () => {
  for (const args of [["-v=4"], ["--v=4"], ["--v", "4"], ["-v", "4"], ["--verbosity=4"]]) {
    assert.equal(parse(args).verbosity, 4, args.join(" "));
  }
});

Deno.test("parent and token may come from the environment; flags win", () => {
  const env = { PARENT_URL: "https://env:6443/prefix/", REG_TOKEN: "from-env" };
  const flags = parseAgentFlags([], env);
  assert.equal(flags.clusterRegParentUrl, "https://env:6443/prefix");
  assert.equal(flags.clusterRegToken, "from-env");
  assert.equal(parse(["--cluster-reg-token=t"], env).clusterRegToken, "t");
  assert.equal(parse([], env).clusterRegParentUrl, "https://192.168.10.10:6443");
  assert.equal(parse(["--cluster-reg-token-file=/f"], env).clusterRegToken, undefined);
  assert.equal(parse(["--cluster-reg-token="], { REG_TOKEN: "" }).clusterRegToken, undefined);
  assert.match(refusal([], { PARENT_URL: "nonsense" }), /env PARENT_URL is invalid/);
});

Deno.test("our own flags are read", () => {
  const flags = parse([
    `--cluster-reg-parent-ca-hash=sha256:${"AB".repeat(32)}`,
    "--cluster-labels=site=berlin,tier=edge",
    "--allow-target=http://10.0.0.5:8080",
    "--allow-target=10.1.0.0/16:9100,https://grafana.monitoring.svc",
    "--forward-extras=example.org/team",
    "--legacy-child-credentials",
    "--proxy-url=proxy.example:3128",
    "--health-addr=none",
    "--leader-elect=false",
  ]);
  assert.equal(flags.clusterRegParentCaHash, "ab".repeat(32));
  assert.deepEqual(flags.clusterLabels, { site: "berlin", tier: "edge" });
  assert.equal(flags.allowTarget.length, 3);
  assert.equal(flags.proxyUrl, "http://proxy.example:3128");
  assert.equal(flags.healthAddr, undefined);
  assert.equal(flags.leaderElect, false);
  assert.equal(flags.legacyChildCredentials, true);
});

Deno.test("each bad value is refused with what is wanted", () => {
  const cases: [args: string[], wanted: RegExp][] = [
    [[], /--cluster-reg-parent-url.*PARENT_URL/s],
    [["--cluster-reg-parent-url=parent"], /Want a URL/],
    [["--cluster-reg-parent-url=http://parent:6443"], /in clear/],
    [["--cluster-reg-parent-url=https://u:p@parent"], /without user/],
    [[PARENT, "--cluster-reg-name=Edge_1"], /at most 30 characters/],
    [[PARENT, `--cluster-reg-name=${"a".repeat(31)}`], /at most 30 characters/],
    [[PARENT, `--cluster-reg-name-prefix=${"a".repeat(25)}`], /at most 24 characters/],
    [[PARENT, "--cluster-reg-namespace=a.b"], /namespace name/],
    [[PARENT, "--cluster-status-update-frequency=3"], /Want a duration/],
    [[PARENT, "--cluster-status-update-frequency=5s"], /must not be above/],
    [[PARENT, "--feature-gates=Deployer=true"], /Unknown gate "Deployer"/],
    [[PARENT, "--feature-gates=SocketConnection=false"], /cannot be off/],
    [[PARENT, "--cluster-reg-parent-ca-hash=abc"], /sha256/],
    [
      [
        PARENT,
        "--cluster-reg-parent-ca-file=/f",
        `--cluster-reg-parent-ca-hash=sha256:${"0".repeat(64)}`,
      ],
      /not both/,
    ],
    [[PARENT, "--cluster-reg-token=a", "--cluster-reg-token-file=/f"], /not both/],
    [[PARENT, "--cluster-reg-token=a b"], /no token has/],
    [[PARENT, "--cluster-labels=site"], /key=value/],
    [[PARENT, "--cluster-labels=site=a b"], /no Kubernetes label/],
    [[PARENT, "--cluster-labels=clusters.clusternet.io/cluster-id=x"], /reserved/],
    [[PARENT, "--allow-target=*.example.com"], /no wildcards/],
    [[PARENT, "--proxy-url=socks5://p:1"], /HTTP proxy/],
    [[PARENT, "--leader-elect-renew-deadline=20s"], /lease-duration/],
    [[PARENT, "--leader-elect-retry-period=9s"], /1.2 times/],
    [[PARENT, "--tunnel-ping-interval=1m"], /ping-timeout/],
    [[PARENT, "--health-addr=8080"], /host:port/],
    [[PARENT, "--no-such-flag"], /unknown option/],
  ];
  for (const [args, wanted] of cases) assert.match(refusal(args), wanted, args.join(" "));
  assert.ok(!refusal([PARENT, "--cluster-reg-token=se cret"]).includes("se cret"));
});

Deno.test("http is taken for a parent on this machine", () => {
  const flags = parseAgentFlags(["--cluster-reg-parent-url=http://127.0.0.1:8080"]);
  assert.equal(flags.clusterRegParentUrl, "http://127.0.0.1:8080");
});

Deno.test("flags of later originals that mean nothing here are taken, and named", () => {
  const { withoutEffect } = parse([
    "--cluster-sync-mode=Dual",
    "--secure-port=10250",
    "--kube-api-qps=50",
    "--kube-api-burst",
    "100",
  ]);
  assert.deepEqual(withoutEffect, [
    "--cluster-sync-mode",
    "--secure-port",
    "--kube-api-qps",
    "--kube-api-burst",
  ]);
  assert.deepEqual(parse([]).withoutEffect, []);
});

Deno.test("--allow-targets-configmap names a ConfigMap, or none", () => {
  const args = ["--cluster-reg-parent-url=https://parent:6443"];
  assert.equal(parseAgentFlags(args).allowTargetsConfigmap, "clusternet-agent-targets");
  const named = (value: string): string =>
    parseAgentFlags([...args, `--allow-targets-configmap=${value}`], {}, () => {})
      .allowTargetsConfigmap;
  assert.equal(named(""), "");
  assert.equal(named("my.targets-2"), "my.targets-2");
  for (const bad of ["A", "a/b", "../a", "a,metadata.namespace=x", "-a", "a".repeat(254)]) {
    assert.throws(() => named(bad), /allow-targets-configmap|ConfigMap/, bad);
  }
});
