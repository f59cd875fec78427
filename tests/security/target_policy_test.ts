/**
 * The agent's list of targets in a ConfigMap of the child, seen by requests through the tunnel:
 * abuse cases 13, 15 and 18.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/wait.ts";
import { ROOT } from "../e2e/programs.ts";
import { rawConnect, rawText, upgradeText } from "./raw_http.ts";
import { ALICE, type Scene, startScene } from "./scene.ts";

const NS = "clusternet-system";
const NAME = "clusternet-agent-targets";
const MAPS = `/api/v1/namespaces/${NS}/configmaps`;

/** What the child runs on its loopback: an answer, one that never ends, and an upgrade. */
function startTarget(): Deno.HttpServer<Deno.NetAddr> & { hits: () => number } {
  let hits = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    hits++;
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onerror = () => {};
      return response;
    }
    if (new URL(request.url).pathname !== "/hang") return new Response("here");
    return new Response(
      new ReadableStream({ start: (out) => out.enqueue(new TextEncoder().encode("begun")) }),
    );
  });
  return Object.assign(server, { hits: () => hits });
}

/** What a list says, in both forms. */
async function put(scene: Scene, list: string, key = "targets.yaml"): Promise<void> {
  const body = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: NAME, namespace: NS },
    data: { [key]: list },
  };
  await scene.child.kubectlOk(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
    stdin: JSON.stringify(body),
  });
}

/** The status of a request to a target of the child, as alice. */
async function status(scene: Scene, target: string): Promise<number> {
  return (await scene.askAs(ALICE, { path: scene.at(`/proxy/${target}/`) })).status;
}

async function becomes(scene: Scene, target: string, wanted: number): Promise<void> {
  await eventually(`${target} is ${wanted}`, 10_000, async () => {
    assert.equal(await status(scene, target), wanted);
  });
}

/** Waits for a line of the agent's log. */
async function logged(scene: Scene, pattern: RegExp): Promise<void> {
  await eventually(`the agent logs ${pattern}`, 10_000, async () => {
    assert.match(await scene.fleet.agent!.process.log(), pattern);
  });
}

async function metric(scene: Scene, name: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${scene.fleet.agent!.healthPort}/metrics`);
  const line = (await answer.text()).split("\n").find((text) => text.startsWith(name));
  return Number(line?.split(" ").at(-1));
}

/** Opens a stream to the target and reads its beginning. @returns waits for its end, in ms */
async function open(scene: Scene, text: string): Promise<{ ended: Promise<number> }> {
  const conn = await rawConnect(scene.hubTarget(scene.parent.pki.frontProxyClient));
  await conn.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(8192);
  assert.notEqual(await conn.read(buffer), null);
  assert.match(new TextDecoder().decode(buffer), /^HTTP\/1\.1 (200|101) /);
  const started = performance.now();
  const ended = (async () => {
    const timer = setTimeout(() => conn.close(), 20_000);
    try {
      while (await conn.read(buffer) !== null);
    } catch {
      // Cut without close_notify, as it should be
    }
    clearTimeout(timer);
    try {
      conn.close();
    } catch {
      // By the timer
    }
    return performance.now() - started;
  })();
  return { ended };
}

Deno.test("the targets of a ConfigMap: typo, fix, removal, and streams that are open", async (t) => {
  const target = startTarget();
  const other = startTarget();
  await using scene = await startScene();
  const { child } = scene;
  const [one, two] = [`http/127.0.0.1:${target.addr.port}`, `http/127.0.0.1:${other.addr.port}`];
  const list = (...ports: number[]): string =>
    "targets:\n" +
    ports.map((port) => `  - host: 127.0.0.1\n    port: ${port}\n    scheme: http\n`).join("");
  const lines: [string, string][] = [["X-Remote-User", ALICE.user]];
  for (const group of ALICE.groups ?? []) lines.push(["X-Remote-Group", group]);

  await t.step("the agent has the rights that it needs for this, and no more", async () => {
    const may = async (verb: string, name: string): Promise<boolean> => {
      const as = `--as=system:serviceaccount:${NS}:clusternet-agent`;
      const resource = name === "" ? "configmaps" : `configmaps/${name}`;
      return (await child.kubectl(["auth", "can-i", verb, resource, "-n", NS, as])).code === 0;
    };
    for (const verb of ["get", "list", "watch"]) assert.ok(await may(verb, NAME), verb);
    for (const verb of ["create", "update", "patch", "delete"]) {
      assert.equal(await may(verb, NAME), false, verb);
    }
    assert.equal(await may("get", "other"), false);
    assert.equal(await may("list", ""), false);
    assert.doesNotMatch(await scene.fleet.agent!.process.log(), /Cannot read the list of targets/);
  });

  await t.step("without the ConfigMap nothing is allowed, and the answer names it", async () => {
    const { status, body } = await scene.askAs(ALICE, { path: scene.at(`/proxy/${one}/`) });
    assert.equal(status, 403);
    assert.match(body, /ConfigMap clusternet-system\/clusternet-agent-targets/);
  });

  await t.step("the sample is taken as it stands", async () => {
    await child.kubectlOk(["apply", "-f", `${ROOT}deploy/samples/child/agent_targets.yaml`]);
    await logged(scene, /The list of targets is in force.*grafana\.monitoring\.svc:3000/);
    assert.equal(await metric(scene, 'clusternet_agent_allowed_targets{source="configmap"'), 3);
  });

  await t.step("an entry lets its target in, and no other", async () => {
    await put(scene, list(target.addr.port));
    await becomes(scene, one, 200);
    assert.equal(await status(scene, two), 403);
  });

  await t.step("no range and no name of the list lets metadata and loopback in", async () => {
    const wide = '  - "http://0.0.0.0/0:80"\n  - "http://[::/0]:80"\n  - http://localhost\n';
    await put(scene, list(target.addr.port) + wide);
    await logged(scene, /http:\/\/localhost/);
    for (
      const host of [
        "169.254.169.254",
        "127.0.0.1",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "localhost",
      ]
    ) assert.equal(await status(scene, `http/${host}`), 403, host);
  });

  await t.step("a typo: the last good list stays, and log, Event and metric say so", async () => {
    const before = list(target.addr.port);
    await put(scene, before);
    await becomes(scene, one, 200);
    for (
      const typo of [
        list(other.addr.port).replace("host:", "hots:"),
        list(other.addr.port).replace("127.0.0.1", '"*"'),
        `${before}targets:\n  - http://127.0.0.1:${other.addr.port}\n`,
        list(other.addr.port).replace("scheme:", "\tscheme:"),
      ]
    ) {
      await put(scene, typo);
      await eventually("the metric says so", 10_000, async () => {
        assert.equal(await metric(scene, "clusternet_agent_target_list_refused"), 1);
      });
      assert.equal(await status(scene, one), 200);
      assert.equal(await status(scene, two), 403);
      await put(scene, before);
      await eventually("the metric says so", 10_000, async () => {
        assert.equal(await metric(scene, "clusternet_agent_target_list_refused"), 0);
      });
    }
    await logged(scene, /The list of targets is refused.*line 2: .*hots is unknown/);
    await eventually("an Event says so", 10_000, async () => {
      const about = `--field-selector=involvedObject.name=${NAME},reason=TargetListRefused`;
      const events = await child.kubectlOk(["get", "events", "-n", NS, about, "-o", "json"]);
      assert.match(events, /line 2: [^"]*hots is unknown\. The last good list stays in force/);
    });
  });

  await t.step("a list that names a target no more cuts what is open to it", async () => {
    await put(scene, list(target.addr.port, other.addr.port));
    await becomes(scene, two, 200);
    const path = scene.at(`/proxy/${one}/hang`);
    const [hanging, upgraded] = [
      await open(scene, rawText({ path, headers: lines })),
      await open(scene, upgradeText({ path, headers: lines })),
    ];
    const kept = await open(
      scene,
      rawText({ path: scene.at(`/proxy/${two}/hang`), headers: lines }),
    );
    await put(scene, list(other.addr.port));
    const ms = await Promise.all([hanging.ended, upgraded.ended]);
    assert.ok(Math.max(...ms) < 10_000, `cut after ${ms} ms`);
    assert.equal(await status(scene, one), 403);
    assert.equal(await Promise.race([kept.ended, Promise.resolve("open")]), "open");
    await child.api.remove(`${MAPS}/${NAME}`);
    assert.ok(await kept.ended < 15_000);
  });

  await t.step("a removed list means deny, at once", async () => {
    await becomes(scene, two, 403);
    const hits = other.hits();
    assert.equal(await status(scene, two), 403);
    assert.equal(other.hits(), hits);
    await logged(scene, /The list of targets was removed/);
  });

  await t.step(
    "the watch outlives a restart of the child's API; the list stays meanwhile",
    async () => {
      await put(scene, list(target.addr.port));
      await becomes(scene, one, 200);
      await child.apiserver.kill9();
      assert.equal(await status(scene, one), 200);
      await child.apiserver.start();
      await put(scene, list(other.addr.port));
      await eventually("the new list is in force", 30_000, async () => {
        assert.equal(await status(scene, two), 200);
      });
      assert.equal(await status(scene, one), 403);
    },
  );

  await t.step("an agent that starts with a broken list has none", async () => {
    await put(scene, "targets: all\n");
    await eventually("the metric says so", 10_000, async () => {
      assert.equal(await metric(scene, "clusternet_agent_target_list_refused"), 1);
    });
    assert.equal(await status(scene, two), 200);
    await scene.fleet.agent!.process.kill9();
    await scene.fleet.agent!.process.start();
    await becomes(scene, "direct/version", 200);
    assert.equal(await status(scene, two), 403);
  });

  await Promise.all([target.shutdown(), other.shutdown()]);
});
