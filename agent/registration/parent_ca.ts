/**
 * Whom to trust as the parent: a CA from a file, or a CA that the parent itself shows and whose
 * public key has the hash that the operator gave (as `kubeadm join` and `karmadactl register` do).
 *
 * While the CA is looked for, the connection is not verified; so nothing secret is sent over it,
 * and what comes back counts only when its hash is right.
 *
 * @module
 */
import { createHash, X509Certificate } from "node:crypto";
import http from "node:http";
import { connect, isIP, type Socket } from "node:net";
import { connect as tlsConnect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { withDeadline } from "../../shared/backoff.ts";

/** The parent's CA cannot be had; the message says what to do. */
export class ParentCaError extends Error {
  override readonly name = "ParentCaError";
}

/** Options of {@linkcode findCaByHash}. */
export interface FindCaOptions {
  /** URL of the parent. */
  parentUrl: string;
  /** SHA-256 of the CA's SubjectPublicKeyInfo, lower-case hex. */
  hash: string;
  /** HTTP proxy on the way. */
  proxyUrl?: string;
  /** Ends the search. */
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. @default {15_000} */
  timeoutMs?: number;
}

/**
 * Checks that a text holds certificates.
 *
 * @param pem what the file holds
 * @param file its flag and name, for the message
 * @returns the text; `undefined` for an empty one: deploy/agent mounts such a file when no CA was
 * given, and the system's count then
 * @throws {ParentCaError} when it holds something else than whole certificates
 */
export function checkCaFile(pem: string, file: string): string | undefined {
  if (pem.trim() === "") return undefined;
  const blocks = pemBlocks(pem);
  if (blocks.length === 0) {
    throw new ParentCaError(
      `Cannot use ${file}: it holds no certificate in PEM`,
    );
  }
  for (const block of blocks) {
    if (parse(block) !== undefined) continue;
    throw new ParentCaError(
      `Cannot use ${file}: it holds a broken certificate`,
    );
  }
  return pem;
}

/**
 * Hashes a certificate's public key as kubeadm does.
 *
 * @param certificate PEM or DER
 * @returns SHA-256 of the SubjectPublicKeyInfo, lower-case hex; `undefined` for no certificate
 */
export function publicKeyHash(certificate: string | Uint8Array): string | undefined {
  const parsed = parse(certificate);
  if (parsed === undefined) return undefined;
  const spki = parsed.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

/**
 * Asks the parent for its CA: first the chain it shows in the TLS handshake, then the public
 * ConfigMap `kube-public/cluster-info`.
 *
 * @returns PEM of the CA with that hash
 * @throws {ParentCaError} when none has it, or the parent cannot be reached
 */
export async function findCaByHash(options: FindCaOptions): Promise<string> {
  const { parentUrl, hash, signal, timeoutMs = 15_000 } = options;
  const url = new URL(parentUrl);
  return await withDeadline(timeoutMs, `ask ${url.origin} for its CA`, async (inner) => {
    const socket = await unverified(url, options.proxyUrl, inner);
    const onAbort = (): void => void socket.destroy();
    inner.addEventListener("abort", onAbort, { once: true });
    try {
      const shown = fromChain(socket, hash) ??
        fromClusterInfo(await clusterInfo(url, socket), hash);
      if (shown !== undefined) return shown;
      throw new ParentCaError(
        `${url.origin} shows no CA whose public key has the hash sha256:${hash}: check ` +
          "--cluster-reg-parent-ca-hash, or give the CA with --cluster-reg-parent-ca-file",
      );
    } finally {
      inner.removeEventListener("abort", onAbort);
      socket.destroy();
    }
  }, signal);
}

/** Waits for a socket's first word; its errors and its end are told as ours from then on. */
async function until(
  socket: Socket,
  event: "connect" | "secureConnect",
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (cause?: Error): void =>
    reject(new ParentCaError(`${what}: ${cause?.message || "the connection was closed"}`));
  const onAbort = (): void => reject(signal.reason);
  socket.once(event, resolve).once("close", () => fail());
  // It stays: a late error has nobody to tell, and must not end the process
  socket.on("error", fail);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function unverified(
  url: URL,
  proxyUrl: string | undefined,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const host = hostOf(url);
  const port = Number(url.port) || 443;
  const tcp = proxyUrl === undefined
    ? connect({ host, port })
    : await throughProxy(new URL(proxyUrl), `${url.hostname}:${port}`, signal);
  if (proxyUrl === undefined) await until(tcp, "connect", `Cannot reach ${url.origin}`, signal);
  const socket = tlsConnect({
    socket: tcp,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // Only the handshake and a public ConfigMap pass; the hash decides about what they show
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
  });
  try {
    await until(socket, "secureConnect", `Cannot speak TLS with ${url.origin}`, signal);
    return socket;
  } catch (error) {
    tcp.destroy();
    throw error;
  }
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** Asks an HTTP proxy for a connection. */
function throughProxy(proxy: URL, target: string, signal: AbortSignal): Promise<Socket> {
  const user = decodeURIComponent(proxy.username);
  const password = decodeURIComponent(proxy.password);
  const credentials = new TextEncoder().encode(`${user}:${password}`).toBase64();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const request = http.request({
    method: "CONNECT",
    host: hostOf(proxy),
    port: Number(proxy.port) || 80,
    path: target,
    agent: false,
    signal,
    headers: {
      "Host": target,
      ...(user === "" ? {} : { "Proxy-Authorization": `Basic ${credentials}` }),
    },
  });
  request.once("connect", (response, socket) => {
    if (response.statusCode === 200) return resolve(socket as Socket);
    socket.destroy();
    reject(
      new ParentCaError(
        `The proxy ${proxy.origin} refused to connect to ${target}: HTTP ${response.statusCode}`,
      ),
    );
  });
  request.on("error", (cause) => {
    const text = `Cannot reach the proxy ${proxy.origin}: ${cause.message}`;
    reject(signal.aborted ? signal.reason : new ParentCaError(text));
  });
  request.end();
  return promise;
}

function fromChain(socket: TLSSocket, hash: string): string | undefined {
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  for (let depth = 0; certificate?.raw !== undefined && depth < 10; depth++) {
    if (publicKeyHash(certificate.raw) === hash) return toPem(certificate.raw);
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}

const MAX_INFO_BYTES = 256 * 1024;

/** Reads `kube-public/cluster-info`, which kubeadm lets everybody read; "" when there is none. */
function clusterInfo(url: URL, socket: TLSSocket): Promise<string> {
  const path = url.pathname.replace(/\/$/, "") +
    "/api/v1/namespaces/kube-public/configmaps/cluster-info";
  return new Promise((resolve, reject) => {
    const request = http.request({
      path,
      createConnection: () => socket,
      headers: { "Host": url.host, "Connection": "close", "Accept": "application/json" },
    }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_INFO_BYTES) response.destroy(new Error("cluster-info is too large"));
      });
      response.on("end", () => resolve(response.statusCode === 200 ? text : ""));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end();
  });
}

function fromClusterInfo(text: string, hash: string): string | undefined {
  try {
    const kubeconfig = JSON.parse(text)?.data?.kubeconfig;
    if (typeof kubeconfig !== "string") return undefined;
    // One field of a document that kubeadm wrote: no need to load a YAML reader
    const field = /certificate-authority-data:\s*"?([A-Za-z0-9+/=]+)"?/.exec(kubeconfig)?.[1];
    if (field === undefined) return undefined;
    const pem = new TextDecoder().decode(Uint8Array.fromBase64(field));
    return pemBlocks(pem).find((block) => publicKeyHash(block) === hash);
  } catch {
    return undefined;
  }
}

function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function parse(certificate: string | Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}

function toPem(der: Uint8Array): string {
  const base64 = new Uint8Array(der).toBase64().replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}
