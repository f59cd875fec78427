import assert from "node:assert/strict";
import { KubeClient } from "../../shared/kube/client.ts";
import { memoryLog } from "../../shared/log.ts";
import { Collector } from "./collector.ts";

/** A child whose answers a test sets by path. */
function child(answers: Record<string, (url: URL) => Response | Promise<Response>>): {
  client: KubeClient;
  asked: string[];
} {
  const asked: string[] = [];
  const client = new KubeClient({
    transport: async (request) => {
      const url = new URL(request.url);
      asked.push(url.pathname + url.search);
      const answer = answers[url.pathname];
      if (answer === undefined) return new Response("not found", { status: 404 });
      const aborted = new Promise<never>((_, reject) =>
        request.signal.addEventListener("abort", () => reject(request.signal.reason), {
          once: true,
        })
      );
      return await Promise.race([answer(url), aborted]);
    },
  });
  return { client, asked };
}

const ok = (): Response => new Response("ok");
const version = (): Response => Response.json({ gitVersion: "v1.36.3", platform: "linux/amd64" });
const signal = new AbortController().signal;

function node(ready: string | undefined, cpu: string, memory: string): unknown {
  return {
    status: {
      capacity: { cpu, memory },
      allocatable: { cpu, memory },
      ...(ready === undefined ? {} : { conditions: [{ type: "Ready", status: ready }] }),
    },
  };
}

Deno.test("Collector reads version and health", async () => {
  const { client } = child({
    "/version": version,
    "/healthz": ok,
    "/livez": ok,
    "/readyz": () => new Response("[-]etcd failed", { status: 500 }),
  });
  assert.deepEqual(await new Collector({ client }).health(signal), {
    k8sVersion: "v1.36.3",
    platform: "linux/amd64",
    healthz: true,
    livez: true,
    readyz: false,
  });
});

Deno.test("Collector calls a silent child unhealthy in time, and remembers its version", async () => {
  let silent = false;
  const answer = (good: () => Response) => (): Response | Promise<Response> =>
    silent ? new Promise<Response>(() => {}) : good();
  const { client } = child({
    "/version": answer(version),
    "/healthz": answer(ok),
    "/livez": answer(ok),
    "/readyz": answer(ok),
  });
  const collector = new Collector({ client, healthMs: 30 });
  assert.equal((await collector.health(signal)).readyz, true);
  silent = true;
  const started = performance.now();
  assert.deepEqual(await collector.health(signal), {
    k8sVersion: "v1.36.3",
    platform: "linux/amd64",
    healthz: false,
    livez: false,
    readyz: false,
  });
  assert.ok(performance.now() - started < 500);
});

Deno.test("Collector sums up nodes page by page", async () => {
  const pages: Record<string, unknown> = {
    "": {
      metadata: { continue: "next" },
      items: [node("True", "4", "16Gi"), node("False", "3500m", "8388608Ki")],
    },
    "next": { metadata: {}, items: [node("Unknown", "4", "16Gi"), node(undefined, "1", "1Gi")] },
  };
  const { client, asked } = child({
    "/api/v1/nodes": (url) => Response.json(pages[url.searchParams.get("continue") ?? ""]),
  });
  assert.deepEqual(await new Collector({ client }).nodes(signal), {
    nodeStatistics: { readyNodes: 1, notReadyNodes: 1, unknownNodes: 2 },
    capacity: { cpu: "12500m", memory: "41Gi" },
    allocatable: { cpu: "12500m", memory: "41Gi" },
  });
  assert.deepEqual(asked, ["/api/v1/nodes?limit=100", "/api/v1/nodes?limit=100&continue=next"]);
});

Deno.test("Collector keeps the last sums when nodes cannot be listed, and says so once", async () => {
  let allowed = true;
  const log = memoryLog();
  const { client } = child({
    "/api/v1/nodes": () =>
      allowed
        ? Response.json({ items: [node("True", "4", "16Gi")] })
        : Response.json({ kind: "Status", message: "nodes is forbidden" }, { status: 403 }),
  });
  const collector = new Collector({ client, log });
  const before = await collector.nodes(signal);
  allowed = false;
  assert.deepEqual(await collector.nodes(signal), before);
  assert.deepEqual(await collector.nodes(signal), before);
  assert.equal(log.lines.length, 1);
  assert.equal(await new Collector({ client }).nodes(signal), undefined);
});

Deno.test("Collector ends with its signal", async () => {
  const { client } = child({ "/healthz": () => new Promise<Response>(() => {}) });
  const stop = new AbortController();
  const looking = new Collector({ client }).health(stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(looking, /stopped/);
});
