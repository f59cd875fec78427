/**
 * Abuse cases 19, 21 and 22: what is no HTTP, upgrades that are none, and kubectl's streams.
 */
import assert from "node:assert/strict";
import { freePorts } from "../cluster/ports.ts";
import { type StreamTransport, TRANSPORT_ENV } from "../e2e/fleet.ts";
import { portForward, startByteServer } from "../e2e/port_forward.ts";
import { eventually } from "../e2e/wait.ts";
import { malformed } from "./malformed.ts";
import { upgradeText } from "./raw_http.ts";
import { plainAnswer, Recorder, type RecorderAnswer } from "./recorder.ts";
import { ALICE, cases, remoteLines } from "./scene.ts";
import { SpdyOnly } from "./spdy_only.ts";

const [NAMED] = freePorts(1) as [number];
const AGENT_ARGS = [`--allow-target=http://127.0.0.1:${NAMED}`];
/** Less than any limit of the hub: who waits longer was not cut off. */
const CLOSED_WITHIN_MS = 4_000;

cases("what is no request is none", { agent: { args: AGENT_ARGS } }, async (step, scene) => {
  await using named = await Recorder.start({ port: NAMED });
  const at = (rest: string): string => scene.at(`/proxy/http/127.0.0.1:${NAMED}${rest}`);
  const hub = scene.hubTarget(scene.parent.pki.frontProxyClient);
  const identity = remoteLines(ALICE).map(([name, value]) => `${name}: ${value}\r\n`).join("");

  await step(
    "19. malformed requests: 400 or 431, the connection closed, nothing hidden",
    async () => {
      const hidden = `GET ${at("/hidden")} HTTP/1.1\r\nHost: x\r\n${identity}\r\n`;
      const all = malformed({ path: at("/bad"), identity, hidden });
      const faults: string[] = [];
      for (const { what, bytes, statuses } of all) {
        named.clear();
        const since = performance.now();
        const answer = await scene.exchange(hub, bytes, CLOSED_WITHIN_MS);
        const closed = performance.now() - since < CLOSED_WITHIN_MS - 100;
        if (!statuses.includes(answer.status)) faults.push(`${what}: ${answer.text.slice(0, 300)}`);
        if (!closed) faults.push(`${what}: the connection stays open`);
        const next = await scene.askAs(ALICE, { path: at("/next") });
        if (next.status !== 200) faults.push(`${what}: the next one is told ${next.status}`);
        if (named.paths.join() !== "/next") faults.push(`${what}: ${named.paths} arrived`);
      }
      assert.deepEqual(faults, []);
      // What looks like a request inside a body is a body
      named.clear();
      for (
        const framed of [
          `Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
          `Transfer-Encoding: chunked\r\n\r\n${
            hidden.length.toString(16)
          }\r\n${hidden}\r\n0\r\n\r\n`,
        ]
      ) {
        const bytes = `POST ${at("/body")} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${identity}`;
        const answer = await scene.exchange(hub, bytes + framed);
        assert.equal(answer.status, 200, answer.text);
      }
      assert.deepEqual(named.requests.map(({ path, body }) => [path, body]), [
        ["/body", hidden],
        ["/body", hidden],
      ]);
    },
  );

  await step("21. an upgrade that is refused is an error, and its connection ends", async () => {
    named.clear();
    const second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n";
    const answers: [what: string, answer: RecorderAnswer, status: number, body: string][] = [
      ["200", plainAnswer("no upgrade"), 200, "no upgrade"],
      ["403", plainAnswer("not you", "HTTP/1.1 403 Forbidden"), 403, "not you"],
      ["500", plainAnswer("oh", "HTTP/1.1 500 Internal Server Error"), 500, "oh"],
      ["502", plainAnswer("bad", "HTTP/1.1 502 Bad Gateway"), 502, "bad"],
      [
        "200 that claims an upgrade",
        plainAnswer("x", "HTTP/1.1 200 OK", ["Connection: Upgrade", "Upgrade: websocket"]),
        200,
        "x",
      ],
      [
        "200 and another answer behind it",
        { bytes: plainAnswer("one").bytes + plainAnswer("two").bytes },
        200,
        "one",
      ],
      ...[
        "",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n",
        "Connection: Upgrade\r\nUpgrade: other\r\n",
        "Connection: close\r\nContent-Length: 5\r\n",
      ].map((lines): [string, RecorderAnswer, number, string] => [
        `101 with ${JSON.stringify(lines)}`,
        { bytes: `HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`, raw: true },
        502,
        "does not switch",
      ]),
    ];
    const parent = await scene.parentAs(ALICE);
    for (const [what, answer, status, body] of answers) {
      named.answer = ({ path }) => path === "/up" ? answer : plainAnswer("served");
      for (const [way, target] of [["hub", hub], ["parent", parent]] as const) {
        named.clear();
        const headers = way === "hub" ? remoteLines(ALICE) : [];
        const bytes = upgradeText({ path: at("/up"), headers }) + second;
        const got = await scene.exchange(target, bytes, CLOSED_WITHIN_MS);
        // The parent has words of its own for what is no refusal
        const own = way === "parent" && (got.status === 503 || got.status === 502);
        assert.ok(own || got.status === status, `${what} over ${way}: ${got.text}`);
        assert.ok(own || got.body.includes(body), `${what} over ${way}: ${got.text}`);
        assert.doesNotMatch(got.text, /served|two/, what);
        // Nothing of what followed has reached the server, and the connection is gone
        assert.deepEqual(named.paths, ["/up"], what);
        assert.deepEqual([...named.raw.values()].join(""), "", what);
        const used = named.requests[0]!.connection;
        await eventually(`${what}: the connection ends`, 5_000, () => {
          assert.ok(named.closed.has(used));
        });
        const next = await scene.askAs(ALICE, { path: at("/next") });
        assert.equal(next.body, "served", next.text);
        assert.notEqual(named.requests.at(-1)!.connection, used, what);
      }
    }
  });

  await using server = startByteServer();
  const pod = await scene.child.createPod({ name: "shell", forwards: { 80: server.port } });
  for (const transport of Object.keys(TRANSPORT_ENV) as StreamTransport[]) {
    const env = TRANSPORT_ENV[transport];
    await step(`22. exec, attach, cp and port-forward pass over ${transport}`, async () => {
      await expectStreams(env);
    });
  }

  await step("22. a server that refuses WebSocket: kubectl falls back to SPDY", async () => {
    for (const status of [400, 403]) {
      await using front = await SpdyOnly.start(await scene.parentAs(ALICE), scene.parent, status);
      const server = front.url + scene.fleet.proxyPath;
      const exec = await scene.fleet.through(["exec", pod.name, "--", "echo", "fallen-back"], {
        env: TRANSPORT_ENV.websocket,
        server,
      });
      assert.deepEqual([exec.code, exec.stdout.trim()], [0, "fallen-back"], exec.stderr);
      assert.ok(front.refused > 0, "no WebSocket was tried");
      assert.ok(front.spdy > 0, "no SPDY was tried");
    }
  });

  async function expectStreams(env: Record<string, string>): Promise<void> {
    const { fleet } = scene;
    const exec = await fleet.through(["exec", "-i", pod.name, "--", "cat"], { env, stdin: "in" });
    assert.deepEqual([exec.code, exec.stdout], [0, "in"], exec.stderr);
    const failed = await fleet.through(["exec", pod.name, "--", "sh", "-c", "exit 7"], { env });
    assert.equal(failed.code, 7, failed.stderr);
    await using attached = fleet.stream(["attach", pod.name], { env });
    await eventually("the attached kubectl shows output", 20_000, async () => {
      await pod.log("attached");
      await attached.waitFor(/attached/, { timeoutMs: 500 });
    });
    const dir = await Deno.makeTempDir({ prefix: "cp-" });
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      await Deno.writeFile(`${dir}/up`, bytes);
      const up = await fleet.through(["cp", `${dir}/up`, `${pod.name}:${dir}/inside`], { env });
      assert.equal(up.code, 0, up.stderr);
      const down = await fleet.through(["cp", `${pod.name}:${dir}/inside`, `${dir}/down`], { env });
      assert.equal(down.code, 0, down.stderr);
      assert.deepEqual(await Deno.readFile(`${dir}/down`), bytes);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
    await using forward = await portForward(fleet, `pod/${pod.name}`, 80, env);
    assert.equal(await forward.fetchBytes(70_000), 70_000);
  }
});
