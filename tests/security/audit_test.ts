/**
 * The audit log on the running hub: every request and every refusal is a line that can be matched
 * with the parent's own audit log, and no line holds a secret. Changes that count are Events.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../e2e/wait.ts";
import { startStandaloneHub } from "../standalone/standalone_hub.ts";
import { upgradeText } from "./raw_http.ts";
import { cases, type Scene } from "./scene.ts";

type Line = Record<string, unknown>;

const OTHER_ID = "00000000-1111-4222-8333-444444444444";

function linesOf(text: string): Line[] {
  return text.split("\n").filter((line) => line.startsWith('{"time"')).map((line) =>
    JSON.parse(line) as Line
  );
}

/** Waits for the one line that matches. */
async function lineOf(
  read: () => Promise<string>,
  what: string,
  match: (line: Line) => boolean,
): Promise<Line> {
  let found: Line[] = [];
  await eventually(what, 5_000, async () => {
    found = linesOf(await read()).filter(match);
    assert.ok(found.length > 0, "no such line");
  }, 100);
  assert.equal(found.length, 1, `${what}: ${JSON.stringify(found)}`);
  return found[0]!;
}

interface EventItem {
  reason: string;
  message: string;
  count: number;
  involvedObject: { kind: string; name: string };
}

async function eventsOf(scene: Scene, reason: string): Promise<EventItem[]> {
  const { items } = await scene.parent.api.get<{ items: EventItem[] }>("/api/v1/events");
  return items.filter((event) => event.reason === reason);
}

cases("who did what is on record", {}, async (step, scene) => {
  const { fleet, parent } = scene;
  const log = (): Promise<string> => fleet.hub.process.log();
  const alice = await scene.parentAs({ user: "alice", groups: ["platform"] });

  await step("A1. a request through the parent has the parent's audit id", async () => {
    const needle = scene.secrets.add("secret of a query", `q-${crypto.randomUUID()}`);
    const answer = await scene.ask(alice, {
      path: scene.at(`/proxy/direct/api/v1/nodes?limit=1&password=${needle}`),
      headers: [["Authorization-Note", needle]],
    });
    assert.equal(answer.status, 200, answer.text);
    const auditID = answer.headers.find(([name]) => name === "audit-id")?.[1];
    assert.ok(auditID, "the parent tells its audit id");
    const line = await lineOf(log, "the line", (one) => one["auditID"] === auditID);
    const { time, ms, bytesDown, sourceIPs, groups, uid: _, ...rest } = line;
    assert.deepEqual(rest, {
      event: "request",
      auditID,
      user: "alice",
      via: "front-proxy",
      cluster: fleet.clusterId,
      verb: "get",
      method: "GET",
      target: "direct",
      path: "/api/v1/nodes",
      upgrade: false,
      code: 200,
      bytesUp: 0,
    });
    assert.ok(Math.abs(Date.parse(time as string) - Date.now()) < 60_000);
    assert.match(time as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(groups, ["platform", "system:authenticated"]);
    assert.ok((sourceIPs as string[]).includes("127.0.0.1"));
    assert.ok((ms as number) >= 0 && (bytesDown as number) > 0);
    assert.ok(!(await log()).includes(needle));
  });

  await step("A2. kubectl is on record", async () => {
    const { code, stderr } = await fleet.through(["get", "namespaces"]);
    assert.equal(code, 0, stderr);
    await lineOf(
      log,
      "the list",
      ({ path, code }) => path === "/api/v1/namespaces" && code === 200,
    );
  });

  await step("A3. what the hub refuses is on record, with the reason", async () => {
    const admin = scene.parentTarget(parent.adminClientCert);
    const unknown = await scene.ask(admin, {
      path: scene.at("/proxy/direct/version", OTHER_ID),
      headers: [["Audit-ID", "unknown-cluster"]],
    });
    assert.equal(unknown.status, 404);
    const first = await lineOf(log, "404", ({ auditID }) => auditID === "unknown-cluster");
    assert.equal(first["code"], 404);
    assert.match(String(first["reason"]), /is not registered/);

    // RBAC of the parent asks for get, the hub asks an upgrade as create
    await parent.kubectlOk([
      "create",
      "clusterrole",
      "looks-only",
      "--verb=get",
      "--resource=sockets.proxies.clusternet.io/proxy",
    ]);
    await parent.kubectlOk([
      "create",
      "clusterrolebinding",
      "looks-only",
      "--clusterrole=looks-only",
      "--user=bob",
    ]);
    const path = scene.at("/proxy/direct/api/v1/namespaces/default/pods/p/exec?command=id");
    const headers = [["Audit-ID", "bob-execs"]] as const;
    const bob = await scene.parentAs({ user: "bob" });
    const refused = await scene.exchange(bob, upgradeText({ path, headers }));
    assert.equal(refused.status, 403, refused.text);
    const second = await lineOf(log, "403", ({ auditID }) => auditID === "bob-execs");
    const { user, verb, code, upgrade, path: bare, cluster, reason } = second;
    assert.deepEqual({ user, verb, code, upgrade, bare, cluster }, {
      user: "bob",
      verb: "create",
      code: 403,
      upgrade: true,
      bare: "/api/v1/namespaces/default/pods/p/exec",
      cluster: fleet.clusterId,
    });
    assert.match(String(reason), /create/);
  });

  await step("A4. who is not the front proxy cannot choose an audit id or an address", async () => {
    const { status } = await scene.ask(scene.hubTarget(), {
      path: scene.at("/proxy/direct/stranger"),
      headers: [["Audit-ID", "forged"], ["X-Forwarded-For", "203.0.113.66"]],
    });
    assert.equal(status, 401);
    const line = await lineOf(log, "401", ({ path }) => /stranger/.test(String(path)));
    assert.deepEqual([line["code"], line["auditID"], line["user"]], [401, undefined, undefined]);
    assert.doesNotMatch(await log(), /forged|203\.0\.113\.66/);
  });

  await step("A5. attaches are on record; strangers at the tunnel are one Event", async () => {
    const agent = linesOf(await log()).find(({ event, code }) =>
      event === "attach" && code === 101
    );
    assert.match(String(agent?.["user"]), /^system:serviceaccount:clusternet-agents:/);
    for (let i = 0; i < 20; i++) {
      const answer = await scene.exchange(
        scene.hubTarget(parent.pki.frontProxyClient),
        upgradeText({
          path: scene.at("/attach"),
          headers: [
            ["X-Remote-User", `mallory-${i}`],
            ["X-Remote-Group", "system:masters"],
            ["Audit-ID", `attach-${i}`],
          ],
        }),
      );
      assert.equal(answer.status, 403, answer.text);
    }
    const line = await lineOf(log, "the last", ({ auditID }) => auditID === "attach-19");
    assert.equal(line["event"], "attach");
    assert.match(String(line["reason"]), /is not the ServiceAccount/);
    await eventually("an Event", 10_000, async () => {
      const found = await eventsOf(scene, "AttachRefused");
      assert.equal(found.length, 1);
      assert.match(found[0]!.message, /mallory-0/);
      assert.equal(found[0]!.involvedObject.name, `clusternet-${fleet.clusterId}`);
    }, 200);
  });

  await step("A6. who approved, and forged conditions that were put back, are Events", async () => {
    const [approved] = await eventsOf(scene, "Approved");
    assert.match(String(approved?.message), /approved by the hub \(--approval=auto\)/);
    const [name, namespace] = (await parent.kubectlOk([
      "get",
      "mcls",
      "-A",
      "-o",
      "jsonpath={.items[0].metadata.name} {.items[0].metadata.namespace}",
    ])).split(" ");
    const forged = {
      type: "Ready",
      status: "False",
      reason: "Forged",
      message: "forged",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    await parent.kubectlOk([
      "patch",
      "mcls",
      name!,
      "-n",
      namespace!,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status: { conditions: [forged] } }),
    ]);
    await eventually("an Event", 10_000, async () => {
      assert.equal((await eventsOf(scene, "ConditionsPutBack")).length, 1);
    }, 200);
  });

  await step("A7. who may speak for users is an Event when it changes", async () => {
    const path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    const names = "requestheader-allowed-names";
    const { data } = await parent.api.get<{ data: Record<string, string> }>(path);
    const allowed = JSON.stringify([...JSON.parse(data[names] ?? "[]"), "a-new-proxy"]);
    const patch = JSON.stringify({ data: { [names]: allowed } });
    const configMap = "configmap/extension-apiserver-authentication";
    await parent.kubectlOk(["-n", "kube-system", "patch", configMap, "--type=merge", "-p", patch]);
    await eventually("an Event", 10_000, async () => {
      const found = await eventsOf(scene, "FrontProxyTrustChanged");
      assert.ok(found.some(({ message }) => /a-new-proxy, CA SHA256=/.test(message)));
      assert.equal(found[0]!.involvedObject.kind, "APIService");
    }, 200);
    const described = await parent.kubectlOk([
      "describe",
      "apiservice",
      "v1alpha1.proxies.clusternet.io",
    ]);
    assert.match(described, /FrontProxyTrustChanged/);
  });

  await step("A8. nothing was dropped, and that would show", async () => {
    assert.match(await scene.hubMetrics(), /clusternet_audit_dropped_total\{reason="queue"\} 0/);
  });
});

Deno.test("a standalone hub audits into its data directory, names impersonators, and flushes", async () => {
  await using hub = await startStandaloneHub();
  const path = join(hub.dir, "data", "audit.log");
  const sockets = `/apis/proxies.clusternet.io/v1alpha1/sockets/${OTHER_ID}/proxy/direct/version`;
  const { code } = await hub.kubectl(["get", "--raw", `${sockets}?password=xyzzy`]);
  assert.notEqual(code, 0);
  const { stderr } = await hub.kubectl(["--as=eve", "get", "--raw", sockets]);
  assert.match(stderr, /orbidden/);
  await hub.process.stop();
  const text = await Deno.readTextFile(path);
  const seen = linesOf(text).map(({ user, via, impersonator, code, path }) =>
    [user, via, impersonator ?? "-", code, path].join(" ")
  );
  assert.match(seen.join("\n"), /^\S+ client-certificate - 404 \/version$/m);
  assert.match(seen.join("\n"), /^eve impersonation \S+ 403 \/version$/m);
  assert.doesNotMatch(text, /xyzzy/);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("--audit-log-path=off writes no audit log at all", async () => {
  await using hub = await startStandaloneHub({ args: ["--audit-log-path=off"] });
  const path = `/apis/proxies.clusternet.io/v1alpha1/sockets/${OTHER_ID}/proxy/direct/version`;
  await hub.kubectl(["get", "--raw", path]);
  await hub.process.stop();
  assert.deepEqual(linesOf(await hub.process.log()), []);
  await assert.rejects(Deno.stat(join(hub.dir, "data", "audit.log")), Deno.errors.NotFound);
});
