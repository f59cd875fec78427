import { strict as assert } from "node:assert";
import { isStatus } from "../../../shared/kube/status.ts";
import { bodyText, bodyType, MAX_BODY, readBody } from "./body.ts";
import { Budget } from "./body_budget.ts";

function post(body: BodyInit | undefined, headers: HeadersInit = {}): Request {
  return new Request("http://x/", {
    method: "POST",
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

Deno.test("bodyType takes JSON, YAML and protobuf, and JSON where nothing is said", () => {
  const typeOf = (type: string): string => bodyType(post(undefined, { "Content-Type": type }));
  assert.equal(bodyType(post(undefined)), "application/json");
  assert.equal(typeOf("application/json; charset=utf-8"), "application/json");
  assert.equal(typeOf("Application/YAML"), "application/yaml");
  assert.equal(
    typeOf("application/vnd.kubernetes.protobuf"),
    "application/vnd.kubernetes.protobuf",
  );
  for (const type of ["text/plain", "application/json;;", "application/json; x"]) {
    assert.throws(() => typeOf(type), (error) => isStatus(error, 415), type);
  }
});

Deno.test("readBody joins what comes, whole letters", async () => {
  using share = new Budget().enter();
  const bytes = new TextEncoder().encode("héé");
  const stream = new ReadableStream({
    start(controller): void {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  assert.equal(bodyText(await readBody(post(stream), share)), "héé");
});

Deno.test("readBody keeps nothing beyond the limit", async () => {
  const budget = new Budget();
  using share = budget.enter();
  let pulled = 0;
  const endless = new ReadableStream({
    pull(controller): void {
      pulled++;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  await assert.rejects(readBody(post(endless), share), (error) => isStatus(error, 413));
  assert.ok(pulled * 65_536 < MAX_BODY + 4 * 65_536);
});

Deno.test("readBody gives a slow sender up", async () => {
  using share = new Budget().enter();
  const never = new ReadableStream<Uint8Array>();
  await assert.rejects(readBody(post(never), share, 10), (error) => isStatus(error, 408));
});

Deno.test("readBody says when the sender breaks off", async () => {
  using share = new Budget().enter();
  const broken = new ReadableStream({
    pull(controller): void {
      controller.error(new Error("connection reset"));
    },
  });
  await assert.rejects(readBody(post(broken), share), (error) => isStatus(error, 400));
});

Deno.test("Budget bounds writes and bytes, and gives back what is done", () => {
  const budget = new Budget({ writes: 2, bytes: 10 });
  {
    using first = budget.enter();
    using _second = budget.enter();
    assert.throws(() => budget.enter(), (error) => isStatus(error, 429));
    first.take(10);
    assert.throws(() => first.take(1), (error) => isStatus(error, 429));
  }
  using again = budget.enter();
  again.take(10);
});
