import assert from "node:assert/strict";
import {
  fromRaw,
  header,
  type HeaderList,
  headerValues,
  isUpgrade,
  switchesAsAsked,
  toRaw,
  withoutHopByHop,
  withoutIdentity,
} from "./headers.ts";

Deno.test("fromRaw() and toRaw() keep repeated lines and their order", () => {
  const raw = ["X-Stream-Protocol-Version", "v4", "x-stream-protocol-version", "v3", "A", "b, c"];
  assert.deepEqual(toRaw(fromRaw(raw)), raw);
});

Deno.test("header() ignores case and headerValues() never splits at commas", () => {
  const list = fromRaw(["X-Remote-Group", "a, b", "x-remote-group", "c"]);
  assert.equal(header(list, "X-REMOTE-GROUP"), "a, b");
  assert.deepEqual(headerValues(list, "X-Remote-Group"), ["a, b", "c"]);
  assert.equal(header(list, "absent"), undefined);
});

Deno.test("withoutHopByHop() drops what Connection lists, then the standard ones", () => {
  const list = fromRaw(
    ["Connection", "close, X-Secret", "X-Secret", "1", "TE", "trailers", "Keep", "2"],
  );
  assert.deepEqual(withoutHopByHop(list), [["Keep", "2"]]);
});

Deno.test("withoutHopByHop() keeps one Upgrade for an upgrade that is passed on", () => {
  const list = fromRaw(["Connection", "Upgrade", "Upgrade", "SPDY/3.1", "Host", "h"]);
  assert.deepEqual(withoutHopByHop(list, { keepUpgrade: true }), [
    ["Host", "h"],
    ["Connection", "Upgrade"],
    ["Upgrade", "SPDY/3.1"],
  ]);
});

Deno.test("isUpgrade() needs both Connection: upgrade and Upgrade", () => {
  assert.equal(isUpgrade([["Connection", "keep-alive, Upgrade"], ["Upgrade", "websocket"]]), true);
  assert.equal(isUpgrade([["Upgrade", "websocket"]]), false);
  assert.equal(isUpgrade([["Connection", "upgrade"]]), false);
});

Deno.test("withoutIdentity() drops identity headers in any case", () => {
  const list = fromRaw(
    ["AUTHORIZATION", "x", "impersonate-USER", "root", "X-Remote-Extra-a", "b", "Accept", "*/*"],
  );
  assert.deepEqual(withoutIdentity(list), [["Accept", "*/*"]]);
});

Deno.test("switchesAsAsked wants one protocol of those that were asked for", () => {
  const ask = (upgrade: string): HeaderList => [["Connection", "Upgrade"], ["Upgrade", upgrade]];
  assert.ok(switchesAsAsked(ask("websocket"), ask("WebSocket")));
  assert.ok(switchesAsAsked(ask("websocket, SPDY/3.1"), ask("SPDY/3.1")));
  assert.ok(!switchesAsAsked(ask("websocket"), ask("SPDY/3.1")));
  assert.ok(!switchesAsAsked(ask("websocket"), [["Upgrade", "websocket"]]));
  assert.ok(!switchesAsAsked(ask("websocket"), [["Connection", "Upgrade"]]));
  assert.ok(!switchesAsAsked(ask("websocket"), [...ask("websocket"), ["Upgrade", "h2c"]]));
  assert.ok(!switchesAsAsked(ask("websocket"), []));
});
