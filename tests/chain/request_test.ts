import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { Chain, CLUSTER, request, tick } from "./harness.ts";

Deno.test("A small GET passes with its path, query, headers and identity as they are", async () => {
  let seen: http.IncomingMessage | undefined;
  await using chain = await Chain.connected({
    identity: { user: "ann", uid: "7", groups: ["dev", "system:masters"], extra: [["k", "v"]] },
    child: (req, res) => {
      seen = req;
      res.writeHead(200, "Fine", ["X-A", "1", "Set-Cookie", "a=1", "Set-Cookie", "b=2"]);
      res.end("hello");
    },
  });
  const answer = await chain.get("/a//b/%2e/c%2Fd;x=1/?path=/x&q=%20+&z=/..", [
    "X-Stream-Protocol-Version",
    "v4.channel.k8s.io",
    "X-Stream-Protocol-Version",
    "v3.channel.k8s.io",
    "Accept-Encoding",
    "gzip",
  ]);
  assert.equal(answer.status, 200);
  assert.equal(answer.statusText, "Fine");
  assert.equal(answer.body, "hello");
  assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
  assert.equal(seen!.url, "/a//b/%2e/c%2Fd;x=1/?path=/x&q=%20+&z=/..");
  assert.deepEqual(pairs(seen!.rawHeaders), [
    `Host: 127.0.0.1:${chain.childPort}`,
    "X-Stream-Protocol-Version: v4.channel.k8s.io",
    "X-Stream-Protocol-Version: v3.channel.k8s.io",
    "Accept-Encoding: gzip",
    "Authorization: Bearer agent-token",
    "Impersonate-User: ann",
    "Impersonate-Uid: 7",
    "Impersonate-Group: dev",
    "Impersonate-Group: clusternet:hub:system:masters",
    "Connection: keep-alive",
  ]);
  await chain.idle();
});

Deno.test("A client can neither bring an identity nor strip the one it has", async () => {
  let seen: string[] = [];
  await using chain = await Chain.connected({
    child: (req, res) => {
      seen = pairs(req.rawHeaders);
      res.end();
    },
  });
  await chain.get("/", [
    "Authorization",
    "Bearer stolen",
    "impersonate-user",
    "admin",
    "IMPERSONATE-GROUP",
    "system:masters",
    "Impersonate-Extra-Scopes",
    "all",
    "X-Remote-User",
    "admin",
    "x-remote-group",
    "system:masters",
    "Proxy-Authorization",
    "Basic x",
    "Keep-Alive",
    "timeout=5",
    "TE",
    "trailers",
    "X-Private",
    "1",
    "Connection",
    "close, Impersonate-User, Impersonate-Group, Authorization, X-Private",
  ]);
  assert.deepEqual(seen, [
    `Host: 127.0.0.1:${chain.childPort}`,
    "Authorization: Bearer agent-token",
    "Impersonate-User: ann",
    "Impersonate-Group: dev",
    "Connection: keep-alive",
  ]);
  await chain.idle();
});

Deno.test("Identity goes to direct alone, not to the same server by its address", async () => {
  let seen: string[] = [];
  const ca = await TestCa.create("child");
  await using chain = await Chain.connected({
    childTls: {
      ...await ca.issue({ subject: "CN=child", usage: "server", ips: ["127.0.0.1"] }),
      ca: ca.pem,
    },
    child: (req, res) => {
      seen = pairs(req.rawHeaders).filter((line) => /^(authorization|impersonate)/i.test(line));
      res.end();
    },
  });
  const path = chain.path("/version", `https/127.0.0.1:${chain.childPort}`);
  assert.equal((await request(chain.port, "GET", path)).status, 200);
  assert.deepEqual(seen, []);
  await chain.get("/version");
  assert.equal(seen.length, 3);
  await chain.idle();
});

Deno.test("A big download and a big upload arrive exactly, with a slow reader", async () => {
  const size = 24 * 1024 * 1024;
  const block = crypto.getRandomValues(new Uint8Array(64 * 1024));
  const wanted = createHash("sha256");
  for (let i = 0; i < size / block.length; i++) wanted.update(block);
  const digest = wanted.digest("hex");
  let written = 0;
  await using chain = await Chain.connected({
    child: (req, res) => {
      if (req.method === "POST") {
        const got = createHash("sha256");
        let paused = false;
        req.on("data", (chunk) => {
          got.update(chunk);
          if (paused) return;
          paused = true;
          req.pause();
          setTimeout(() => req.resume(), 100);
        });
        req.on("end", () => res.end(got.digest("hex")));
        return;
      }
      const send = (): void => {
        while (written < size) {
          written += block.length;
          if (!res.write(block)) return void res.once("drain", send);
        }
        res.end();
      };
      send();
    },
  });
  const got = createHash("sha256");
  let atPause = 0;
  await new Promise<void>((resolve, reject) => {
    http.get({ port: chain.port, path: chain.path("/big"), agent: false }, (res) => {
      let first = true;
      res.on("data", (chunk) => {
        got.update(chunk);
        if (!first) return;
        first = false;
        res.pause();
        setTimeout(() => {
          atPause = written;
          res.resume();
        }, 400);
      });
      res.on("end", resolve);
      res.on("error", reject);
    }).on("error", reject);
  });
  assert.equal(got.digest("hex"), digest);
  assert.ok(atPause < size, "the child was held back while the client did not read");

  const body = new Uint8Array(size);
  for (let i = 0; i < size; i += block.length) body.set(block, i);
  const known = await request(chain.port, "POST", chain.path("/up"), [
    "Content-Length",
    String(size),
  ], body);
  assert.equal(known.body, digest);
  const chunked = await request(chain.port, "POST", chain.path("/up"), [
    "Transfer-Encoding",
    "chunked",
  ], body);
  assert.equal(chunked.body, digest);
  await chain.idle();
});

Deno.test("HEAD, 204, 304 and empty answers keep their meaning", async () => {
  await using chain = await Chain.connected({
    child: (req, res) => {
      const status = Number(req.url!.slice(1));
      if (status === 304) res.writeHead(304, ["ETag", '"x"', "Content-Length", "5"]).end();
      else if (status === 204) res.writeHead(204).end();
      else if (req.url === "/0") res.writeHead(200, ["Content-Length", "0"]).end();
      else res.writeHead(200, ["Content-Length", "5"]).end("hello");
    },
  });
  const head = await chain.get("/200", [], "HEAD");
  assert.deepEqual([head.status, head.headers["content-length"], head.body], [200, "5", ""]);
  const none = await chain.get("/204");
  assert.deepEqual([none.status, none.headers["content-length"], none.body], [204, undefined, ""]);
  const same = await chain.get("/304");
  assert.deepEqual([same.status, same.headers.etag, same.body], [304, '"x"', ""]);
  const empty = await chain.get("/0");
  assert.deepEqual([empty.status, empty.headers["content-length"], empty.body], [200, "0", ""]);
  await chain.idle();
});

Deno.test("A redirect becomes a 502 that names where it leads", async () => {
  await using chain = await Chain.connected({
    child: (req, res) => {
      if (req.url === "/201") return void res.writeHead(201, ["Location", "/made"]).end();
      res.writeHead(302, ["Location", "https://evil.example/login?token=x"]).end("body");
    },
  });
  const answer = await chain.get("/");
  assert.equal(answer.status, 502);
  assert.equal(answer.headers.location, undefined);
  const status = JSON.parse(answer.body);
  assert.equal(status.kind, "Status");
  assert.match(status.message, /redirects to https:\/\/evil\.example\/login:/);
  assert.match(answer.headers.warning!, /^299 clusternet ".*redirects to/);
  const made = await chain.get("/201");
  assert.deepEqual([made.status, made.headers.location], [201, "/made"]);
  await chain.idle();
});

Deno.test("An answer cut after its head never looks complete", async () => {
  await using chain = await Chain.connected({
    child: (req, res) => {
      if (req.url === "/length") res.writeHead(200, ["Content-Length", "100"]);
      res.write("part");
      setTimeout(() => req.socket.destroy(), 50);
    },
  });
  for (const path of ["/length", "/chunked"]) {
    await assert.rejects(chain.get(path), /aborted|hang up|ECONNRESET/, path);
    const text = await chain.raw(
      `GET ${chain.path(path)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(text, /\r\n0\r\n/);
  }
  await chain.idle();
});

Deno.test("A client that leaves ends the request in the child", async () => {
  let came = 0;
  let left = 0;
  const until = async (wanted: number, count: () => number): Promise<void> => {
    for (let waited = 0; count() < wanted && waited < 10_000; waited += 10) await tick(10);
    assert.equal(count(), wanted);
  };
  await using chain = await Chain.connected({
    child: (req, res) => {
      came++;
      req.resume(); // Or the child itself would not notice
      res.on("close", () => left++);
      if (req.url === "/head") res.writeHead(200).flushHeaders();
      if (req.url === "/data") {
        const timer = setInterval(() => res.write("x"), 5);
        res.on("close", () => clearInterval(timer));
      }
    },
  });
  for (const path of ["/silent", "/head", "/data"]) {
    const req = http.get({ port: chain.port, path: chain.path(path), agent: false });
    req.on("error", () => {});
    req.on("response", (res) => res.on("error", () => {}).resume());
    await until(came + 1, () => came);
    await tick(60);
    req.destroy();
    await chain.idle();
  }
  const upload = http.request({ port: chain.port, method: "PUT", path: chain.path("/up") });
  upload.on("error", () => {});
  upload.write("x".repeat(100_000));
  await until(came + 1, () => came);
  await tick(60);
  upload.destroy();
  await chain.idle();
  await until(4, () => left);
});

Deno.test("A child that answers early gets no more of the upload", async () => {
  await using chain = await Chain.connected({
    child: (_, res) => res.writeHead(413, ["Connection", "close"]).end("too much"),
  });
  const text = await new Promise<string>((resolve) => {
    const socket = net.connect(chain.port, "127.0.0.1");
    let got = "";
    socket.on("error", () => {}).setEncoding("latin1").on("data", (chunk) => got += chunk);
    socket.on("close", () => resolve(got));
    socket.write(
      `POST ${chain.path("/")} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`,
    );
    const timer = setInterval(() => socket.write("x".repeat(10_000)), 5);
    socket.once("close", () => clearInterval(timer));
  });
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /too much/);
  await chain.idle();
});

Deno.test("A body that is not as long as it says reaches no second request", async () => {
  const seen: string[] = [];
  await using chain = await Chain.connected({
    child: (req, res) => {
      seen.push(req.url!);
      req.resume().on("end", () => res.end());
    },
  });
  for (
    const framing of [
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "Content-Length: 5\r\nContent-Length: 6",
      "Transfer-Encoding: xchunked",
    ]
  ) {
    const text = await chain.raw(
      `POST ${chain.path("/x")} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n` +
        "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    );
    assert.match(text, /^HTTP\/1\.1 400 /);
  }
  assert.deepEqual(seen, []);
});

Deno.test("Informational answers and trailers do not confuse anyone", async () => {
  await using chain = await Chain.connected({
    child: (req, res) => {
      req.socket.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
      res.writeHead(200, ["Trailer", "X-Sum", "Transfer-Encoding", "chunked"]);
      res.write("body");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    },
  });
  const answer = await chain.get("/");
  assert.deepEqual([answer.status, answer.body], [200, "body"]);
  assert.equal(answer.headers.trailer, undefined);
  const text = await chain.raw(
    `POST ${
      chain.path("/")
    } HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n` +
      "Expect: 100-continue\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
  );
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  await chain.idle();
});

Deno.test("Kept connections to the child are reused and a stale one is not seen by the user", async () => {
  let connections = 0;
  await using chain = await Chain.connected({
    child: (req, res) => {
      const { socket } = req;
      res.end(String(req.socket.remotePort));
      // Goes away without a word to the client that holds it
      if (req.url === "/last") setTimeout(() => socket.resetAndDestroy(), 0);
    },
  });
  chain.child.on("connection", () => connections++);
  for (let i = 0; i < 5; i++) await chain.get("/");
  assert.equal(connections, 1);
  for (let i = 0; i < 20; i++) {
    assert.equal((await chain.get("/last")).status, 200);
    assert.equal((await chain.get("/next")).status, 200);
  }
  await chain.idle();
});

Deno.test("A kept connection that breaks under an upload is told at once, and nothing is sent twice", async () => {
  const seen: string[] = [];
  await using chain = await Chain.connected({
    openToHeadMs: 5_000,
    child: (req, res) => {
      seen.push(`${req.method} ${req.url}`);
      if (req.url === "/break") req.socket.destroy();
      else res.end("ok");
    },
  });
  for (let i = 0; i < 5; i++) {
    await chain.get("/first"); // Leaves a kept connection
    const answer = await request(
      chain.port,
      "POST",
      chain.path("/break"),
      ["Content-Length", "200000"],
      "x".repeat(200_000),
    );
    assert.equal(answer.status, 502);
  }
  assert.deepEqual(seen, Array.from({ length: 5 }, () => ["GET /first", "POST /break"]).flat());
  await chain.idle();
});

Deno.test("An answer with a header that cannot be written is 502", async () => {
  await using chain = await Chain.connected({
    child: (req) => {
      req.socket.end("HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Length: 0\r\n\r\n");
    },
  });
  assert.equal((await chain.get("/")).status, 502);
  await chain.idle();
});

Deno.test("A head that is too large for the tunnel is 431", async () => {
  await using chain = await Chain.connected({
    identity: { user: "ann", groups: Array.from({ length: 9_000 }, (_, i) => `g${i}`), extra: [] },
  });
  const answer = await chain.get("/");
  assert.equal(answer.status, 431);
  assert.equal(JSON.parse(answer.body).kind, "Status");
  await chain.idle();
});

Deno.test("The cluster's metrics tell what happened", async () => {
  await using chain = await Chain.connected();
  await chain.get("/");
  await chain.get("/");
  const other = "00000000-1111-4222-8333-444444444444";
  await request(chain.port, "GET", chain.path("/").replace(CLUSTER, other));
  await chain.idle();
  const text = await chain.metrics.metrics();
  assert.ok(!text.includes(other), "an id that nobody registered makes no series");
  assert.match(
    text,
    new RegExp(
      `clusternet_hub_proxy_requests_total\\{code="2xx",target="direct",cluster="${CLUSTER}"\\} 2`,
    ),
  );
  assert.match(text, /clusternet_hub_tunnels_connected 1/);
  assert.match(text, /clusternet_hub_proxy_requests_in_flight 0/);
  assert.match(text, /clusternet_hub_proxy_bytes_total\{direction="down"\} 4/);
});

/** `Name: value` lines. */
function pairs(raw: string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
  return lines;
}
