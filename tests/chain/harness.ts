/**
 * The whole way of a request in one process: a client's socket, the hub's proxy, a tunnel over a
 * memory pipe, the agent's target server, and a real HTTP server as the child.
 *
 * @module
 */
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { createTargetServer, type TargetServerOptions } from "../../agent/target/serve.ts";
import { IdentityMapper } from "../../agent/target/identity.ts";
import { TargetPolicy } from "../../agent/target/policy.ts";
import type { Auditor } from "../../hub/audit/auditor.ts";
import { createTunnelMetrics } from "../../hub/tunnels/metrics.ts";
import { proxyRequest } from "../../hub/tunnels/proxy_request.ts";
import { proxyUpgrade } from "../../hub/tunnels/proxy_upgrade.ts";
import { TunnelRegistry, type TunnelRegistryOptions } from "../../hub/tunnels/registry.ts";
import { silentLog } from "../../shared/log.ts";
import { createRegistry, type MetricsRegistry } from "../../shared/metrics.ts";
import { parseSocketsPath, SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import type { CallerIdentity } from "../../shared/tunnel/head.ts";
import { memoryConnPair } from "../../shared/tunnel/memory_conn.ts";
import { Session } from "../../shared/tunnel/session.ts";

/** The cluster of every chain. */
export const CLUSTER = "dc91021d-2361-4f6d-a404-7c33b9e01118";

/** What to put into a chain. */
export interface ChainOptions {
  /** Requests to the child. */
  child?: http.RequestListener;
  /** Upgrades to the child. */
  childUpgrade?: (req: http.IncomingMessage, socket: net.Socket, head: Uint8Array) => void;
  /** Makes the child serve TLS. */
  childTls?: { cert: string; key: string; ca: string };
  /** Who calls. */
  identity?: CallerIdentity;
  /** Changes to the agent's side. */
  agent?: Partial<TargetServerOptions>;
  /** Entries of the allow-list. */
  allow?: string[];
  /** Changes to the hub's side. */
  registry?: Partial<TunnelRegistryOptions>;
  openToHeadMs?: number;
  halfClosedIdleMs?: number;
  /** As with an audit log. */
  auditor?: Auditor;
}

/** A running chain. */
export class Chain implements AsyncDisposable {
  readonly registry: TunnelRegistry;
  readonly metrics: MetricsRegistry = createRegistry();
  readonly child: http.Server;
  readonly hub: http.Server;
  readonly agents: Session[] = [];
  childPort = 0;
  port = 0;
  /** Exchanges that the hub has under way. */
  active = 0;
  readonly #options: ChainOptions;
  readonly #sockets = new Set<net.Socket>();
  readonly #targets: { close(): void; readonly active: number }[] = [];

  private constructor(options: ChainOptions) {
    this.#options = options;
    const { child = (_, res) => void res.end("ok"), childUpgrade, childTls } = options;
    this.child = childTls === undefined
      ? http.createServer(child)
      : https.createServer(childTls, child) as unknown as http.Server;
    if (childUpgrade !== undefined) {
      this.child.on("upgrade", (req, socket, head) => {
        socket.on("error", () => {});
        childUpgrade(req, socket as net.Socket, head);
      });
    }
    const metrics = createTunnelMetrics(this.metrics);
    this.registry = new TunnelRegistry({ instanceId: "hub", metrics, ...options.registry });
    const context = (req: http.IncomingMessage, upgrade: boolean) => {
      const path = parseSocketsPath(req.url!);
      if (path.kind !== "proxy") throw new Error(`no proxy path: ${req.url}`);
      const found = {
        req,
        path,
        metrics,
        identity: options.identity ?? { user: "ann", groups: ["dev"], extra: [] },
        registry: this.registry,
        known: (id: string) => id === CLUSTER,
        log: silentLog,
      };
      const { auditor } = options;
      if (auditor === undefined) return found;
      const verb = upgrade ? "create" : "get";
      return { ...found, onEnd: auditor.proxied({ ...found, verb }, upgrade) };
    };
    const track = (work: Promise<void>): void => {
      this.active++;
      void work.finally(() => this.active--);
    };
    this.hub = http.createServer((req, res) => {
      const { openToHeadMs } = options;
      track(proxyRequest({
        ...context(req, false),
        res,
        ...(openToHeadMs === undefined ? {} : { openToHeadMs }),
      }));
    });
    this.hub.requestTimeout = 0;
    this.hub.on("upgrade", (req, socket, head) => {
      const { halfClosedIdleMs } = options;
      track(proxyUpgrade({
        ...context(req, true),
        socket,
        head,
        ...(halfClosedIdleMs === undefined ? {} : { halfClosedIdleMs }),
      }));
    });
  }

  /** Starts everything but the agent. */
  static async start(options: ChainOptions = {}): Promise<Chain> {
    const chain = new Chain(options);
    for (const server of [chain.hub, chain.child]) {
      server.on("connection", (socket: net.Socket) => {
        chain.#sockets.add(socket);
        socket.on("close", () => chain.#sockets.delete(socket));
      });
    }
    chain.childPort = await listen(chain.child);
    chain.port = await listen(chain.hub);
    return chain;
  }

  /** Starts everything and waits until the tunnel is up. */
  static async connected(options: ChainOptions = {}): Promise<Chain> {
    const chain = await Chain.start(options);
    await chain.connect();
    return chain;
  }

  /** The child's URL, as its agent knows it. */
  get childServer(): string {
    return `${
      this.#options.childTls === undefined ? "http" : "https"
    }://127.0.0.1:${this.childPort}`;
  }

  /** Connects an agent. */
  async connect(instanceId = "agent-1"): Promise<Session> {
    const server = this.childServer;
    const ca = this.#options.childTls?.ca;
    const target = createTargetServer({
      policy: new TargetPolicy({ childServer: server, allow: this.#options.allow ?? [] }),
      identity: new IdentityMapper(),
      child: {
        server,
        ...(ca === undefined ? {} : { ca }),
        token: () => Promise.resolve("agent-token"),
      },
      ...this.#options.agent,
    });
    this.#targets.push(target);
    const [hubConn, agentConn] = memoryConnPair();
    this.registry.attach(CLUSTER, hubConn, { remote: "memory" });
    const session = new Session({
      role: "agent",
      conn: agentConn,
      instanceId,
      onStream: target.serve,
    });
    this.agents.push(session);
    await session.hello;
    for (let i = 0; !this.registry.connected(CLUSTER) && i < 100; i++) await tick();
    return session;
  }

  /** The path that reaches `rest` in the child. */
  path(rest: string, target = "direct"): string {
    return `${SOCKETS_PREFIX}${CLUSTER}/proxy/${target}${rest}`;
  }

  /** Streams that are open at any end. */
  get streams(): number {
    return [this.registry.session(CLUSTER), ...this.agents]
      .reduce((sum, session) => sum + (session?.streamCount ?? 0), 0);
  }

  /** Waits until no stream is open and no exchange under way. */
  async idle(withinMs = 3_000): Promise<void> {
    const until = performance.now() + withinMs;
    const busy = (): number =>
      this.streams + this.active + this.#targets.reduce((sum, { active }) => sum + active, 0);
    while (busy() > 0) {
      if (performance.now() > until) {
        throw new Error(`${this.streams} streams and ${this.active} exchanges are left over`);
      }
      await tick(5);
    }
  }

  /** A plain GET through the chain. */
  get(rest: string, headers: string[] = [], method = "GET"): Promise<Answer> {
    return request(this.port, method, this.path(rest), headers);
  }

  /** Writes raw bytes to the hub and reads until it closes. */
  async raw(text: string): Promise<string> {
    const socket = net.connect(this.port, "127.0.0.1");
    socket.on("error", () => {});
    let got = "";
    socket.setEncoding("latin1").on("data", (chunk) => got += chunk);
    socket.write(text, "latin1");
    await new Promise((resolve) => socket.once("close", resolve));
    return got;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.agents) session.close(0, "test over");
    this.registry.close();
    for (const target of this.#targets) target.close();
    // Upgraded ones too, which closeAllConnections() does not know
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([close(this.hub), close(this.child)]);
    await Promise.all(this.agents.map((session) => session.closed));
    await tick(10);
  }
}

/** Lets the event loop turn. */
export function tick(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function listen(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

function close(server: http.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** An answer as a client sees it. */
export interface Answer {
  status: number;
  statusText: string;
  rawHeaders: string[];
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** Sends one request on a connection of its own. */
export function request(
  port: number,
  method: string,
  path: string,
  headers: string[] = [],
  body?: string | Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = http.request({
      host: "127.0.0.1",
      port,
      method,
      path,
      agent: false,
      headers: ["Host", "parent", ...headers] as unknown as Record<string, string>,
    }, (res) => {
      const chunks: Uint8Array[] = [];
      res.on("data", (chunk) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () =>
        resolve({
          status: res.statusCode!,
          statusText: res.statusMessage ?? "",
          rawHeaders: res.rawHeaders,
          headers: res.headers,
          body: new TextDecoder().decode(concat(chunks)),
        }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** Joins chunks. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
