/**
 * Helpers for the tests of this folder: a certificate for 127.0.0.1 and a hub to dial.
 *
 * @module
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { webSocketConn } from "../../shared/tunnel/websocket_conn.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate, its key and the CA that signed it, all PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
  ca: string;
}

/**
 * Makes a CA and a server certificate for `localhost` and 127.0.0.1.
 *
 * @returns all in PEM; v3, since Deno's verifier refuses v1
 */
export async function testCertificate(): Promise<TestCertificate> {
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const caKeys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=test CA",
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: "02",
    subject: "CN=hub",
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
      ]),
    ],
  });
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: cert.toString("pem"),
    key: x509.PemConverter.encode(der, "PRIVATE KEY"),
    ca: ca.toString("pem"),
  };
}

/** A hub of one handler. */
export interface TestHub extends AsyncDisposable {
  /** With a path; `https:` when it has a certificate. */
  url: string;
  /** The latest handshake: path with query, headers. */
  request: { path: string; headers: [string, string][] } | undefined;
  /** The hub's end of the next connection. */
  conn(): Promise<MessageConn>;
}

/**
 * Starts a hub on a free port.
 *
 * @param certificate for TLS
 * @param answer instead of taking the WebSocket
 * @returns the hub
 */
export function testHub(
  certificate?: TestCertificate,
  answer?: (request: Request) => Response | undefined,
): TestHub {
  let next = Promise.withResolvers<MessageConn>();
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
  const handler = (request: Request): Response => {
    const { pathname, search } = new URL(request.url);
    hub.request = { path: pathname + search, headers: [...request.headers] };
    const refusal = answer?.(request);
    if (refusal !== undefined) return refusal;
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: SUBPROTOCOL,
      idleTimeout: 0,
    });
    const conn = webSocketConn(socket);
    socket.addEventListener("open", () => next.resolve(conn), { once: true });
    return response;
  };
  const server = certificate === undefined
    ? Deno.serve(options, handler)
    : Deno.serve({ ...options, cert: certificate.cert, key: certificate.key }, handler);
  const scheme = certificate === undefined ? "http" : "https";
  const hub: TestHub = {
    url: `${scheme}://127.0.0.1:${server.addr.port}/apis/x/sockets/c1/attach?a=1`,
    request: undefined,
    conn: async () => {
      const conn = await next.promise;
      next = Promise.withResolvers();
      return conn;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return hub;
}

/** Resolves when the connection told its end. */
export function closed(conn: MessageConn): Promise<{ code: number; clean: boolean }> {
  return new Promise((resolve) => conn.start({ message: () => {}, close: resolve }));
}
