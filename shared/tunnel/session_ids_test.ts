import assert from "node:assert/strict";
import { encodePing, encodeReset } from "./encode.ts";
import { SessionCode } from "./errors.ts";
import { FrameType } from "./frame.ts";
import { dataFrame, endFrame, GET, greetedPair, headFrame, openFrame, turns } from "./testing.ts";

Deno.test("Hub opens odd ids, the agent even ones, rising", async () => {
  const hub = await greetedPair("hub");
  const agent = await greetedPair("agent");
  assert.deepEqual([1, 2, 3].map(() => hub.session.open(GET).id), [1, 3, 5]);
  assert.deepEqual([1, 2, 3].map(() => agent.session.open(GET).id), [2, 4, 6]);
  await turns();
  assert.deepEqual(hub.peer.of("OPEN").map(({ id }) => id), [1, 3, 5]);
  hub.session.close(0, "");
  agent.session.close(0, "");
  await turns();
});

Deno.test("Session ends when the peer opens a wrong or used id", async () => {
  for (const ids of [[1], [3], [4, 4], [4, 2], [0]]) {
    const { session, peer } = await greetedPair("hub");
    for (const id of ids) peer.send(openFrame(id));
    assert.equal((await session.closed).code, SessionCode.PROTOCOL_ERROR, `${ids}`);
    await turns();
  }
});

Deno.test("Session ends at a frame for a stream that was never opened", async () => {
  const frames = [
    headFrame(1),
    dataFrame(1, 1),
    endFrame(1),
    dataFrame(2, 1),
    encodeReset(2, 8, ""),
  ];
  for (const frame of frames) {
    const { session, peer } = await greetedPair("hub");
    peer.send(frame);
    assert.equal((await session.closed).code, SessionCode.PROTOCOL_ERROR);
    await turns();
  }
});

Deno.test("Session ends at a frame on the wrong kind of stream", async () => {
  const pings = encodePing(FrameType.PING, 0, 1);
  pings[8] = 1;
  for (const frame of [pings, dataFrame(0, 1), endFrame(0)]) {
    const { session, peer } = await greetedPair("hub");
    peer.send(frame);
    assert.equal((await session.closed).code, SessionCode.PROTOCOL_ERROR);
    await turns();
  }
});
