/**
 * Abuse case 24, by a rogue agent: kube-apiserver keeps its connections to the hub and gives them to
 * the next user of any cluster. Bytes behind an answer must not become somebody else's answer.
 */
import assert from "node:assert/strict";
import { dialTunnel } from "../../agent/tunnel/dial.ts";
import { delay } from "../../shared/backoff.ts";
import { encodeFrame } from "../../shared/tunnel/encode.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { eventually } from "../e2e/wait.ts";
import { block, FramePeer } from "./frame_peer.ts";
import { accountToken, registerNeighbour } from "./neighbour.ts";
import { ALICE, cases } from "./scene.ts";

const FORGED = '{"kind":"SecretList","apiVersion":"v1","items":[],"note":"forged"}';
const ROOT = { user: "root", groups: ["system:masters"] };
/** A length that Go reads as 5, and the others as something else, or the other way round. */
const LENGTHS = ["5 ", " 5", "\t5", "+5", "05", "0x5", "5, 5", "0", "5"];

cases("no answer begins inside another", {}, async (step, scene) => {
  const { parent } = scene;
  const rogue = await registerNeighbour(parent);
  const token = scene.secrets.add("rogue's token", await accountToken(parent, rogue.account.name));
  const conn = await dialTunnel({
    url: `${parent.server}${scene.at("/attach", rogue.id)}`,
    ca: parent.caPem,
    token,
  });
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  let length = "5";
  const peer: FramePeer = new FramePeer(conn, "agent", ({ type, id }) => {
    if (type !== FrameType.OPEN) return;
    void (async () => {
      const lines = [[":status", "200"], [":status-text", "OK"], ["content-length", length]];
      peer.send(
        encodeFrame(FrameType.HEAD, id, block(lines as [string, string][])),
        encodeFrame(FrameType.DATA, id, bytes(length === "0" ? "" : "hello")),
      );
      await delay(300); // Whoever took the answer for whole has its connection back by now
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${FORGED.length}\r\n\r\n`;
      peer.send(encodeFrame(FrameType.DATA, id, bytes(head + FORGED)));
      await delay(500);
      peer.send(encodeFrame(FrameType.END, id, new Uint8Array(0)));
    })();
  });
  peer.hello("agent");

  try {
    await step("24. bytes behind an answer are nobody's answer", async () => {
      await eventually("the rogue cluster answers", 10_000, async () => {
        const { status } = await scene.askParentAs(ROOT, {
          path: scene.at("/proxy/direct/x", rogue.id),
        });
        assert.notEqual(status, 503);
      });
      for (length of LENGTHS) {
        const own = await scene.askParentAs(ROOT, { path: scene.at("/proxy/direct/x", rogue.id) });
        assert.ok([200, 502].includes(own.status), `${JSON.stringify(length)}: ${own.text}`);
        if (!["0", "5"].includes(length)) assert.equal(own.status, 502, JSON.stringify(length));
        const until = performance.now() + 1_200;
        while (performance.now() < until) {
          const since = performance.now();
          const path = scene.at("/proxy/direct/version");
          const { status, body } = await scene.askParentAs(ALICE, { path });
          assert.equal(status, 200, `${JSON.stringify(length)}: ${body}`);
          assert.match(body, /gitVersion/, `${JSON.stringify(length)}: ${body}`);
          assert.ok(performance.now() - since < 5_000, "nobody waits for the rogue's end");
        }
      }
    });
  } finally {
    await peer.end();
  }
});
