/**
 * Hostile input to a standalone hub: every request gets a clear `Status`, nothing crashes, and no
 * other user waits for it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Agent, request as httpsRequest } from "node:https";
import { parse } from "yaml";
import { delay } from "../../shared/backoff.ts";
import { startStandaloneHub } from "./standalone_hub.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";
const MiB = 1024 * 1024;

interface Hostile {
  name: string;
  method?: string;
  path: string;
  type?: string;
  body?: string;
  /** What is answered. */
  status: number | readonly number[];
}

const deep = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);
const map = (data: string): string =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"hostile"},"data":${data}}`;
const manyKeys = JSON.stringify(
  Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`key-${index}`, "value"])),
);

const POSTS: readonly Hostile[] = [
  { name: "no JSON", path: MAPS, body: "{", status: 400 },
  { name: "binary", path: MAPS, body: "\u0000\u0001\u0002", status: 400 },
  { name: "10 MB of nothing", path: MAPS, body: " ".repeat(10 * MiB), status: [400, 413] },
  { name: "10 MB of JSON", path: MAPS, body: map(`{"a":"${"x".repeat(10 * MiB)}"}`), status: 413 },
  { name: "a deep array", path: MAPS, body: deep("[", "]", MiB), status: 400 },
  { name: "deep data", path: MAPS, body: map(deep("[", "]", 9_000)), status: 400 },
  { name: "a deep object", path: MAPS, body: map(deep('{"a":', "}", 200_000)), status: 400 },
  { name: "many keys", path: MAPS, body: map(manyKeys), status: [201, 413, 422] },
  {
    name: "one key many times",
    path: MAPS,
    body: map(`{${'"a":"b",'.repeat(200_000)}"a":"b"}`),
    status: [201, 400, 409, 413],
  },
  {
    name: "the prototype",
    path: MAPS,
    body: map('{"__proto__":"x","constructor":"y"}'),
    status: [201, 409, 422],
  },
  {
    name: "a number too large",
    path: MAPS,
    body: map(`{"a":${"9".repeat(100_000)}}`),
    status: 400,
  },
  {
    name: "another kind",
    path: MAPS,
    body: '{"apiVersion":"v1","kind":"Pod","metadata":{}}',
    status: 400,
  },
  {
    name: "yaml that explodes",
    path: MAPS,
    type: "application/yaml",
    status: [400, 413, 422],
    body: "a: &a [x,x,x,x,x,x,x,x,x]\n" + "bcdefghij".split("").map((name, index) => {
      const before = "abcdefghij"[index];
      return `${name}: &${name} [${Array(9).fill(`*${before}`).join(",")}]`;
    }).join("\n"),
  },
  {
    name: "deep yaml",
    path: MAPS,
    type: "application/yaml",
    body: "a: " + "[".repeat(100_000),
    status: 400,
  },
  { name: "an unknown type", path: MAPS, type: "text/html", body: "<p>", status: 415 },
];

const PATCHES: readonly Hostile[] = [
  {
    name: "a patch of many operations",
    method: "PATCH",
    path: `${MAPS}/kube-root-ca.crt`,
    type: "application/json-patch+json",
    body: JSON.stringify(
      Array.from({ length: 20_000 }, () => ({ op: "test", path: "/kind", value: "ConfigMap" })),
    ),
    status: [400, 413, 422],
  },
  {
    name: "a copy of copies",
    method: "PATCH",
    path: `${MAPS}/kube-root-ca.crt`,
    type: "application/json-patch+json",
    body: JSON.stringify(
      Array.from(
        { length: 60 },
        (_, index) => ({ op: "copy", from: "/data", path: `/data/x${index}` }),
      ),
    ),
    status: [400, 413, 422],
  },
  {
    name: "a deep merge patch",
    method: "PATCH",
    path: `${MAPS}/kube-root-ca.crt`,
    type: "application/merge-patch+json",
    body: deep('{"a":', "}", 300_000).replace(":}", ":1}"),
    status: [400, 422],
  },
  {
    name: "a deep apply",
    method: "PATCH",
    path: `${MAPS}/x?fieldManager=m`,
    type: "application/apply-patch+yaml",
    body: map(deep('{"a":', "}", 9_000).replace(":}", ":1}")),
    status: [400, 422, 500],
  },
];

const READS: readonly Hostile[] = [
  { name: "a bad selector", path: `${MAPS}?labelSelector=%2C%2C%21%28`, status: 400 },
  {
    name: "a long selector",
    path: `${MAPS}?labelSelector=${"a%2C".repeat(10_000)}b`,
    status: [200, 400, 414, 431],
  },
  { name: "a bad field selector", path: `${MAPS}?fieldSelector=%3D%3D`, status: [200, 400] },
  { name: "a bad continue token", path: `${MAPS}?limit=1&continue=%00`, status: 400 },
  {
    name: "a forged continue token",
    path: `${MAPS}?limit=1&continue=${
      btoa('{"v":"meta.k8s.io/v1","rv":-1,"start":"../../secrets"}')
    }`,
    status: [400, 410],
  },
  {
    name: "a watch of the future",
    path: `${MAPS}?watch=true&resourceVersion=-5`,
    status: [400, 422, 500],
  },
  { name: "a limit below nothing", path: `${MAPS}?limit=-1`, status: [200, 400] },
  { name: "dot segments", path: "/api/v1/namespaces/default/../../../secrets", status: [400, 404] },
  { name: "encoded dot segments", path: "/api/v1/namespaces/%2e%2e/secrets", status: [400, 404] },
  // As in kube-apiserver, what is authorised is the decoded path: this lists Secrets
  { name: "an encoded slash", path: "/api/v1/namespaces/default%2Fsecrets", status: 200 },
  { name: "two slashes", path: "/api//v1/secrets", status: [400, 404] },
  { name: "NUL", path: "/api/v1/namespaces/%00/configmaps", status: [200, 400, 404] },
  { name: "a long path", path: `/api/v1/${"a/".repeat(20_000)}`, status: [400, 404, 414] },
  { name: "the prototype of a kind", path: "/apis/__proto__/constructor/toString", status: 404 },
  { name: "another method", method: "BREW", path: MAPS, status: [400, 405] },
];

interface Answer {
  status: number;
  text: string;
}

type Send = (hostile: Pick<Hostile, "method" | "path" | "body" | "type">) => Promise<Answer>;

/** Sends bytes as they are: `fetch` would mend the path. */
function sender(kubeconfig: string, agent: Agent | false): Send {
  const { clusters: [{ cluster }], users: [{ user }] } = parse(kubeconfig);
  const { hostname, port } = new URL(cluster.server);
  const bytes = (text: string): string => new TextDecoder().decode(Uint8Array.fromBase64(text));
  const secure = {
    ca: bytes(cluster["certificate-authority-data"]),
    cert: bytes(user["client-certificate-data"]),
    key: bytes(user["client-key-data"]),
  };
  return ({ method, path, body, type = "application/json" }) =>
    new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: hostname,
        port,
        path,
        method: method ?? (body === undefined ? "GET" : "POST"),
        agent,
        ...secure,
        headers: body === undefined
          ? {}
          : { "Content-Type": type, "Content-Length": Buffer.byteLength(body) },
      }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => text += chunk);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      request.setTimeout(20_000, () => request.destroy(new Error("no answer in 20 s")));
      request.on("error", reject);
      request.end(body);
    });
}

/** Another user's request, all the while. @returns the longest wait, in milliseconds */
async function canary(send: Send, signal: AbortSignal): Promise<number> {
  let longest = 0;
  while (!signal.aborted) {
    const started = performance.now();
    const { status } = await send({ path: "/api/v1/namespaces/default" });
    longest = Math.max(longest, performance.now() - started);
    assert.equal(status, 200);
    await delay(5);
  }
  return longest;
}

Deno.test("hostile input gets a Status, crashes nothing, and makes nobody wait", async (t) => {
  await using hub = await startStandaloneHub();
  const kubeconfig = await Deno.readTextFile(hub.kubeconfig);
  const send = sender(kubeconfig, false);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const kept = sender(kubeconfig, agent);
  for (const warm of [send, kept]) await warm({ path: MAPS });
  for (const hostile of [...POSTS, ...PATCHES, ...READS]) {
    await t.step(hostile.name, async () => {
      const ended = new AbortController();
      const waiting = canary(kept, ended.signal);
      waiting.catch(() => {}); // Awaited below
      await delay(30);
      const { status, text } = await send(hostile);
      ended.abort();
      const longest = await waiting;
      const wanted = [hostile.status].flat();
      assert.ok(wanted.includes(status), `${status}: ${text.slice(0, 500)}`);
      if (status >= 400) {
        if (text === "404 page not found\n") return; // As kube-apiserver, of an unknown group
        const answer = JSON.parse(text);
        assert.equal(answer.kind, "Status");
        assert.equal(answer.code, status);
        assert.notEqual(answer.message, "");
        assert.doesNotMatch(text, /\bat \S+ \(|file:\/\/|node_modules/);
      }
      // 100 ms are the bound; the machine is shared
      assert.ok(longest < 200, `another user waited ${longest.toFixed(0)} ms`);
    });
  }
  agent.destroy();
  assert.equal(hub.process.running, true);
});
