import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeFrame,
  encodeGoAway,
  encodePing,
  encodeReset,
  encodeSync,
  encodeWindow,
} from "./encode.ts";
import { ResetCode, StreamError } from "./errors.ts";
import { FrameType } from "./frame.ts";
import {
  dataFrame,
  endFrame,
  GET,
  headFrame,
  openFrame,
  rawPair,
  sessionPair,
  turns,
} from "./testing.ts";
import type { TunnelStream } from "./stream.ts";

const id = fc.integer({ min: 0, max: 12 });
const u32 = fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 0, max: 0xffffffff }));

/** Frames in no sensible order, some of them broken. */
const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  id.map((id) => openFrame(id)),
  id.map((id) => headFrame(id)),
  fc.tuple(id, fc.nat({ max: 3000 })).map(([id, length]) => dataFrame(id, length)),
  id.map(endFrame),
  fc.tuple(id, u32).map(([id, code]) => encodeReset(id, code, "fuzz")),
  fc.tuple(id, fc.integer({ min: -70_000, max: 2 ** 31 - 1 })).map(([id, delta]) =>
    encodeWindow(id, delta)
  ),
  fc.tuple(u32, u32).map(([high, low]) => encodePing(FrameType.PING, high, low)),
  fc.tuple(u32, u32).map(([high, low]) => encodePing(FrameType.PONG, high, low)),
  fc.tuple(u32, fc.array(id)).map(([highest, ids]) => encodeSync(highest, ids)),
  fc.tuple(u32, u32).map(([lastId, code]) =>
    encodeGoAway({ lastId, code, waitMs: code, reason: "fuzz" })
  ),
  fc.tuple(fc.nat({ max: 255 }), id, fc.uint8Array({ maxLength: 50 })).map(([type, id, payload]) =>
    encodeFrame(type, id, payload)
  ),
);

const message = fc.oneof(
  fc.array(anyFrame, { maxLength: 6 }).map((frames) => {
    const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const frame of frames) {
      all.set(frame, at);
      at += frame.length;
    }
    return all;
  }),
  fc.uint8Array({ maxLength: 60 }),
  fc.tuple(anyFrame, fc.nat(), fc.nat({ max: 255 })).map(([frame, at, value]) => {
    const mutated = frame.slice();
    mutated[at % mutated.length] = value;
    return mutated;
  }),
);

/** Uses an accepted stream as a server would; never throws anything but StreamError. */
async function serve(stream: TunnelStream): Promise<void> {
  try {
    stream.sendHead({ status: 200, statusText: "", headers: [] });
    await stream.write(new Uint8Array(100));
    for (; (await stream.read()) !== null;);
    stream.end();
  } catch (error) {
    assert.ok(error instanceof StreamError, String(error));
  }
}

Deno.test("A session ends hostile messages with a code, or goes on", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<"hub" | "agent">("hub", "agent"),
      fc.boolean(),
      fc.array(message, { maxLength: 12 }),
      async (role, greeted, messages) => {
        const served: Promise<void>[] = [];
        const faults: string[] = [];
        const { session, peer, clock } = rawPair(role, {
          onStream: (stream) => void served.push(serve(stream)),
          log: {
            debug: () => {},
            warn: (text, properties) => faults.push(`${text} ${JSON.stringify(properties)}`),
          },
        });
        if (greeted) {
          peer.hello();
          await session.hello;
          for (let i = 0; i < 3; i++) {
            const stream = session.open(GET);
            stream.write(new Uint8Array(100_000));
            stream.responseHead.catch(() => {});
          }
          await turns(4);
        }
        for (const bytes of messages) peer.conn.send(bytes);
        await turns(8);
        if (session.stats().messagesIn > 0 && messages.length > 0) {
          const { unread } = session.stats();
          assert.ok(unread <= 12 * 3000 * 6, `${unread}`);
        }
        session.close(0, "the test is over");
        const end = await session.closed;
        assert.ok(Number.isInteger(end.code) && end.code !== 2, `${end.code} ${end.reason}`);
        await Promise.all(served);
        await turns(6);
        assert.equal(session.streamCount, 0);
        assert.equal(clock.pending, 0);
        assert.equal(faults.filter((text) => !text.includes("does not know")).length, 0);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("A session that two honest ends use never ends by itself", async () => {
  // The same operations on both ends, in any order: no rule of the protocol may be broken
  const operation = fc.record({
    side: fc.boolean(),
    what: fc.constantFrom("open", "write", "end", "reset", "read", "turn", "head", "late reset"),
    index: fc.nat({ max: 9 }),
    size: fc.nat({ max: 200_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const streams: [TunnelStream[], TunnelStream[]] = [[], []];
      const { hub, agent, close } = await sessionPair({
        hub: { onStream: (stream) => void streams[0].push(stream) },
        agent: { onStream: (stream) => void streams[1].push(stream) },
      });
      for (const { side, what, index, size } of operations) {
        const own = streams[side ? 1 : 0];
        if (what === "turn") await turns(1);
        else if (what === "open") own.push((side ? agent : hub).open(GET));
        else {
          const stream = own[index % Math.max(1, own.length)];
          if (stream === undefined) continue;
          try {
            if (what === "write") void stream.write(new Uint8Array(size));
            else if (what === "end") stream.end();
            else if (what === "reset") stream.reset(ResetCode.CANCEL, "");
            else if (what === "late reset") stream.reset(ResetCode.NO_ERROR, "");
            else if (what === "read") stream.readSync();
            else stream.sendHead({ status: 200, statusText: "", headers: [] });
          } catch (error) {
            // Wrong order of calls: told to the caller, never to the peer
            assert.ok(error instanceof TypeError || error instanceof StreamError, String(error));
          }
        }
      }
      await turns(10);
      assert.equal(hub.usable && agent.usable, true);
      await close();
    }),
    { numRuns: 150 },
  );
});
