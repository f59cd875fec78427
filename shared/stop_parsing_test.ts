import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Duplex } from "node:stream";
import { destroyUnparsed } from "./stop_parsing.ts";

Deno.test("destroyUnparsed leaves the rest of a packet unread; other connections are parsed", async () => {
  const seen: string[] = [];
  const stopped: boolean[] = [];
  const server = createServer((req, res) => {
    seen.push(req.url ?? "");
    if (req.url === "/stop") stopped.push(destroyUnparsed(req.socket));
    else res.end("fine");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const send = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let got = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.on("error", () => {});
      socket.on("data", (chunk) => got += chunk);
      socket.once("close", () => resolve(got));
    });
  const request = (path: string, more = ""): string =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  // The parser is used again: each round would see what is left of the one before
  for (let round = 0; round < 3; round++) {
    seen.length = 0;
    const next = request("/upgrade", "Connection: Upgrade\r\nUpgrade: x\r\n");
    await send(request("/stop") + next + request("/late").repeat(500));
    assert.match(
      await send(request("/other", "Connection: close\r\n")),
      /^HTTP\/1\.1 200 [^]*fine/,
    );
    assert.deepEqual(seen, ["/stop", "/other"]);
  }
  assert.deepEqual(stopped, [true, true, true]);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("destroyUnparsed destroys what has no parser, and says so", () => {
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  assert.equal(destroyUnparsed(socket), false);
  assert.equal(socket.destroyed, true);
});
