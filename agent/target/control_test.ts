import assert from "node:assert/strict";
import type { Status } from "../../shared/kube/status.ts";
import { memoryLog } from "../../shared/log.ts";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import { Session } from "../../shared/tunnel/session.ts";
import { type ControlHandler, serveControl } from "./control.ts";

/** What the hub was answered. */
interface Answer {
  status: number;
  body: string;
}

/** A hub's end of a tunnel whose agent serves control requests with `handler`. */
class Bed implements AsyncDisposable {
  readonly log = memoryLog();
  readonly #hub: Session;
  readonly #agent: Session;

  constructor(handler: ControlHandler) {
    const [hub, agent] = memoryConnPair();
    this.#hub = new Session({ role: "hub", conn: hub, instanceId: "hub", onStream: () => {} });
    this.#agent = new Session({
      role: "agent",
      conn: agent,
      instanceId: "agent",
      onStream: (stream) => void serveControl(stream, handler, this.log),
    });
  }

  async ask(method: string, body = ""): Promise<Answer> {
    await this.#hub.hello;
    const head = { method, target: "agent", path: "/x", upgrade: false, headers: [] };
    const stream = this.#hub.open(head);
    if (body !== "") await stream.write(new TextEncoder().encode(body));
    stream.end();
    const { status } = await stream.responseHead;
    let text = "";
    for (let chunk; (chunk = await stream.read()) !== null;) {
      text += new TextDecoder().decode(chunk);
    }
    return { status, body: text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hub.close(0, "test over");
    await Promise.all([this.#hub.closed, this.#agent.closed]);
  }
}

Deno.test("serveControl() hands known methods to its handler", async () => {
  await using bed = new Bed(async (request) =>
    new Response(`${request.method} ${await request.text()}`)
  );
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    assert.deepEqual(await bed.ask(method, "in"), { status: 200, body: `${method} in` });
  }
  assert.deepEqual(await bed.ask("GET"), { status: 200, body: "GET " });
  assert.deepEqual(await bed.ask("HEAD"), { status: 200, body: "" });
});

Deno.test("serveControl() answers 405 to methods that it does not know, and logs no error", async () => {
  let handled = 0;
  await using bed = new Bed(() => {
    handled++;
    return Promise.resolve(new Response());
  });
  for (const method of ["CONNECT", "TRACE", "TRACK", "get", "M-SEARCH", "X".repeat(500)]) {
    const { status, body } = await bed.ask(method, "left unread");
    assert.equal(status, 405, method);
    const { message } = JSON.parse(body) as Status;
    assert.ok(message.includes(`method "${method.slice(0, 20)}"`), message);
  }
  assert.equal(handled, 0);
  assert.deepEqual(bed.log.lines, []);
});

Deno.test("serveControl() answers 413 to a large body, 500 where its handler fails", async () => {
  await using bed = new Bed(() => Promise.reject(new Error("no")));
  assert.equal((await bed.ask("POST", "x".repeat(64 * 1024 + 1))).status, 413);
  assert.deepEqual(bed.log.lines, []);
  assert.equal((await bed.ask("POST", "x")).status, 500);
  assert.equal(bed.log.lines.length, 1);
});
