/**
 * Abuse case 24: a thousand streams of two users, many at once, cut from both sides: every byte is its
 * owner's.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { freePorts } from "../cluster/ports.ts";
import { ByteClient } from "../e2e/byte_target.ts";
import { metric } from "../e2e/programs.ts";
import { USER } from "../e2e/fleet.ts";
import { report } from "../e2e/report.ts";
import { eventually } from "../e2e/wait.ts";
import { cases } from "./scene.ts";

const [PORT] = freePorts(1) as [number];
const STREAMS = 1_000;
/** `tests/e2e/bytes_test.ts` has all at once; here each cut costs handshakes on both sides. */
const AT_ONCE = 200;
const MAX_BYTES = 120_000;

/** Sends back what it gets; `/cut/<n>` breaks the connection after so many bytes. */
function startEcho(): http.Server {
  const server = http.createServer((req, res) => {
    const cut = Number(/^\/cut\/(\d+)$/.exec(req.url ?? "")?.[1] ?? Infinity);
    let sent = 0;
    req.on("error", () => {});
    res.on("error", () => {});
    req.on("data", (chunk: Uint8Array) => {
      if (res.destroyed) return;
      res.write(chunk.subarray(0, Math.max(0, cut - sent)));
      sent += chunk.length;
      if (sent >= cut) setTimeout(() => req.socket.destroy(), 5);
    });
    req.on("end", () => {
      if (sent < cut) res.end();
    });
  });
  server.keepAliveTimeout = 60_000; // Longer than the agent's: it is not what is tested here
  return server;
}

/** Bytes that no other stream has: every 32 of them are a hash of stream and place. */
function bodyOf(index: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(1 + (index * 7919) % MAX_BYTES);
  for (let at = 0; at < body.length; at += 32) {
    const piece = createHash("sha256").update(`${index}/${at}`).digest();
    body.set(piece.subarray(0, Math.min(32, body.length - at)), at);
  }
  return body;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

type Kind = "whole" | "cut by the client" | "cut by the server";

/** Sends a body and gathers what comes back. @returns the bytes, however it ended */
async function exchange(
  client: ByteClient,
  body: Uint8Array,
  kind: Kind,
): Promise<Uint8Array<ArrayBuffer>> {
  const half = body.length >> 1;
  const path = kind === "cut by the server" ? `/cut/${half}` : "/echo";
  const request = client.request("POST", path, { "Content-Length": String(body.length) });
  const chunks: Uint8Array[] = [];
  let total = 0;
  await new Promise<void>((resolve, reject) => {
    const broken = kind === "whole" ? reject : (): void => resolve();
    request.on("error", broken);
    request.on("response", (response: IncomingMessage) => {
      if (response.statusCode !== 200 && kind === "whole") {
        response.on("data", (chunk: Uint8Array) => {
          reject(new Error(`${response.statusCode} ${new TextDecoder().decode(chunk)}`));
        });
        return;
      }
      if (response.statusCode !== 200) {
        response.resume();
        return resolve();
      }
      response.on("error", broken);
      response.on("close", resolve);
      response.on("data", (chunk: Uint8Array) => {
        chunks.push(chunk.slice());
        total += chunk.length;
        if (kind === "cut by the client" && total >= half) request.destroy();
      });
    });
    request.end(body);
  });
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

const AGENT_ARGS = [`--allow-target=http://127.0.0.1:${PORT}`];

cases("a thousand streams", { agent: { args: AGENT_ARGS } }, async (step, scene) => {
  const server = startEcho();
  await new Promise<void>((resolve) => server.listen(PORT, "127.0.0.1", resolve));
  assert.equal((server.address() as AddressInfo).port, PORT);
  const { parent } = scene;
  await parent.kubectlOk(
    ["create", "clusterrolebinding", "bob", "--clusterrole=clusternet-user", "--user=bob"],
  );
  const client = async (user: string): Promise<ByteClient> =>
    new ByteClient({
      server: parent.server,
      ca: parent.caPem,
      clientCert: await parent.mintClientCert(user),
      base: scene.at(`/proxy/http/127.0.0.1:${PORT}`),
    });
  try {
    using alice = await client(USER.name);
    using bob = await client("bob");

    await step("24. a thousand streams with resets: every byte to its owner", async () => {
      const count = { "whole": 0, "cut by the client": 0, "cut by the server": 0 };
      let prefixes = 0;
      const one = async (index: number): Promise<void> => {
        const kind: Kind = index % 5 === 3
          ? "cut by the client"
          : index % 5 === 4
          ? "cut by the server"
          : "whole";
        const body = bodyOf(index);
        const got = await exchange(index % 2 === 0 ? alice : bob, body, kind);
        count[kind]++;
        if (kind === "whole") assert.equal(sha256(got), sha256(body), `stream ${index}`);
        else {
          assert.equal(
            sha256(got),
            sha256(body.subarray(0, got.length)),
            `stream ${index}: ${kind}`,
          );
          if (got.length > 0) prefixes++;
        }
      };
      const failed: string[] = [];
      let next = 0;
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (next < STREAMS) await one(next++).catch((error) => failed.push(String(error)));
      }));
      assert.deepEqual(failed.slice(0, 5), [], `${failed.length} of ${STREAMS} streams failed`);
      assert.ok(prefixes > 100, `only ${prefixes} cut streams got any bytes`);
      report(
        `${STREAMS} streams: ${JSON.stringify(count)}, ${prefixes} of the cut ones with bytes`,
      );
      await eventually("no stream is left", 10_000, async () => {
        const port = scene.fleet.hub.healthPort;
        assert.equal(await metric(port, "clusternet_hub_proxy_requests_in_flight"), 0);
      });
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
