/**
 * Abuse case 23: an agent that was taken over, against the hub and everybody else.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { encodeFrame } from "../../shared/tunnel/encode.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { report } from "../e2e/report.ts";
import { eventually } from "../e2e/wait.ts";
import { block, FramePeer, type SeenFrame } from "./frame_peer.ts";
import { hostileFrames } from "./hostile_frames.ts";
import { accountToken, registerNeighbour } from "./neighbour.ts";
import { RawWebSocket } from "./raw_websocket.ts";
import { ALICE, cases, type Scene } from "./scene.ts";

const HUB_ARGS = ["--max-attaches-per-second=1000"];
const ROOT = { user: "root", groups: ["system:masters"] };
const MB = 1_000_000;
/** What the hub may take above what it had, in MB. */
const MAX_GROWTH_MB = 120;

/** In the hub's log: the peer was cut for what it sent. */
const LAST_WORDS = /code=("FLOOD"|"FRAME_SIZE_ERROR"|"PROTOCOL_ERROR"|4011|4006|4001|1002)/;

/** What honest users see, and what the hub takes, while `work` runs. */
async function beside(scene: Scene, work: () => Promise<void>): Promise<{
  requests: number;
  slowestMs: number;
  growthMb: number;
}> {
  const base = await scene.fleet.hub.process.rssBytes();
  let [requests, slowestMs, peak] = [0, 0, base];
  const done = new AbortController();
  const watching = (async () => {
    while (!done.signal.aborted) {
      const since = performance.now();
      const answer = await scene.askParentAs(ALICE, { path: scene.at("/proxy/direct/version") });
      assert.equal(answer.status, 200, answer.text);
      requests++;
      slowestMs = Math.max(slowestMs, performance.now() - since);
      peak = Math.max(peak, await scene.fleet.hub.process.rssBytes());
      await delay(20);
    }
  })();
  // Told at the end, not as an error that nobody waits for
  watching.catch(() => {});
  try {
    await work();
  } finally {
    done.abort();
    await watching;
  }
  return { requests, slowestMs, growthMb: (peak - base) / MB };
}

cases("a rogue agent's frames", { hub: { args: HUB_ARGS } }, async (step, scene) => {
  const rogue = await registerNeighbour(scene.parent);
  const token = scene.secrets.add(
    "rogue's token",
    await accountToken(scene.parent, rogue.account.name),
  );
  const dial = (): Promise<RawWebSocket> =>
    RawWebSocket.dial(scene.parentTarget(), scene.at("/attach", rogue.id), token);
  /** Closing takes the hub a moment; a second tunnel meanwhile would be a takeover. */
  const over = async (): Promise<void> => {
    await eventually("the rogue is gone", 10_000, async () => {
      assert.equal((await toRogue()).status, 503);
    });
  };
  const toRogue = (rest = "/version") =>
    scene.askAs(ROOT, { path: scene.at(`/proxy/direct${rest}`, rogue.id) });

  await step("23. hostile frames end that tunnel with a code, and nothing else", async () => {
    const { process } = scene.fleet.hub;
    const pid = process.pid;
    const faults: string[] = [];
    const seen = await beside(scene, async () => {
      for (const { what, hello = true, bytes, codes } of hostileFrames()) {
        const logged = (await process.log()).length;
        const ws = await dial();
        const peer = new FramePeer(ws, "agent");
        if (hello) peer.hello("agent");
        await peer.frame("the hub's HELLO", ({ type }) => type === FrameType.HELLO);
        for (const one of bytes) {
          ws.write(one);
          if (peer.ended) break;
        }
        if (codes.length === 0) {
          // It lives: the hub still answers
          const mark = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
          peer.send(encodeFrame(FrameType.PING, 0, mark));
          await peer.frame(
            what,
            ({ type, payload }) =>
              type === FrameType.PONG && payload.every((byte, i) => byte === mark[i]),
          )
            .catch((error) => faults.push(`${what}: ${error.cause}`));
          await peer.end();
        } else {
          const late = new AbortController();
          const { code, reason } = await Promise.race([
            ws.closed,
            delay(13_000, late.signal).then(() => ({ code: 0, reason: "it lives" })),
          ]).finally(() => late.abort());
          // Who goes on writing misses the last words; the log has them
          const said = code !== 1006 || LAST_WORDS.test((await process.log()).slice(logged));
          if (!said || !codes.includes(code) && code !== 1006) {
            faults.push(`${what}: ${code} ${reason}`);
          }
          ws.abort();
        }
        await ws.drained();
        await over();
      }
    });
    assert.deepEqual(faults, []);
    assert.ok(process.running && process.pid === pid, "the hub has crashed");
    report(
      `hub beside hostile frames: ${seen.requests} honest requests, the slowest ` +
        `${seen.slowestMs.toFixed(0)} ms, memory at most ${seen.growthMb.toFixed(0)} MB more`,
    );
    assert.ok(seen.growthMb < MAX_GROWTH_MB, `${seen.growthMb} MB`);
  });

  await step("23. hostile answers end their stream, and nothing else", async () => {
    const head = (id: number, pairs: [string, string][]): Uint8Array =>
      encodeFrame(FrameType.HEAD, id, block(pairs));
    const data = (id: number, text: string): Uint8Array =>
      encodeFrame(FrameType.DATA, id, new TextEncoder().encode(text));
    const end = (id: number): Uint8Array => encodeFrame(FrameType.END, id, new Uint8Array(0));
    const answers: Record<string, [(id: number) => Uint8Array[], number[]]> = {
      "/head-twice": [(id) => [head(id, [[":status", "200"]]), head(id, [[":status", "200"]])], [
        200,
        502,
        0,
      ]],
      "/no-head": [(id) => [data(id, "x"), end(id)], [502]],
      "/end": [(id) => [end(id)], [502]],
      "/status-100": [(id) => [head(id, [[":status", "100"]]), end(id)], [502]],
      "/status-999": [(id) => [head(id, [[":status", "999"]]), end(id)], [502]],
      "/status-101": [(id) => [head(id, [[":status", "101"]]), end(id)], [502]],
      "/no-status": [(id) => [head(id, [["a", "b"]]), end(id)], [502]],
      "/crlf": [(id) => [head(id, [[":status", "200"], ["A", "b\r\nEvil: 1"]]), end(id)], [502]],
      "/lf-above-ff": [
        (id) => [head(id, [[":status", "200"], ["A", "b\u010aEvil: 1"]]), end(id)],
        [502],
      ],
      "/crlf-phrase": [
        (id) => [head(id, [[":status", "200"], [":status-text", "a\u010d\u010aEvil: 1"]]), end(id)],
        [502, 200],
      ],
      "/lies-long": [
        (
          id,
        ) => [head(id, [[":status", "200"], ["Content-Length", "2"]]), data(id, "12345"), end(id)],
        [200, 502, 0],
      ],
      "/two-lengths": [
        (id) => [
          head(id, [[":status", "200"], ["Content-Length", "2"], ["Transfer-Encoding", "chunked"]]),
          data(id, "0\r\n\r\nHTTP/1.1 200 OK\r\nEvil: 1\r\n\r\n"),
          end(id),
        ],
        [200, 502, 0],
      ],
      "/after-end": [
        (id) => [head(id, [[":status", "200"]]), data(id, "x"), end(id), data(id, "y"), end(id)],
        [200],
      ],
      "/ok": [(id) => [head(id, [[":status", "200"]]), data(id, "fine"), end(id)], [200]],
    };
    const ws = await dial();
    const onOpen = ({ type, id, payload }: SeenFrame): void => {
      if (type !== FrameType.OPEN) return;
      const path = /:path\0([^\0]*)\0/.exec(new TextDecoder().decode(payload))?.[1] ?? "";
      peer.send(...answers[path]![0](id));
    };
    const peer: FramePeer = new FramePeer(ws, "agent", onOpen);
    peer.hello("agent");
    await eventually("the rogue is known", 5_000, async () => {
      assert.equal((await toRogue("/ok")).status, 200);
    });
    for (const [path, [, statuses]] of Object.entries(answers)) {
      const answer = await toRogue(path);
      assert.ok(statuses.includes(answer.status), `${path}: ${answer.text}`);
      assert.doesNotMatch(answer.text.split("\r\n\r\n")[0]!, /^Evil/m, path);
      assert.equal((await toRogue("/ok")).body, "fine", path);
      const honest = await scene.askAs(ALICE, { path: scene.at("/proxy/direct/version") });
      assert.equal(honest.status, 200, path);
    }
    assert.equal(peer.ended, false);
    await peer.end();
    const log = await scene.fleet.agent!.process.log();
    assert.equal(log.split("The tunnel is up").length, 2, "the honest tunnel was lost");
  });
});
