/**
 * Looking at a fleet and working on it with the operator's program, on real kube-apiservers with
 * the stock kubectl: clusters, kubeconfig, kubectl, each, doctor. The fleet has two clusters: a
 * child, and the parent itself.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { parse } from "yaml";
import { AgentProcess } from "./agent_process.ts";
import { type Fleet, startFleet, untilReady, USER } from "./fleet.ts";
import { ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** The operator's program with some user's kubeconfig, and nothing else of this machine. */
class Ctl {
  constructor(readonly fleet: Fleet, readonly kubeconfig: string) {}

  command(args: readonly string[]): Deno.Command {
    const { parent } = this.fleet;
    const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${ROOT}cli/main.ts`, ...args],
      cwd: parent.dir,
      clearEnv: true,
      env: {
        PATH: `${dirname(parent.programs.kubectl)}:/usr/bin:/bin`,
        HOME: parent.dir,
        KUBECONFIG: this.kubeconfig,
        KUBECACHEDIR: `${parent.dir}/kubectl-cache-ctl`,
        DENO_DIR: denoDir,
        NO_COLOR: "1",
        CLUSTERNET_CTL_NAME: "kubectl outreach",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(...args: string[]): Promise<Ran> {
    const { code, stdout, stderr } = await this.command(args).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  async ok(...args: string[]): Promise<Ran> {
    const ran = await this.run(...args);
    assert.equal(ran.code, 0, `${args.join(" ")}\n${ran.stdout}${ran.stderr}`);
    return ran;
  }
}

/** Lets users in: what they may do in the parent is what they may do in the cluster `self`. */
const grants = (fleet: Fleet, selfId: string): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: fleet-reader }
rules:
  - apiGroups: [clusters.clusternet.io]
    resources: [managedclusters, clusterregistrationrequests]
    verbs: [get, list, watch]
  - { apiGroups: [""], resources: [nodes], verbs: [list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: fleet-user }
rules:
  - apiGroups: [proxies.clusternet.io]
    resources: [sockets/proxy]
    resourceNames: ["${fleet.clusterId}", "${selfId}"]
    verbs: [get, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: fleet-reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: fleet-reader }
subjects:
  - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: platform }
  - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: visitors }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: fleet-user }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: fleet-user }
subjects:
  - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: platform }
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: carol }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: platform-views }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: platform }]
`;

/** Registers the parent in itself. */
async function joinSelf(fleet: Fleet): Promise<{ agent: AgentProcess; id: string }> {
  const { parent } = fleet;
  await parent.kubectlOk(["apply", "-f", `${ROOT}deploy/agent`]);
  const agent = await AgentProcess.create(parent, parent, {
    name: "agent-self",
    args: ["--cluster-reg-name=self"],
  });
  await agent.process.start();
  const id = await agent.clusterId();
  await untilReady(parent, id, 40_000);
  return { agent, id };
}

Deno.test("the operator's program on a fleet", async (t) => {
  await using fleet = await startFleet({ agent: { args: ["--cluster-reg-name=edge-1"] } });
  const { parent, child, clusterId } = fleet;
  await child.createPod({ name: "shell" });
  const self = await joinSelf(fleet);
  try {
    await parent.kubectlOk(["apply", "-f", "-"], { stdin: grants(fleet, self.id) });
    const alice = new Ctl(fleet, fleet.userKubeconfig);
    const other = async (user: string): Promise<Ctl> =>
      new Ctl(fleet, await parent.kubeconfigFor({ name: user, user, groups: ["visitors"] }));
    const [bob, carol] = [await other("bob"), await other("carol")];

    await t.step("clusters: a table, objects, names", async () => {
      const { stdout, stderr } = await alice.ok("clusters");
      const [header, ...rows] = stdout.trimEnd().split("\n");
      assert.match(header!, /^NAME +CLUSTER-ID +KUBERNETES +READY +CONNECTED +HEARTBEAT +AGE$/);
      assert.match(
        rows[0]!,
        new RegExp(`^edge-1 +${clusterId} +v1\\.\\S+ +True +True +\\d+\\S* +`),
      );
      assert.match(rows[1]!, new RegExp(`^self +${self.id} +v1`));
      assert.equal(rows.length, 2);
      assert.equal(stderr, "");
      const wide = await alice.ok("clusters", "-o", "wide", "--no-headers");
      assert.match(wide.stdout, /^edge-1 .* linux\/amd64 +\d\S+ +clusternet-\S+ +The agent is/m);
      const list = JSON.parse((await alice.ok("clusters", "-ojson")).stdout);
      assert.equal(list.items[0].metadata.managedFields, undefined);
      assert.deepEqual(parse((await alice.ok("clusters", "-o", "yaml")).stdout), list);
      const selector = `clusters.clusternet.io/cluster-id=${self.id}`;
      const { stdout: names } = await alice.ok("clusters", "-o", "name", "-l", selector);
      assert.equal(names, "managedcluster.clusters.clusternet.io/self\n");
    });

    await t.step("clusters without the right names it; with a wrong flag it is 2", async () => {
      const nobody = new Ctl(fleet, await parent.kubeconfigFor({ name: "eve", user: "eve" }));
      const refused = await nobody.run("clusters");
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /cannot list resource.*grant you the verbs get, list/);
      assert.equal((await alice.run("clusters", "-o", "xml")).code, 2);
    });

    await t.step("clusters -w shows a change, and Ctrl-C ends it", async () => {
      await using watch = alice.command(["clusters", "-w"]).spawn();
      let text = "";
      const read = (async (): Promise<void> => {
        for await (const chunk of watch.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
      })();
      const errors = new Response(watch.stderr).text();
      await eventually("the table is there", 15_000, () => assert.match(text, /^self /m));
      await parent.kubectlOk(["label", "mcls", "-A", "--all", "region=eu"]);
      await eventually("a change is shown", 15_000, () => {
        assert.equal(text.match(/^edge-1 /gm)?.length, 2, text);
        assert.equal(text.match(/^NAME/gm)?.length, 1, text);
      });
      watch.kill("SIGINT");
      assert.equal((await watch.status).code, 0, await errors);
      await Promise.all([read, errors]);
    });

    await t.step("kubeconfig --merge: once is enough, and kubectl needs no plugin", async () => {
      const path = `${parent.dir}/merged`;
      const original = `# by hand\n${await Deno.readTextFile(fleet.userKubeconfig)}`;
      await Deno.writeTextFile(path, original, { mode: 0o640 });
      await Deno.chmod(path, 0o640);
      const mine = new Ctl(fleet, path);
      const first = await mine.ok("kubeconfig", "edge-1", "--merge");
      assert.match(first.stderr, /context "edge-1" added/);
      const once = await Deno.readTextFile(path);
      assert.match(once, /^# by hand/);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o640);
      assert.match((await mine.ok("kubeconfig", "edge-1", "--merge")).stderr, /there already/);
      assert.equal(await Deno.readTextFile(path), once);
      const kubeconfig = path;
      const context = ["--context", "edge-1"];
      assert.match(await parent.kubectlOk([...context, "get", "nodes"], { kubeconfig }), /node-1/);
      assert.equal(
        await parent.kubectlOk([
          ...context,
          "auth",
          "whoami",
          "-o",
          "jsonpath={.status.userInfo.username}",
        ], {
          kubeconfig,
        }),
        USER.name,
      );
      await mine.ok("kubeconfig", "--all", "--merge");
      await mine.ok("kubeconfig", "self", "--merge", "--use", "-n", "kube-system");
      const contexts = await parent.kubectlOk(["config", "get-contexts", "-o", "name"], {
        kubeconfig,
      });
      assert.deepEqual(contexts.trim().split("\n").toSorted(), ["edge-1", "parent", "self"]);
      assert.equal(
        (await parent.kubectlOk(["config", "current-context"], { kubeconfig })).trim(),
        "self",
      );
      // Secrets are not copied: the user is still one
      assert.equal(parse(await Deno.readTextFile(path)).users.length, 1);
    });

    await t.step("kubeconfig writes a file that needs no other", async () => {
      const path = `${parent.dir}/alone`;
      await alice.ok("kubeconfig", "edge-1", "--output", path);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      assert.match(await child.kubectlOk(["get", "pods"], { kubeconfig: path }), /shell/);
      const { stdout } = await alice.ok("kubeconfig", clusterId);
      assert.deepEqual(parse(stdout), parse(await Deno.readTextFile(path)));
    });

    await t.step("kubectl: output, exit codes, the default namespace", async () => {
      const pods = await alice.ok("kubectl", "edge-1", "--", "get", "pods", "-o", "name");
      assert.equal(pods.stdout, "pod/shell\n");
      const exec = ["kubectl", "edge-1", "--", "exec", "shell", "--"];
      assert.equal((await alice.ok(...exec, "sh", "-c", "echo $((40 + 2))")).stdout, "42\n");
      assert.equal((await alice.run(...exec, "sh", "-c", "exit 7")).code, 7);
      const away = new Ctl(
        fleet,
        await parent.kubeconfigFor({
          name: "alice-away",
          user: USER.name,
          groups: USER.groups,
          namespace: "kube-system",
        }),
      );
      const there = await away.ok("kubectl", "edge-1", "--", "get", "pods", "-o", "name");
      assert.equal(there.stdout, "pod/shell\n");
    });

    await t.step("each: one table, one List, other output", async () => {
      const { stdout } = await alice.ok("each", "--", "get", "ns");
      const [header, ...rows] = stdout.trimEnd().split("\n");
      assert.match(header!, /^CLUSTER +NAME +STATUS +AGE$/);
      const column = header!.indexOf("STATUS");
      assert.ok(rows.every((row) => row.startsWith("Active", column)), stdout);
      assert.ok(rows.some((row) => /^edge-1 +clusternet-system /.test(row)), stdout);
      assert.ok(rows.some((row) => /^self +clusternet-agents /.test(row)), stdout);
      const nodes = await alice.ok(
        "each",
        "-l",
        "region=eu",
        "--",
        "get",
        "nodes,ns",
        "-o",
        "yaml",
      );
      const items: { kind: string; metadata: { annotations: Record<string, string> } }[] =
        parse(nodes.stdout).items;
      const from = (kind: string): Set<string | undefined> =>
        new Set(
          items.filter((item) => item.kind === kind)
            .map((item) => item.metadata.annotations["clusternet.io/cluster"]),
        );
      assert.deepEqual([...from("Node")], ["edge-1"]);
      assert.deepEqual([...from("Namespace")], ["edge-1", "self"]);
      const names = await alice.ok("each", "--", "get", "cm", "-o", "name");
      assert.match(names.stdout, /^edge-1: configmap\/kube-root-ca\.crt\nself: configmap\//);
    });

    await t.step("doctor: all is well", async () => {
      const { stdout } = await alice.ok("doctor", "edge-1");
      assert.doesNotMatch(stdout, /\[!!\]/);
      assert.match(stdout, /\[ok\] the hub answers/);
      assert.match(stdout, /\[ok\] the agent is connected/);
      assert.match(stdout, /\[ok\] the cluster's clock agrees/);
      assert.match(stdout, /\[ok\] in the cluster you are "alice", in platform/);
      assert.match(stdout, /\[ok\] you may do everything in its namespace default/);
      const all = await alice.ok("doctor");
      assert.match(all.stdout, /\[ok\] edge-1 is connected and ready\n\[ok\] self is connected/);
    });

    await t.step(
      "doctor names the grant that is missing, in the parent and in the child",
      async () => {
        const outside = await bob.run("doctor", "edge-1");
        assert.equal(outside.code, 1);
        assert.match(
          outside.stdout,
          /\[!!\] you may not reach the cluster.*\n {5}mend: .*--user=bob/,
        );
        assert.match(outside.stderr, /broken: rights\./);
        const inside = await carol.run("doctor", "edge-1", "-o", "json");
        assert.equal(inside.code, 1, inside.stdout);
        const { findings } = JSON.parse(inside.stdout);
        const broken = findings.filter((one: { status: string }) => one.status === "broken");
        assert.equal(broken.length, 1, inside.stdout);
        assert.equal(broken[0].step, "childRights");
        // What it says mends it
        const mend = /`kubectl (create clusterrolebinding [^`]+)`/.exec(broken[0].mend)![1]!;
        await child.kubectlOk(mend.split(" "));
        await eventually("carol may look", 10_000, async () => {
          assert.equal((await carol.run("doctor", "edge-1")).code, 0);
        });
      },
    );

    await t.step("an agent that is killed: clusters, each and doctor say so", async () => {
      await fleet.agent!.process.kill9();
      await eventually("it is written down", 30_000, async () => {
        assert.match((await alice.ok("clusters")).stdout, /^edge-1 .* Unknown +False +/m);
      });
      const each = await alice.run("each", "--", "get", "ns", "--no-headers");
      assert.equal(each.code, 1);
      assert.match(each.stdout, /^self +default +Active/m);
      assert.doesNotMatch(each.stdout, /^(edge-1|CLUSTER)/m);
      assert.match(each.stderr, /^edge-1: skipped, it is not connected: /m);
      assert.match(
        each.stderr,
        /1 of 2 clusters failed: edge-1 \(not connected\)\. Next: .*doctor/,
      );
      const doctor = await alice.run("doctor", "edge-1");
      assert.equal(doctor.code, 1);
      assert.equal(doctor.stdout.match(/^\[!!\]/gm)?.length, 1, doctor.stdout);
      assert.match(doctor.stdout, /\[!!\] no agent is connected.*\n {5}mend: in that cluster/);
      assert.match(doctor.stdout, /\[--\] the API of the cluster, through the tunnel: not reached/);
      assert.match(doctor.stderr, /broken: tunnel\./);
      const kubectl = await alice.run("kubectl", "edge-1", "--", "get", "ns");
      assert.equal(kubectl.code, 1);
      assert.match(kubectl.stderr, /warning: edge-1 is not connected/);
    });

    await t.step("a hub that is stopped: doctor says so", async () => {
      await fleet.hub.process.kill9();
      await eventually("doctor says so", 40_000, async () => {
        const { code, stdout, stderr } = await alice.run("doctor", "self");
        assert.equal(code, 1);
        assert.match(stdout, /\[!!\] (the hub does not answer|APIService \S+ is not Available)/);
        assert.match(stdout, /mend: `kubectl -n clusternet-system get pods`/);
        assert.match(stdout, /\[ok\] 2 clusters are registered/);
        assert.match(stdout, /\[--\] the agent's tunnel: not reached/);
        assert.match(stderr, /broken: (hub|apiservice)\./);
      });
    });
  } catch (error) {
    throw new Error(`${error}\n${await fleet.logs()}`, { cause: error });
  } finally {
    await self.agent.process.kill9();
  }
});
