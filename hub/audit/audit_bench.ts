/** What the audit log costs: `deno bench -A hub/audit/audit_bench.ts`. */
import type { IncomingMessage } from "node:http";
import { parseSocketsPath, SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import { silentLog } from "../../shared/log.ts";
import { AuditLog } from "./audit_log.ts";
import { Auditor } from "./auditor.ts";
import { auditLine } from "./line.ts";
import type { AuditRecord } from "./record.ts";

const ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";
const url = `${SOCKETS_PREFIX}${ID}/proxy/direct/api/v1/namespaces/default/pods?limit=500`;
const path = parseSocketsPath(url);
if (path.kind !== "proxy") throw new Error("no proxy path");
const req = {
  url,
  method: "GET",
  socket: { remoteAddress: "10.0.0.1" },
  rawHeaders: [
    ["Host", "10.96.0.1"],
    ["User-Agent", "kubectl/v1.35.0 (linux/amd64) kubernetes/abcdef0"],
    ["Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"],
    ["Accept-Encoding", "gzip"],
    ["Audit-Id", "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"],
    ["Kubectl-Command", "kubectl get"],
    ["Kubectl-Session", "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"],
    ["X-Forwarded-For", "192.0.2.7"],
    ["X-Remote-Group", "platform"],
    ["X-Remote-Group", "system:authenticated"],
    ["X-Remote-User", "alice"],
  ].flat(),
} as unknown as IncomingMessage;
const identity = {
  user: "alice",
  groups: ["platform", "system:authenticated"],
  via: "front-proxy",
};
const request = { req, path, identity, verb: "get" };

let kept: AuditRecord | undefined;
const keeping = new Auditor({
  sink: { push: (r) => void (kept = r), leaveOut: () => {} },
  now: Date.now,
});

Deno.bench("on the hot path: one record made", () => {
  keeping.proxied(request, false)({ status: 200, up: 0, down: 5_000 }, 12.3);
});

const log = new AuditLog({
  output: { write: () => Promise.resolve(), close: () => Promise.resolve() },
  log: silentLog,
  now: Date.now,
  maxRecords: Infinity,
  maxChars: Infinity,
});
const auditor = new Auditor({ sink: log, now: Date.now });

Deno.bench("1,000 records made, queued, rendered and written to nowhere", async () => {
  for (let i = 0; i < 1_000; i++) {
    auditor.proxied(request, false)({ status: 200, up: 0, down: 5_000 }, 12.3);
  }
  while (log.waiting > 0) await new Promise((resolve) => setTimeout(resolve));
});

keeping.proxied(request, false)({ status: 200, up: 0, down: 5_000 }, 12.3);
Deno.bench("off the hot path: one line rendered", () => void auditLine(kept!));
