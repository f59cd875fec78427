import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { StatusError } from "../../shared/kube/status.ts";
import { linesOf } from "../../shared/request_lines.ts";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";
import { toRequest } from "./fetch_adapter.ts";
import { ALICE, get, TestFront } from "./test_front.ts";

Deno.test("A handler gets method, headers and body, and its answer streams", async () => {
  let seen: string[] = [];
  await using test = await TestFront.start({
    api: async (request) => {
      seen = [request.method, request.headers.get("x-a") ?? "", await request.text()];
      const parts = ["one ", "two ", "three"].map((part) => new TextEncoder().encode(part));
      return new Response(
        new ReadableStream({
          pull(controller): void {
            const part = parts.shift();
            if (part === undefined) controller.close();
            else controller.enqueue(part);
          },
        }),
        { status: 201, headers: { "X-B": "c" } },
      );
    },
  });
  const answer = await test.send(
    `POST /apis/x?y HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nX-A: b\r\nContent-Length: 4\r\n` +
      `${ALICE.join("\r\n")}\r\n\r\nbody`,
  );
  assert.deepEqual(seen, ["POST", "b", "body"]);
  assert.equal(answer.status, 201);
  assert.match(answer.head, /x-b: c/i);
  assert.match(answer.body, /one [^]*two [^]*three/);
});

Deno.test("HEAD has no body, and the handler's is cancelled", async () => {
  let cancelled = false;
  await using test = await TestFront.start({
    api: () =>
      Promise.resolve(
        new Response(new ReadableStream({ cancel: () => void (cancelled = true) })),
      ),
  });
  const answer = await test.send(get("/version", ...ALICE).replace("GET", "HEAD"));
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "");
  assert.ok(cancelled);
});

Deno.test("A caller that leaves aborts the request and cancels its body", async () => {
  const aborted = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  await using test = await TestFront.start({
    api: (request) => {
      request.signal.addEventListener("abort", () => aborted.resolve());
      return Promise.resolve(
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
            cancel: () => cancelled.resolve(),
          }),
        ),
      );
    },
  });
  const socket = test.connect();
  socket.once("secureConnect", () => socket.write(get("/version", ...ALICE)));
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.destroy();
  await Promise.all([aborted.promise, cancelled.promise]);
});

Deno.test("A slow reader holds the handler's body back", async () => {
  let made = 0;
  const cancelled = Promise.withResolvers<void>();
  await using test = await TestFront.start({
    api: () =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            pull(controller): void {
              made += 65_536;
              controller.enqueue(new Uint8Array(65_536));
            },
            cancel: () => cancelled.resolve(),
          }, { highWaterMark: 0 }),
        ),
      ),
  });
  const socket = test.connect();
  boundTlsReading(socket);
  socket.once("secureConnect", () => socket.write(get("/version", ...ALICE)));
  await new Promise<void>((resolve) =>
    socket.once("data", () => {
      socket.pause();
      resolve();
    })
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(made < 32 * 1024 * 1024, `${made}`);
  socket.destroy();
  await cancelled.promise;
});

Deno.test("A body that breaks off does not look complete", async () => {
  await using test = await TestFront.start({
    api: () =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            start(controller): void {
              controller.enqueue(new TextEncoder().encode("half"));
            },
            pull: () => Promise.reject(new Error("broken")),
          }),
        ),
      ),
  });
  const answer = await test.send(get("/version", ...ALICE));
  assert.doesNotMatch(answer.body, /\r\n0\r\n\r\n$/);
});

Deno.test("A request's lines stay apart beside its Headers", async () => {
  let seen: string[] = [];
  await using test = await TestFront.start({
    api: (request) => {
      seen = (linesOf(request) ?? []).filter(([name]) => name === "X-A").map(([, value]) => value);
      return Promise.resolve(new Response());
    },
  });
  await test.send(get("/version", ...ALICE, "X-A: b, c", "X-A: d"));
  assert.deepEqual(seen, ["b, c", "d"]);
});

Deno.test("Whom to impersonate is never skipped: what fetch cannot carry is a 400", () => {
  const made = (...rawHeaders: string[]): Request =>
    toRequest(
      { method: "GET", url: "/api", rawHeaders } as unknown as IncomingMessage,
      new AbortController().signal,
    );
  assert.equal(made("X-A", "a\0", "X-B", "b").headers.get("x-b"), "b");
  for (const name of ["Impersonate-User", "impersonate-GROUP", "Impersonate-Extra-a/b"]) {
    assert.throws(
      () => made("Impersonate-User", "bob", name, "a\0"),
      (error) => error instanceof StatusError && error.code === 400 && error.message.includes(name),
    );
  }
});
