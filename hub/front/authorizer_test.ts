import assert from "node:assert/strict";
import {
  ALICE,
  ATTACH,
  CLUSTER,
  DIRECT,
  get,
  hang,
  OTHER_CLUSTER,
  TestFront,
} from "./test_front.ts";

const AGENT = { namespace: "clusternet-agents", name: "clusternet-0123456789", uid: "u-1" };
const WEBSOCKET = ["Connection: Upgrade", "Upgrade: websocket"];
const SPDY = ["Connection: Upgrade", "Upgrade: SPDY/3.1"];

function upgrade(method: string, path: string, ...lines: string[]): string {
  return [`${method} ${path} HTTP/1.1`, "Host: hub", ...lines, "", ""].join("\r\n");
}

Deno.test("The verb follows the method; an upgrade is a create", async () => {
  await using test = await TestFront.start();
  test.parent.decide = () => false;
  const seen: (string | undefined)[] = [];
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    const answer = await test.send(
      get(`${DIRECT}/x`, ...ALICE, "Content-Length: 0").replace("GET", method),
    );
    assert.equal(answer.status, 403, method);
    seen.push(test.parent.accessReviews.at(-1)?.resourceAttributes?.verb);
  }
  assert.deepEqual(seen, ["get", "get", "create", "update", "patch", "delete", ""]);
  const exec = upgrade("GET", `${DIRECT}/exec`, ...WEBSOCKET, ...ALICE);
  assert.equal((await test.send(exec)).status, 403);
  assert.equal(test.parent.accessReviews.length, 6); // HEAD and the upgrade were known answers
});

Deno.test("A refusal says in kube-apiserver's words what is missing", async () => {
  await using test = await TestFront.start();
  test.parent.decide = () => false;
  const answer = await test.send(upgrade("POST", `${DIRECT}/exec`, ...SPDY, ...ALICE));
  assert.equal(answer.status, 403);
  const status = JSON.parse(answer.body);
  assert.equal(
    status.message,
    `sockets.proxies.clusternet.io "${CLUSTER}" is forbidden: User "alice" cannot create resource ` +
      '"sockets/proxy" in API group "proxies.clusternet.io" at the cluster scope; to allow it, ' +
      'bind a ClusterRole with apiGroups ["proxies.clusternet.io"], resources ["sockets/proxy"], ' +
      `verbs ["create"] and resourceNames ["${CLUSTER}"] in the parent`,
  );
  assert.equal(status.details.name, CLUSTER);
  assert.match(answer.head, /\r\nConnection: close/);
  assert.match(answer.head, /\r\nWarning: 299 clusternet "sockets\.proxies/);
});

Deno.test("A right on one cluster is none on another, in any spelling", async (t) => {
  await using test = await TestFront.start();
  test.parent.decide = ({ resourceAttributes }) => resourceAttributes?.name === CLUSTER;
  const other = DIRECT.replace(CLUSTER, OTHER_CLUSTER);
  const spellings: [string, number][] = [
    [`${DIRECT}/x`, 200],
    [`${other}/x`, 403],
    [`${DIRECT.replace(CLUSTER, OTHER_CLUSTER.toUpperCase())}/x`, 400],
    [`${DIRECT.replace(CLUSTER, CLUSTER.toUpperCase())}/x`, 400],
    [`${DIRECT.replace(CLUSTER, CLUSTER.replace("-", "%2D"))}/x`, 400],
    [`${DIRECT.replace(CLUSTER, CLUSTER + "x")}/x`, 400],
    [`${DIRECT.replace(CLUSTER, `${CLUSTER}/../${OTHER_CLUSTER}`)}/x`, 404],
    [`${DIRECT}/../../../${OTHER_CLUSTER}/proxy/direct/x`, 400],
    [`${DIRECT}/%2e%2e/%2E%2e/${OTHER_CLUSTER}`, 400],
    [`/apis/proxies.clusternet.io/v1alpha1//sockets/${OTHER_CLUSTER}/proxy/direct`, 403],
  ];
  for (const [path, status] of spellings) {
    await t.step(path, async () => {
      assert.equal((await test.send(get(path, ...ALICE))).status, status);
    });
  }
  assert.deepEqual(test.proxied.map(({ url }) => url), [`${DIRECT}/x`]);
});

Deno.test("system:masters is allowed unasked", async () => {
  await using test = await TestFront.start();
  test.parent.decide = () => false;
  const probe = get(
    "/apis/proxies.clusternet.io/v1alpha1",
    "X-Remote-User: system:kube-aggregator",
    "X-Remote-Group: system:masters",
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => test.send(probe)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(test.parent.accessReviews.length, 0);
});

Deno.test("A path that is no resource is reviewed as a path", async () => {
  await using test = await TestFront.start();
  test.parent.decide = () => false;
  const answer = await test.send(get("/metrics?x=1", ...ALICE));
  assert.equal(answer.status, 403);
  assert.equal(
    JSON.parse(answer.body).message,
    'forbidden: User "alice" cannot get path "/metrics"',
  );
  assert.deepEqual(test.parent.accessReviews[0]!.nonResourceAttributes, {
    path: "/metrics",
    verb: "get",
  });
  for (const path of ["/livez", "/readyz?verbose", "/healthz"]) {
    assert.equal((await test.send(get(path), null)).status, 200, path);
  }
});

Deno.test("A parent that hangs, fails or breaks off means 503, never an allowance", async (t) => {
  await using test = await TestFront.start({ deadlineMs: 200, allowTtlMs: 50 });
  const ask = get(`${DIRECT}/x`, ...ALICE);
  assert.equal((await test.send(ask)).status, 200);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const faults: Record<string, (signal?: AbortSignal | null) => Promise<Response>> = {
    "hangs": hang,
    "hangs in the body": (signal) =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            start(controller): void {
              controller.enqueue(new TextEncoder().encode('{"status":{"allowed":true'));
              signal?.addEventListener("abort", () => controller.error(signal.reason));
            },
          }),
        ),
      ),
    "breaks off": () => Promise.resolve(new Response('{"status":{"allowed":true')),
    "resets": () => Promise.reject(new TypeError("connection reset")),
    "answers 500": () => Promise.resolve(new Response("no", { status: 500 })),
    "answers 403": () => Promise.resolve(new Response("no", { status: 403 })),
  };
  for (const [name, fault] of Object.entries(faults)) {
    await t.step(name, async () => {
      test.parent.intercept = (_path, signal) => fault(signal);
      const started = performance.now();
      const answer = await test.send(ask);
      assert.equal(answer.status, 503);
      assert.ok(performance.now() - started < 1_000);
      assert.doesNotMatch(answer.head, /Retry-After/);
      const token = get(`${DIRECT}/x`, "Authorization: Bearer some.token");
      assert.equal((await test.send(token, null)).status, 503);
    });
  }
  assert.equal(test.proxied.length, 1);
  test.parent.intercept = () => undefined;
  assert.equal((await test.send(ask)).status, 200);
});

Deno.test("The same question is asked once while it is under way", async () => {
  await using test = await TestFront.start();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => test.send(get(`${DIRECT}/${i}`, ...ALICE))),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(test.parent.accessReviews.length, 1);
});

Deno.test("Only the cluster's own ServiceAccount attaches", async (t) => {
  await using test = await TestFront.start({ agents: { [CLUSTER]: AGENT } });
  const agent = `X-Remote-User: system:serviceaccount:${AGENT.namespace}:${AGENT.name}`;
  const dial = (path: string, ...lines: string[]): Promise<{ status: number; body: string }> =>
    test.send(upgrade("GET", path, ...WEBSOCKET, ...lines));
  const cases: [string, number, string, string[]][] = [
    ["itself", 101, ATTACH, [agent, "X-Remote-Uid: u-1"]],
    ["by the original's path", 101, ATTACH.replace("/attach", ""), [agent, "X-Remote-Uid: u-1"]],
    ["another UID", 403, ATTACH, [agent, "X-Remote-Uid: u-2"]],
    ["no UID", 403, ATTACH, [agent]],
    ["a longer name", 403, ATTACH, [agent + "x", "X-Remote-Uid: u-1"]],
    ["an admin", 403, ATTACH, ["X-Remote-User: admin", "X-Remote-Group: system:masters"]],
    ["for another cluster", 403, ATTACH.replace(CLUSTER, OTHER_CLUSTER), [
      agent,
      "X-Remote-Uid: u-1",
    ]],
  ];
  for (const [name, status, path, lines] of cases) {
    await t.step(name, async () => assert.equal((await dial(path, ...lines)).status, status));
  }
  assert.deepEqual(test.attached.map(({ clusterId }) => clusterId), [CLUSTER, CLUSTER]);
  assert.equal(test.parent.accessReviews[0]!.resourceAttributes?.subresource, "attach");
  assert.equal(test.parent.accessReviews[0]!.resourceAttributes?.verb, "get");
  await t.step("not without RBAC", async () => {
    test.parent.decide = () => false;
    const answer = await dial(ATTACH, agent, "X-Remote-Uid: u-1", "X-Remote-Group: new");
    assert.equal(answer.status, 403);
  });
  await t.step("not without an upgrade", async () => {
    assert.equal((await test.send(get(ATTACH, agent))).status, 400);
  });
});

Deno.test("Without UID headers an agent is known by its name", async () => {
  await using test = await TestFront.start({ agents: { [CLUSTER]: AGENT }, uidHeaders: [] });
  const user = `X-Remote-User: system:serviceaccount:${AGENT.namespace}:${AGENT.name}`;
  const answer = await test.send(upgrade("GET", ATTACH, ...WEBSOCKET, user));
  assert.equal(answer.status, 101);
});

Deno.test("A user with as many questions under way as one may reads 429; another is served", async () => {
  await using test = await TestFront.start({ deadlineMs: 1_000 });
  const asking = Promise.withResolvers<void>();
  test.parent.intercept = (_path, signal) => {
    if (test.parent.accessReviews.at(-1)?.user !== "mallory") return undefined;
    if (test.parent.accessReviews.length === 16) asking.resolve();
    return hang(signal);
  };
  const mallory = (i: number): string =>
    get(`${DIRECT}/x`, "X-Remote-User: mallory", `X-Remote-Group: g${i}`);
  const held = Array.from({ length: 16 }, (_, i) => test.send(mallory(i)));
  await asking.promise;
  const [refused, alice] = await Promise.all([
    test.send(mallory(16)),
    test.send(get(`${DIRECT}/x`, ...ALICE)),
  ]);
  assert.equal(alice.status, 200);
  assert.equal(refused.status, 429);
  assert.match(refused.head, /\r\nRetry-After: 1\r\n/);
  assert.match(JSON.parse(refused.body).message, /16 of your requests wait to be checked/);
  assert.ok((await Promise.all(held)).every(({ status }) => status === 503));
});
