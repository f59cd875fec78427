import assert from "node:assert/strict";
import { KubeClient, type KubeClientOptions } from "./client.ts";
import {
  CONFIG_MAPS,
  LEASES,
  MANAGED_CLUSTERS,
  NAMESPACES,
  NODES,
  SERVICE_ACCOUNTS,
  SUBJECT_ACCESS_REVIEWS,
} from "./resources.ts";
import { failure, StatusError, statusResponse } from "./status.ts";
import { handlerTransport } from "./transport.ts";
import type { KubeObject } from "./types.ts";

interface Seen {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Headers;
  body: unknown;
}

type Answer = (seen: Seen, request: Request) => Response | Promise<Response>;

function stub(
  answer: Answer,
  options: Partial<KubeClientOptions> = {},
): { client: KubeClient; seen: Seen[] } {
  const seen: Seen[] = [];
  const transport = handlerTransport(async (request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const one = {
      method: request.method,
      path: decodeURIComponent(url.pathname),
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text === "" ? undefined : JSON.parse(text) as unknown,
    };
    seen.push(one);
    return await answer(one, request);
  });
  return { client: new KubeClient({ transport, ...options }), seen };
}

const statusOf = (code: number) => (error: unknown): boolean =>
  error instanceof StatusError && error.code === code;

Deno.test("KubeClient reads an object as JSON, under its own name", async () => {
  const { client, seen } = stub(() => Response.json({ kind: "Lease", metadata: { name: "a" } }));
  const lease = await client.get<KubeObject>(LEASES, "a", { namespace: "n" });
  assert.equal(lease.metadata.name, "a");
  assert.equal(seen[0]?.headers.get("accept"), "application/json");
  assert.match(seen[0]?.headers.get("user-agent") ?? "", /^clusternet\//);
});

Deno.test("KubeClient throws the server's own Status", async () => {
  const { client } = stub(() => statusResponse(failure(403, "nodes is forbidden", { name: "a" })));
  await assert.rejects(client.get(NODES, "a"), (error: unknown) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 403);
    assert.equal(error.reason, "Forbidden");
    assert.equal(error.message, "nodes is forbidden");
    assert.equal(error.status.details?.name, "a");
    return true;
  });
  await assert.rejects(client.getOrUndefined(NODES, "a"), statusOf(403));
});

Deno.test("KubeClient makes a Status of what a load balancer says", async () => {
  const { client } = stub(() => new Response("<html>upstream down</html>", { status: 502 }));
  await assert.rejects(client.get(NODES, "a"), (error: unknown) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 502);
    assert.match(error.message, /GET \/api\/v1\/nodes\/a: answered 502.*upstream down/);
    return true;
  });
});

Deno.test("KubeClient does not follow redirects", async () => {
  const { client, seen } = stub(() =>
    new Response(null, { status: 302, headers: { Location: "https://elsewhere.example/" } })
  );
  await assert.rejects(client.get(NODES, "a"), /redirects are not followed/);
  assert.equal(seen.length, 1);
});

Deno.test("KubeClient gives undefined for what is not there", async () => {
  const { client } = stub(() => statusResponse(failure(404, "not found")));
  assert.equal(await client.getOrUndefined(NODES, "a"), undefined);
});

Deno.test("KubeClient lists all pages and fills in apiVersion and kind", async () => {
  const { client, seen } = stub(({ query }) => {
    const start = Number(query.continue ?? 0);
    return Response.json({
      kind: "NodeList",
      metadata: { resourceVersion: String(100 + start), continue: start < 4 ? `${start + 2}` : "" },
      items: [{ metadata: { name: `n${start}` } }, { metadata: { name: `n${start + 1}` } }],
    });
  });
  const list = await client.list<KubeObject>(NODES, { limit: 2, labelSelector: "a=b" });
  assert.deepEqual(list.items.map(({ metadata }) => metadata.name), [
    "n0",
    "n1",
    "n2",
    "n3",
    "n4",
    "n5",
  ]);
  assert.equal(list.resourceVersion, "100");
  assert.deepEqual(list.items[5], { apiVersion: "v1", kind: "Node", metadata: { name: "n5" } });
  assert.deepEqual(seen.map(({ query }) => query.limit), ["2", "2", "2"]);
  assert.deepEqual(seen.map(({ query }) => query.labelSelector), ["a=b", "a=b", "a=b"]);
});

Deno.test("KubeClient starts a list again, in one piece, when its pages expire", async () => {
  const { client, seen } = stub(({ query }) => {
    if (query.continue !== undefined) return statusResponse(failure(410, "too old"));
    const metadata = query.limit === undefined
      ? { resourceVersion: "9" }
      : { resourceVersion: "8", continue: "x" };
    return Response.json({ metadata, items: [{ metadata: { name: "a" } }] });
  });
  const list = await client.list<KubeObject>(NODES);
  assert.equal(list.resourceVersion, "9");
  assert.equal(list.items.length, 1);
  assert.deepEqual(seen.map(({ query }) => query.limit), ["500", "500", undefined]);
});

Deno.test("KubeClient reads a list of 20,000 objects", async () => {
  const all = Array.from({ length: 20_000 }, (_, i) => ({ metadata: { name: `n${i}` } }));
  const { client, seen } = stub(({ query }) => {
    const start = Number(query.continue ?? 0);
    const end = start + Number(query.limit);
    const next = end < all.length ? String(end) : undefined;
    return Response.json({
      metadata: { resourceVersion: "1", continue: next },
      items: all.slice(start, end),
    });
  });
  assert.equal((await client.list(NODES)).items.length, 20_000);
  assert.equal(seen.length, 40);
});

Deno.test("KubeClient creates, replaces, patches and deletes with the right words", async () => {
  const { client, seen } = stub(() => Response.json({ metadata: {} }));
  const map = { metadata: { name: "m", namespace: "n" }, data: { a: "1" } };
  await client.create(CONFIG_MAPS, map, { dryRun: true });
  await client.update(CONFIG_MAPS, map, { fieldManager: "me" });
  await client.patch(CONFIG_MAPS, "m", { data: null }, { type: "merge", namespace: "n" });
  await client.patch(CONFIG_MAPS, "m", map, {
    type: "apply",
    namespace: "n",
    fieldManager: "me",
    force: true,
  });
  await client.delete(CONFIG_MAPS, "m", {
    namespace: "n",
    preconditions: { uid: "u" },
    propagationPolicy: "Background",
  });
  await client.create(SUBJECT_ACCESS_REVIEWS, { spec: {} });
  const base = "/api/v1/namespaces/n/configmaps";
  assert.deepEqual(
    seen.map(({ method, path, query }) => [method, path, query]),
    [
      ["POST", base, { dryRun: "All" }],
      ["PUT", `${base}/m`, { fieldManager: "me" }],
      ["PATCH", `${base}/m`, {}],
      ["PATCH", `${base}/m`, { fieldManager: "me", force: "true" }],
      ["DELETE", `${base}/m`, {}],
      ["POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {}],
    ],
  );
  assert.equal(seen[2]?.headers.get("content-type"), "application/merge-patch+json");
  assert.equal(seen[3]?.headers.get("content-type"), "application/apply-patch+yaml");
  assert.deepEqual(seen[4]?.body, {
    apiVersion: "v1",
    kind: "DeleteOptions",
    preconditions: { uid: "u" },
    propagationPolicy: "Background",
  });
});

Deno.test("KubeClient says what is missing before it sends anything", async () => {
  const { client, seen } = stub(() => Response.json({}));
  const apply = client.patch(NODES, "a", {}, { type: "apply" });
  await assert.rejects(apply, /fieldManager is missing/);
  await assert.rejects(client.create(CONFIG_MAPS, { metadata: { name: "a" } }), /namespace/);
  await assert.rejects(client.update(NAMESPACES, { metadata: {} }), /metadata.name is missing/);
  assert.equal(seen.length, 0);
});

Deno.test("KubeClient asks for a token of a ServiceAccount", async () => {
  const status = { token: "t", expirationTimestamp: "2026-01-01T00:00:00Z" };
  const { client, seen } = stub(() => Response.json({ kind: "TokenRequest", status }));
  assert.deepEqual(await client.createToken("n", "s", { expirationSeconds: 600 }), status);
  assert.equal(seen[0]?.path, "/api/v1/namespaces/n/serviceaccounts/s/token");
  await client.create(SERVICE_ACCOUNTS, {}, { namespace: "n", name: "s", subresource: "token" });
  assert.equal(seen[1]?.path, seen[0]?.path);
});

Deno.test("KubeClient waits when the server is busy, within its deadline", async () => {
  let calls = 0;
  const busy = (): Response =>
    statusResponse(failure(429, "busy"), { "Retry-After": calls < 3 ? "0.01" : "60" });
  const { client } = stub(() => ++calls < 3 ? busy() : Response.json({ metadata: {} }));
  await client.create(NAMESPACES, { metadata: { name: "a" } });
  assert.equal(calls, 3);
  calls = 10;
  const { client: other } = stub(() => busy());
  await assert.rejects(other.get(NODES, "a"), (error: unknown) => {
    assert.ok(error instanceof StatusError && error.code === 429);
    assert.equal(error.status.details?.retryAfterSeconds, 60);
    return true;
  });
});

Deno.test("KubeClient has a deadline, whether head or body are late", async () => {
  const never = (_seen: Seen, request: Request): Promise<Response> =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
  const { client } = stub(never, { timeoutMs: 30 });
  await assert.rejects(client.get(NODES, "a"), /finish GET \/api\/v1\/nodes\/a within 0.03 s/);
  let cancelled = false;
  const { client: slow } = stub(() =>
    new Response(
      new ReadableStream({
        start: (c) => c.enqueue(new TextEncoder().encode("{")),
        cancel: () => void (cancelled = true),
      }),
    ), { timeoutMs: 30 });
  await assert.rejects(slow.get(NODES, "a"), /within 0.03 s/);
  assert.ok(cancelled);
});

Deno.test("KubeClient ends a call with its signal", async () => {
  const { client } = stub(() => new Response(new ReadableStream({})));
  const controller = new AbortController();
  const call = client.list(NODES, { signal: controller.signal });
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 10);
  await assert.rejects(call, reason);
});

Deno.test("KubeClient bounds the size of an answer", async () => {
  let sent = 0;
  const { client } = stub(() =>
    new Response(
      new ReadableStream({
        pull: (c) => {
          sent += 1024;
          c.enqueue(new Uint8Array(1024).fill(32));
        },
      }),
    ), { maxBodyBytes: 10_000 });
  await assert.rejects(client.get(NODES, "a"), /more than 10000 bytes/);
  assert.ok(sent < 20_000);
});

Deno.test("KubeClient never takes a Table or a half answer for an object", async () => {
  const { client } = stub(() => Response.json({ kind: "Table" }));
  await assert.rejects(client.list(MANAGED_CLUSTERS), /is a Table/);
  const { client: half } = stub(() => new Response('{"kind":'));
  await assert.rejects(half.get(NODES, "a"), /is not JSON/);
  const { client: cut } = stub(() =>
    new Response(new ReadableStream({ start: (c) => c.error(new Error("reset")) }))
  );
  await assert.rejects(cut.get(NODES, "a"), /broke off: reset/);
});

Deno.test("KubeClient.raw() hands out any status, json() only good ones", async () => {
  const { client } = stub(({ path }) =>
    path === "/readyz" ? new Response("not ok", { status: 500 }) : Response.json({ major: "1" })
  );
  const response = await client.raw("/readyz");
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "not ok");
  assert.deepEqual(await client.json("/version?x=1"), { major: "1" });
  await assert.rejects(client.json("/readyz"), statusOf(500));
});
