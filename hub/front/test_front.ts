/**
 * A public port on loopback with a parent that is played, for tests.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { connect, type TLSSocket } from "node:tls";
import { silentLog } from "../../shared/log.ts";
import { type AgentAccount, createAgentCheck } from "./agent_check.ts";
import { createAuthorizer } from "./authorizer.ts";
import { FRONT_PROXY_CONFIG_MAP, FrontProxyConfig } from "./front_proxy_config.ts";
import { createAuthenticator, type Identity } from "./identity.ts";
import type { RawKubeClient } from "./kube_api.ts";
import {
  type AttachContext,
  createFront,
  type Front,
  type FrontOptions,
  type ProxyRequestContext,
  type ProxyUpgradeContext,
} from "./server.ts";
import { ValueSource } from "./source.ts";
import { TestCa, type TestCert } from "../../shared/testing/test_pki.ts";
import { TokenReviewer } from "./token_review.ts";

/** A cluster id. */
export const CLUSTER = "dc91021d-2361-4f6d-a404-7c33b9e01118";
/** Another one. */
export const OTHER_CLUSTER = "dc91021d-2361-4f6d-a404-7c33b9e01119";
/** Where proxied paths of {@linkcode CLUSTER} start. */
export const DIRECT = `/apis/proxies.clusternet.io/v1alpha1/sockets/${CLUSTER}/proxy/direct`;
/** Where agents of {@linkcode CLUSTER} attach. */
export const ATTACH = `/apis/proxies.clusternet.io/v1alpha1/sockets/${CLUSTER}/attach`;

/** Spec of a SubjectAccessReview as the hub sent it. */
export interface ReviewSpec {
  user: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
  resourceAttributes?: Record<string, string>;
  nonResourceAttributes?: Record<string, string>;
}

/** A parent that answers reviews. */
export class FakeParent implements RawKubeClient {
  /** Every SubjectAccessReview asked. */
  readonly accessReviews: ReviewSpec[] = [];
  /** Every TokenReview asked. */
  readonly tokenReviews: string[] = [];
  /** Decides a SubjectAccessReview. */
  decide: (spec: ReviewSpec) => boolean = () => true;
  /** Users by token. */
  users: Record<string, { username: string; uid?: string; groups?: string[] }> = {};
  /** Takes a call over, to fail or to hang. */
  intercept: (path: string, signal?: AbortSignal | null) => Promise<Response> | undefined = () =>
    undefined;

  /** Answers a call. */
  async raw(path: string, init: RequestInit = {}): Promise<Response> {
    const body = JSON.parse(String(init.body)) as { spec: unknown };
    if (path.endsWith("/subjectaccessreviews")) this.accessReviews.push(body.spec as ReviewSpec);
    else this.tokenReviews.push((body.spec as { token: string }).token);
    const taken = this.intercept(path, init.signal);
    if (taken !== undefined) return await taken;
    if (path.endsWith("/subjectaccessreviews")) {
      return Response.json({ status: { allowed: this.decide(body.spec as ReviewSpec) } });
    }
    const user = this.users[(body.spec as { token: string }).token];
    return Response.json({ status: { authenticated: user !== undefined, user } });
  }
}

/** A call that ends only with its signal. */
export function hang(signal?: AbortSignal | null): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** An answer, read off the wire. */
export interface RawAnswer {
  status: number;
  /** Head as it came. */
  head: string;
  body: string;
}

/** Reads one answer off a connection. */
export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const head = end < 0 ? text : text.slice(0, end);
  const body = end < 0 ? "" : text.slice(end + 4);
  return { status: Number(head.split(" ")[1] ?? 0), head, body };
}

/** A request line, `Host` and more lines, with `Connection: close`. */
export function get(path: string, ...lines: string[]): string {
  return ["GET " + path + " HTTP/1.1", "Host: hub", "Connection: close", ...lines, "", ""]
    .join("\r\n");
}

/** Identity headers of an ordinary user. */
export const ALICE = ["X-Remote-User: alice", "X-Remote-Group: dev"];

/** Options of {@linkcode TestFront.start}. */
export type TestFrontOptions = Partial<FrontOptions> & {
  allowedNames?: string[];
  uidHeaders?: string[];
  deadlineMs?: number;
  allowTtlMs?: number;
  agents?: Record<string, AgentAccount>;
  port?: number;
};

/** The port under test with all that surrounds it. */
export class TestFront implements AsyncDisposable {
  readonly parent = new FakeParent();
  readonly config = new FrontProxyConfig({ log: silentLog });
  readonly proxied: { url: string; identity: Identity; raw: string[] }[] = [];
  readonly attached: AttachContext[] = [];
  front!: Front;
  port = 0;
  serverCa!: TestCa;
  frontProxyCa!: TestCa;
  clientCa!: TestCa;
  /** The front proxy's own certificate. */
  frontProxy!: TestCert;
  serving!: ValueSource<TestCert>;
  #options!: TestFrontOptions;
  readonly #clients = new Set<TLSSocket>();

  /** Starts a port. */
  static async start(options: TestFrontOptions = {}): Promise<TestFront> {
    const test = new TestFront();
    test.#options = options;
    test.serverCa = await TestCa.create("server");
    test.frontProxyCa = await TestCa.create("front-proxy-ca");
    test.clientCa = await TestCa.create("client-ca");
    test.frontProxy = await test.frontProxyCa.issue({ subject: "CN=front-proxy-client" });
    test.serving = new ValueSource(await test.issueServing());
    test.configure();
    const { parent, config } = test;
    const { deadlineMs = 5_000, allowTtlMs = 10_000, agents = {} } = options;
    const common = { client: parent, log: silentLog, deadlineMs };
    test.front = createFront({
      serving: test.serving,
      settings: config,
      authenticator: createAuthenticator({
        settings: config,
        tokens: new TokenReviewer(common),
        log: silentLog,
      }),
      authorizer: createAuthorizer({ ...common, allowTtlMs }),
      agentCheck: createAgentCheck({
        agentOf: (id) => agents[id],
        settings: config,
        log: silentLog,
      }),
      api: (request) => Promise.resolve(Response.json({ path: new URL(request.url).pathname })),
      proxyRequest: (context: ProxyRequestContext) => test.#echo(context),
      proxyUpgrade: (context: ProxyUpgradeContext) => test.#upgrade(context),
      attach: (context: AttachContext) => {
        test.attached.push(context);
        context.socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      },
      log: silentLog,
      ...options,
    });
    test.port = (await test.front.listen({ host: "127.0.0.1", port: options.port ?? 0 })).port;
    return test;
  }

  /** A new serving certificate. */
  issueServing(): Promise<TestCert> {
    return this.serverCa.issue({
      subject: "CN=hub",
      usage: "server",
      dnsNames: ["localhost"],
      ips: ["127.0.0.1"],
    });
  }

  /** Writes the front proxy's ConfigMap. */
  configure(data: Record<string, string> = {}): void {
    this.config.follow({
      on: ({ added }) =>
        added?.({
          metadata: { name: FRONT_PROXY_CONFIG_MAP },
          data: {
            "requestheader-client-ca-file": this.frontProxyCa.pem,
            "requestheader-allowed-names": JSON.stringify(
              this.#options.allowedNames ?? ["front-proxy-client"],
            ),
            "requestheader-username-headers": '["X-Remote-User"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
            "requestheader-uid-headers": JSON.stringify(
              this.#options.uidHeaders ?? ["X-Remote-Uid"],
            ),
            "client-ca-file": this.clientCa.pem,
            ...data,
          },
        }),
    });
  }

  /** Opens a connection; with the front proxy's certificate unless told otherwise. */
  connect(cert: TestCert | null = this.frontProxy): TLSSocket {
    const socket = connect({
      port: this.port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: this.serverCa.pem,
      ...(cert === null ? {} : { cert: cert.cert, key: cert.key }),
    });
    socket.setEncoding("latin1");
    socket.on("error", () => {});
    this.#clients.add(socket);
    socket.once("close", () => this.#clients.delete(socket));
    return socket;
  }

  /** Sends bytes on a connection of its own and reads until the hub closes it. */
  send(
    bytes: string | Uint8Array,
    cert: TestCert | null = this.frontProxy,
    timeoutMs = 10_000,
  ): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const socket = this.connect(cert);
      let text = "";
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`no end within ${timeoutMs} ms; got ${JSON.stringify(text)}`));
      }, timeoutMs);
      socket.on("data", (chunk: string) => text += chunk);
      socket.once("secureConnect", () => socket.write(bytes));
      socket.once("close", () => {
        clearTimeout(timer);
        resolve(parseAnswer(text));
      });
    });
  }

  /** Stops everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closing = [...this.#clients].map((socket) =>
      new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.destroy();
      })
    );
    await Promise.all([this.front.close({ drainMs: 0 }), ...closing]);
  }

  #echo({ req, res, identity }: ProxyRequestContext): void {
    this.proxied.push({ url: req.url ?? "", identity, raw: req.rawHeaders });
    res.end("proxied");
  }

  #upgrade({ req, socket, head, identity }: ProxyUpgradeContext): void {
    this.proxied.push({ url: (req as IncomingMessage).url ?? "", identity, raw: req.rawHeaders });
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${req.headers.upgrade}\r\n\r\n`,
    );
    if (head.length > 0) socket.write(head);
    socket.pipe(socket);
  }
}
