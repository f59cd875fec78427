import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import { Session } from "../../shared/tunnel/session.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { readAllowEntry } from "./allow_entry.ts";
import { IdentityMapper } from "./identity.ts";
import { TargetPolicy, type TargetPolicyOptions } from "./policy.ts";
import { createTargetServer, type TargetServer } from "./serve.ts";

/** A server of the child, an agent's target server, and the hub's end of the tunnel. */
class Bed implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly policy: TargetPolicy;
  readonly target: TargetServer;
  readonly hub: Session;
  readonly #agent: Session;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  port = 0;

  private constructor(server: http.Server, port: number, options: Partial<TargetPolicyOptions>) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => {
      this.#sockets.add(socket as Socket);
      socket.on("close", () => this.#sockets.delete(socket as Socket));
    });
    server.on("request", (req, res) => {
      this.seen.push(`${req.method} ${req.url}`);
      if (req.url === "/101") {
        return void req.socket.write(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw",
        );
      }
      res.write("begun");
      if (req.url !== "/hang") res.end();
    });
    server.on("upgrade", (_req, socket: Socket) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi",
      );
    });
    this.policy = new TargetPolicy({ childServer: "https://10.96.0.1", ...options });
    this.target = createTargetServer({
      policy: this.policy,
      identity: new IdentityMapper(),
      child: { server: "https://10.96.0.1" },
    });
    const [hub, agent] = memoryConnPair();
    this.hub = new Session({ role: "hub", conn: hub, instanceId: "hub", onStream: () => {} });
    this.#agent = new Session({
      role: "agent",
      conn: agent,
      instanceId: "agent",
      onStream: this.target.serve,
    });
  }

  static async create(options: Partial<TargetPolicyOptions> = {}): Promise<Bed> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bed = new Bed(server, (server.address() as AddressInfo).port, options);
    await bed.hub.hello;
    return bed;
  }

  allow(...hosts: string[]): void {
    this.policy.setListed(hosts.map((host) => readAllowEntry(`http://${host}:${this.port}`)));
  }

  open(path: string, { host = "127.0.0.1", upgrade = false } = {}): TunnelStream {
    const stream = this.hub.open({
      method: "GET",
      target: `http/${host}:${this.port}`,
      path,
      upgrade,
      headers: upgrade ? [["Upgrade", "x"]] : [],
    });
    if (!upgrade) stream.end();
    return stream;
  }

  async status(path: string, options: { host?: string } = {}): Promise<number> {
    const stream = this.open(path, options);
    const { status } = await stream.responseHead;
    while (await stream.read() !== null);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hub.close(0, "test over");
    await Promise.all([this.hub.closed, this.#agent.closed]);
    this.target.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function cut(stream: TunnelStream): Promise<void> {
  await stream.closed;
  assert.equal(stream.resetError?.code, ResetCode.TARGET_DENIED);
}

Deno.test("createTargetServer cuts what is open to a target that the list names no more", async () => {
  await using bed = await Bed.create();
  assert.equal(await bed.status("/"), 403);
  bed.allow("127.0.0.1");
  assert.equal(await bed.status("/"), 200);
  const plain = bed.open("/hang");
  const upgraded = bed.open("/hang", { upgrade: true });
  assert.equal((await plain.responseHead).status, 200);
  assert.equal((await upgraded.responseHead).status, 101);
  bed.allow("127.0.0.1", "127.0.0.2");
  assert.equal(await bed.status("/"), 200);
  assert.equal(plain.resetError, undefined);
  bed.allow("127.0.0.2");
  await Promise.all([cut(plain), cut(upgraded)]);
  assert.equal(await bed.status("/"), 403);
  for (let i = 0; i < 200 && bed.target.active > 0; i++) {
    await new Promise((go) => setTimeout(go, 5));
  }
  assert.equal(bed.target.active, 0);
});

Deno.test("createTargetServer dials nothing that was removed while its name was resolved", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string[]>();
  await using bed = await Bed.create({
    lookup: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  bed.allow("a.svc", "127.0.0.1");
  const status = bed.status("/", { host: "a.svc" });
  await asked.promise;
  bed.allow();
  answer.resolve(["127.0.0.1"]);
  assert.equal(await status, 403);
  assert.deepEqual(bed.seen, []);
});

Deno.test("createTargetServer checks the head by itself: the hub may be hostile", async () => {
  await using bed = await Bed.create();
  bed.allow("127.0.0.1");
  for (const path of ["/../x", "/%2e%2e/x", "/..%2fx", "/..%5cx", "/a b", "/a#b"]) {
    assert.equal(await bed.status(path), 400, path);
  }
  const stream = bed.hub.open({
    method: "GET",
    target: `http/127.0.0.1:${bed.port}`,
    path: "/",
    upgrade: false,
    headers: [["A", "\u560d\u560aB: c"]],
  });
  stream.end();
  assert.equal((await stream.responseHead).status, 400);
  while (await stream.read() !== null);
  assert.deepEqual(bed.seen, []);
});

Deno.test("createTargetServer answers 502 when a server switches protocols unasked", async () => {
  await using bed = await Bed.create();
  bed.allow("127.0.0.1");
  assert.equal(await bed.status("/101"), 502);
  assert.equal(await bed.status("/"), 200);
});
