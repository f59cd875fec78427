/**
 * Every kubectl verb that users live on, through `.../proxy/direct`, on real clusters, with the
 * stock kubectl and both of its streaming transports.
 */
import assert from "node:assert/strict";
import { type Fleet, startFleet, type StreamTransport, TRANSPORT_ENV, USER } from "./fleet.ts";
import { portForward, startByteServer } from "./port_forward.ts";
import { eventually } from "./wait.ts";

const MANIFEST = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: default, labels: { app: demo } }
data: { colour: blue }
`;

async function succeeds(fleet: Fleet, args: string[], stdin?: string): Promise<string> {
  const result = await fleet.through(args, stdin === undefined ? {} : { stdin });
  assert.equal(result.code, 0, `kubectl ${args.join(" ")}\n${result.stderr}`);
  return result.stdout;
}

Deno.test("kubectl through the tunnel", async (t) => {
  await using fleet = await startFleet();
  await using server = startByteServer();
  const shell = await fleet.child.createPod({ name: "shell", forwards: { 80: server.port } });
  const pod = shell.name;

  await t.step("get and describe", async () => {
    assert.match(await succeeds(fleet, ["get", "nodes"]), /Ready/);
    assert.match(await succeeds(fleet, ["get", "pods", "-A", "-o", "wide"]), /shell/);
    assert.match(await succeeds(fleet, ["describe", "pod", pod]), /Name:\s+shell/);
    const list = JSON.parse(await succeeds(fleet, ["get", "ns", "-o", "json"]));
    assert.equal(list.kind, "List");
  });

  await t.step("apply, patch, get -o jsonpath, delete", async () => {
    assert.match(await succeeds(fleet, ["apply", "-f", "-"], MANIFEST), /created/);
    assert.match(
      await succeeds(fleet, ["apply", "-f", "-"], MANIFEST.replace("blue", "red")),
      /configured/,
    );
    assert.match(
      await succeeds(fleet, ["apply", "--server-side", "--force-conflicts", "-f", "-"], MANIFEST),
      /serverside-applied/,
    );
    const patch = '{"data":{"colour":"green"}}';
    await succeeds(fleet, ["patch", "cm", "settings", "--type=merge", "-p", patch]);
    const colour = ["get", "cm", "settings", "-o", "jsonpath={.data.colour}"];
    assert.equal(await succeeds(fleet, colour), "green");
    await succeeds(fleet, ["annotate", "cm", "settings", "note=x"]);
    await succeeds(fleet, ["label", "cm", "settings", "tier=gold"]);
    const edited = await fleet.through(["edit", "cm", "settings"], {
      env: { KUBE_EDITOR: "sed -i s/green/purple/" },
    });
    assert.equal(edited.code, 0, edited.stderr);
    assert.equal(await succeeds(fleet, colour), "purple");
    assert.match(await succeeds(fleet, ["delete", "cm", "settings"]), /deleted/);
    const gone = await fleet.through(["get", "cm", "settings"]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /NotFound/);
  });

  await t.step("get -w sees what another client changes", async () => {
    await using watch = fleet.stream(["get", "cm", "-w", "-o", "name"]);
    await watch.waitFor(/kube-root-ca/, { timeoutMs: 10_000 });
    await fleet.child.kubectl(["create", "cm", "seen", "--from-literal=a=b"]);
    await watch.waitFor(/configmap\/seen/, { timeoutMs: 10_000 });
  });

  await t.step("auth whoami shows the parent's user in the child", async () => {
    const out = await succeeds(fleet, ["auth", "whoami", "-o", "json"]);
    const info = JSON.parse(out).status.userInfo;
    assert.equal(info.username, USER.name);
    assert.ok(info.groups.includes("platform"), out);
    assert.equal(await succeeds(fleet, ["auth", "can-i", "create", "pods"]), "yes\n");
  });

  await t.step("get --raw with the full path", async () => {
    const raw = await fleet.asUser(["get", "--raw", `${fleet.proxyPath}/version`]);
    assert.equal(raw.code, 0, raw.stderr);
    assert.equal(JSON.parse(raw.stdout).gitVersion, "v1.36.3");
    const health = await fleet.asUser(["get", "--raw", `${fleet.proxyPath}/readyz?verbose`]);
    assert.match(health.stdout, /readyz check passed/);
  });

  await t.step("logs and logs -f", async () => {
    await shell.log("first line");
    assert.match(await succeeds(fleet, ["logs", pod]), /first line/);
    await using follow = fleet.stream(["logs", "-f", pod]);
    await follow.waitFor(/first line/, { timeoutMs: 10_000 });
    await shell.log("second line");
    await follow.waitFor(/second line/, { timeoutMs: 10_000 });
  });

  for (const transport of Object.keys(TRANSPORT_ENV) as StreamTransport[]) {
    const env = TRANSPORT_ENV[transport];

    await t.step(`exec over ${transport}: output, stdin, exit codes`, async () => {
      const echo = await fleet.through(["exec", pod, "--", "sh", "-c", "echo out; echo err >&2"], {
        env,
      });
      assert.deepEqual([echo.code, echo.stdout.trim()], [0, "out"], echo.stderr);
      assert.match(echo.stderr, /err/);
      const piped = await fleet.through(["exec", "-i", pod, "--", "sha256sum"], {
        env,
        stdin: "x".repeat(300_000),
      });
      const digest = await crypto.subtle.digest(
        "SHA-256",
        new TextEncoder().encode("x".repeat(300_000)),
      );
      assert.equal(piped.stdout.split(" ")[0], new Uint8Array(digest).toHex(), piped.stderr);
      const failed = await fleet.through(["exec", pod, "--", "sh", "-c", "exit 7"], { env });
      assert.equal(failed.code, 7, failed.stderr);
    });

    await t.step(`exec -it over ${transport} has a terminal`, async () => {
      await using tty = fleet.stream(["exec", "-it", pod, "--", "sh"], { env, tty: true });
      await tty.write("tty; echo typed-$((40+2)); exit 3\n");
      await tty.waitFor(/\/dev\/pts\/\d+/);
      await tty.waitFor(/typed-42/);
      assert.equal(await tty.exited, 3, tty.stdout);
    });

    await t.step(`attach over ${transport}`, async () => {
      await using attached = fleet.stream(["attach", pod], { env });
      await eventually("the attached kubectl shows new output", 20_000, async () => {
        await shell.log(`attached ${transport}`);
        await attached.waitFor(new RegExp(`attached ${transport}`), { timeoutMs: 500 });
      });
    });

    await t.step(`cp both ways over ${transport}`, async () => {
      const dir = await Deno.makeTempDir({ prefix: "cp-" });
      try {
        const bytes = crypto.getRandomValues(new Uint8Array(60_000));
        await Deno.writeFile(`${dir}/up`, bytes);
        const up = await fleet.through(["cp", `${dir}/up`, `${pod}:${dir}/inside`], { env });
        assert.equal(up.code, 0, up.stderr);
        const down = await fleet.through(["cp", `${pod}:${dir}/inside`, `${dir}/down`], { env });
        assert.equal(down.code, 0, down.stderr);
        assert.deepEqual(await Deno.readFile(`${dir}/down`), bytes);
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    });

    await t.step(`port-forward over ${transport}`, async () => {
      await using forward = await portForward(fleet, `pod/${pod}`, 80, env);
      for (const size of [1, 70_000, 5_000_000]) {
        assert.equal(await forward.fetchBytes(size), size);
      }
    });
  }

  await t.step("discovery answers with 304 on a warm cache and never with a redirect", async () => {
    await succeeds(fleet, ["api-resources"]);
    const out = await succeeds(fleet, ["explain", "pod.spec.containers"]);
    assert.match(out, /FIELDS/);
  });

  await t.step("columns of clsrr and mcls are the original's, then ours", async () => {
    const requests = await fleet.parent.kubectl(["get", "clsrr"]);
    assert.match(requests.stdout.split("\n")[0]!, /^NAME\s+CLUSTER-ID\s+STATUS\s+AGE/);
    const clusters = await fleet.parent.kubectl(["get", "mcls", "-A"]);
    assert.match(
      clusters.stdout.split("\n")[0]!,
      /^NAMESPACE\s+NAME\s+CLUSTER-ID\s+CLUSTER-TYPE\s+KUBERNETES\s+READYZ\s+AGE/,
    );
    await eventually("READYZ is true", 10_000, async () => {
      const { stdout } = await fleet.parent.kubectl(["get", "mcls", "-A"]);
      assert.match(stdout, /EdgeClusterSelfProvisioned\s+v1\.36\.3\s+true/);
    });
  });
});
