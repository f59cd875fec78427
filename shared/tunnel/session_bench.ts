/**
 * How fast codec and mux are, without a network: `deno bench -A shared/tunnel/session_bench.ts`.
 *
 * @module
 */
import { FrameDecoder } from "./decode.ts";
import { encodeFrame, writeFrameHeader } from "./encode.ts";
import { FrameType } from "./frame.ts";
import { decodeRequestHead, encodeRequestHead } from "./head.ts";
import { type SessionPair, sessionPair } from "./testing.ts";
import type { TunnelStream } from "./stream.ts";

const MIB = 1024 * 1024;
const chunk = new Uint8Array(64 * 1024).fill(7);
const head = {
  method: "GET",
  target: "direct",
  path: "/api/v1/namespaces/default/pods?limit=500",
  upgrade: false,
  identity: { user: "jane", groups: ["dev", "system:authenticated"], extra: [] },
  headers: [
    ["accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"],
    ["user-agent", "kubectl/v1.36.3 (linux/amd64) kubernetes/abcdef0"],
    ["accept-encoding", "gzip"],
  ] as [string, string][],
};

/** Answers `/<n>` with n bytes. */
async function serve(stream: TunnelStream): Promise<void> {
  stream.sendHead({ status: 200, statusText: "OK", headers: [["content-type", "x/y"]] });
  for (let left = Number(stream.head.path.slice(1)); left > 0; left -= chunk.length) {
    const wait = stream.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
    if (wait !== undefined) await wait;
  }
  stream.end();
}

async function get({ hub }: SessionPair, size: number): Promise<number> {
  const stream = hub.open({ ...head, path: `/${size}` });
  stream.end();
  let got = 0;
  for (;;) {
    let data = stream.readSync();
    if (data === undefined) data = await stream.read();
    if (data === null) break;
    got += data.length;
  }
  if (got !== size) throw new Error(`${got} of ${size} bytes came`);
  return got;
}

async function withPair(run: (pair: SessionPair) => Promise<unknown>): Promise<void> {
  const pair = await sessionPair({ agent: { onStream: (stream) => void serve(stream) } });
  await run(pair);
  await pair.close();
}

/** The decoder's naive twin: copies every payload. Kept so that the real one stays justified. */
function naiveDecode(
  bytes: Uint8Array,
  onFrame: (type: number, payload: Uint8Array) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at) >>> 8;
    onFrame(view.getUint8(at + 3), bytes.slice(at + 9, at + 9 + length));
    at += 9 + length;
  }
}

const bulkMessage = new Uint8Array(2 * (9 + 32 * 1024));
for (let i = 0; i < 2; i++) {
  writeFrameHeader(bulkMessage, i * (9 + 32 * 1024), 32 * 1024, FrameType.DATA, 1);
}
const smallFrame = encodeFrame(FrameType.DATA, 1, new Uint8Array(50));
const smallMessage = new Uint8Array(1000 * smallFrame.length);
for (let i = 0; i < 1000; i++) smallMessage.set(smallFrame, i * smallFrame.length);
let seen = 0;
const decoder = new FrameDecoder((_type, _id, payload) => seen += payload.length, 32 * 1024);

Deno.bench("decode 64 KiB in 2 frames", { group: "bulk", baseline: true }, () => {
  decoder.push(bulkMessage);
});
Deno.bench("decode 64 KiB in 2 frames, naive", { group: "bulk" }, () => {
  naiveDecode(bulkMessage, (_type, payload) => seen += payload.length);
});
Deno.bench("decode 1,000 frames of 50 bytes", { group: "small", baseline: true }, () => {
  decoder.push(smallMessage);
});
Deno.bench("decode 1,000 frames of 50 bytes, naive", { group: "small" }, () => {
  naiveDecode(smallMessage, (_type, payload) => seen += payload.length);
});
Deno.bench("encode and decode a request head", () => {
  decodeRequestHead(encodeRequestHead(head));
});
// Deno.bench waits only for functions that are declared async
Deno.bench("mux: 64 MiB down one stream", async () => {
  await withPair((pair) => get(pair, 64 * MIB));
});
Deno.bench("mux: 64 MiB down 8 streams", async () => {
  await withPair((pair) => Promise.all(Array.from({ length: 8 }, () => get(pair, 8 * MIB))));
});
Deno.bench("mux: 1,000 GETs of 1 KB, one after the other", async () => {
  await withPair(async (pair) => {
    for (let i = 0; i < 1000; i++) await get(pair, 1000);
  });
});
Deno.bench("mux: 16,000 GETs of 1 KB, 16 at a time", async () => {
  await withPair((pair) =>
    Promise.all(Array.from({ length: 16 }, async () => {
      for (let i = 0; i < 1000; i++) await get(pair, 1000);
    }))
  );
});
