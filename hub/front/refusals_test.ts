import assert from "node:assert/strict";
import type { TLSSocket } from "node:tls";
import { delay } from "../../shared/backoff.ts";
import type { Refusal } from "./front_types.ts";
import { ALICE, DIRECT, TestFront } from "./test_front.ts";

const HEAD = `Host: hub\r\nConnection: close\r\n${ALICE.join("\r\n")}\r\n`;

Deno.test("Every refusal is told of, also what node would answer by itself", async () => {
  const refusals: Refusal[] = [];
  await using test = await TestFront.start({ onRefused: (refusal) => void refusals.push(refusal) });
  const cases: [string, number][] = [
    [`GET ${DIRECT}/x HTTP/1.1\r\n${HEAD}Expect: foo\r\n\r\n`, 417],
    [`POST ${DIRECT}/x HTTP/1.1\r\n${HEAD}Expect: foo, 100-continue\r\n\r\n`, 417],
    [`CONNECT ${DIRECT}/x HTTP/1.1\r\n${HEAD}\r\n`, 405],
    [`GET http://hub${DIRECT}/x HTTP/1.1\r\n${HEAD}\r\n`, 400],
  ];
  for (const [text, code] of cases) {
    const answer = await test.send(text);
    const [status, body] = /100 Continue/.test(answer.head)
      ? [Number(answer.body.split(" ")[1]), answer.body.split("\r\n\r\n")[1]!]
      : [answer.status, answer.body];
    assert.equal(status, code, text);
    assert.equal(JSON.parse(body).kind, "Status");
  }
  const told = refusals.map(({ code, peer, req }) => [req.url?.includes(DIRECT), code, peer]);
  assert.deepEqual(told, cases.map(([, code]) => [true, code, "127.0.0.1"]));
  assert.equal(test.proxied.length, 0);
});

Deno.test("An honest expectation is met", async () => {
  await using test = await TestFront.start();
  const { head, body } = await test.send(
    `POST ${DIRECT}/x HTTP/1.1\r\n${HEAD}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na`,
  );
  assert.match(head, /^HTTP\/1\.1 100 Continue/);
  assert.match(body, /^HTTP\/1\.1 200 /);
});

Deno.test("Who leaves while they are admitted is told of with code 0", async () => {
  const refusals: Refusal[] = [];
  const asked: (() => void)[] = [];
  await using test = await TestFront.start({ onRefused: (refusal) => void refusals.push(refusal) });
  test.parent.intercept = () =>
    new Promise((resolve) => {
      asked.push(() => resolve(Response.json({ status: { allowed: true } })));
    });
  const lines = ["", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"];
  for (const [i, line] of lines.entries()) {
    const socket: TLSSocket = test.connect();
    socket.once("secureConnect", () => {
      const path = `${DIRECT}/left${i}`;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: hub\r\n${ALICE.join("\r\n")}\r\n${line}\r\n`);
    });
    while (asked.length === 0) await delay(5);
    socket.destroy();
    while (test.front.connections > 0) await delay(5);
    asked.pop()!();
    while (refusals.length <= i) await delay(5);
  }
  assert.deepEqual(
    refusals.map(({ code, upgrade, peer, identity }) => [code, upgrade, peer, identity?.user]),
    [[0, false, "127.0.0.1", "alice"], [0, true, "127.0.0.1", "alice"]],
  );
  assert.equal(test.proxied.length, 0);
});
