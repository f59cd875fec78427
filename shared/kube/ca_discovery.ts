/**
 * Finds a cluster's CA by the hash of its public key, as `kubeadm join
 * --discovery-token-ca-cert-hash` does.
 *
 * Source: https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning
 *
 * @module
 */
import { createHash, X509Certificate } from "node:crypto";
import { request as httpsRequest } from "node:https";
import { connect as netConnect, isIP } from "node:net";
import {
  connect as tlsConnect,
  type DetailedPeerCertificate,
  rootCertificates,
  type TLSSocket,
} from "node:tls";
import { parse } from "yaml";
import { withDeadline } from "../backoff.ts";
import { connectThroughProxy } from "./proxy_connect.ts";

/** Thrown when no CA of that hash can be had. */
export class CaDiscoveryError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "CaDiscoveryError";
}

/** Options of {@linkcode discoverCa}. */
export interface DiscoverCaOptions {
  /** `http:` proxy on the way. */
  proxyUrl?: string | undefined;
  /** Ends the search. */
  signal?: AbortSignal | undefined;
  /** Milliseconds. @default {15_000} */
  timeoutMs?: number | undefined;
}

const CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
const MAX_INFO_BYTES = 1024 * 1024;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Hashes a CA's public key (its SubjectPublicKeyInfo, RFC 7469 section 2.4).
 *
 * @param certificate PEM or DER
 * @returns `sha256:` and 64 hex digits
 */
export function caHash(certificate: string | Uint8Array): string {
  const { publicKey } = new X509Certificate(certificate);
  const spki = publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(spki).digest("hex")}`;
}

/**
 * Asks a server for its CA over a connection that is not verified, and believes only a
 * certificate whose public key has the hash: first of the chain that the server presents, then of
 * the public ConfigMap `kube-public/cluster-info`. Nothing secret is sent. At last the server must
 * pass a TLS handshake that trusts this CA alone.
 *
 * @param serverUrl `https://host:port/path`
 * @param hash `sha256:<64 hex digits>`, or the digits alone
 * @returns PEM of the CA
 * @throws {CaDiscoveryError} says what to check
 */
export async function discoverCa(
  serverUrl: string,
  hash: string,
  options: DiscoverCaOptions = {},
): Promise<string> {
  const digits = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(hash.trim())?.[1]?.toLowerCase();
  if (digits === undefined) {
    throw new CaDiscoveryError('Cannot use the CA hash: write it as "sha256:" and 64 hex digits');
  }
  const url = URL.parse(serverUrl);
  if (url === null || url.protocol !== "https:") {
    throw new CaDiscoveryError(`Cannot look for the CA of "${serverUrl}": want an https URL`);
  }
  const { signal, timeoutMs = 15_000, proxyUrl } = options;
  const target: Target = { url, proxyUrl };
  return await withDeadline(timeoutMs, `look for the CA of ${url.origin}`, async (live) => {
    const wanted = `sha256:${digits}`;
    const candidates = await presented(target, live);
    const found = pick(candidates, wanted) ?? pick(await clusterInfo(target, live), wanted);
    if (found === undefined) {
      throw new CaDiscoveryError(
        `No CA of ${url.origin} has the public key hash ${wanted}: either the hash is not of its ` +
          "CA (kubeadm prints it, or hash it with openssl x509 -pubkey), or somebody else answers",
      );
    }
    await handshake(target, { ca: [found] }, live, (socket) => socket.authorized);
    return found;
  }, signal);
}

interface Target {
  url: URL;
  proxyUrl: string | undefined;
}

type Trust = { ca: string[]; rejectUnauthorized?: false };

/**
 * Verifies nothing. Some CA has to be given all the same: where the runtime's store was emptied
 * (`agent/tunnel/trust.ts`), Deno 2.9.6 refuses the handshake even so.
 */
const UNVERIFIED: Trust = { rejectUnauthorized: false, ca: rootCertificates.slice(0, 1) };

function pick(certificates: readonly string[], wanted: string): string | undefined {
  return certificates.find((pem) => {
    try {
      return caHash(pem) === wanted;
    } catch {
      return false; // Not a certificate, or of a key type that is not known
    }
  });
}

async function handshake<T>(
  { url, proxyUrl }: Target,
  trust: Trust,
  signal: AbortSignal,
  use: (socket: TLSSocket) => T | Promise<T>,
): Promise<T> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || 443;
  const tcp = proxyUrl
    ? await connectThroughProxy({ proxyUrl, host, port, signal })
    : netConnect({ host, port });
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket = tlsConnect({ socket: tcp, host, ...servername, ...trust });
  const close = (): void => {
    socket.destroy();
    tcp.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const what = trust !== UNVERIFIED
          ? "The CA was found, but the server does not pass a TLS handshake with it"
          : `Cannot reach ${url.origin}`;
        reject(new CaDiscoveryError(`${what}: ${cause.message}`, { cause }));
      };
      tcp.on("error", onError);
      socket.on("error", onError);
      socket.once("close", () => onError(new Error("the connection was closed")));
      socket.once("secureConnect", resolve);
    });
    return await use(socket);
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function presented(target: Target, signal: AbortSignal): Promise<string[]> {
  return await handshake(target, UNVERIFIED, signal, (socket) => {
    const chain: string[] = [];
    let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
    while (certificate?.raw !== undefined && chain.length < 10) {
      chain.push(new X509Certificate(certificate.raw).toString());
      if (certificate.issuerCertificate === certificate) break;
      certificate = certificate.issuerCertificate;
    }
    return chain.slice(chain.length > 1 ? 1 : 0); // A leaf is no CA, unless it is all there is
  });
}

/** CAs of the kubeconfig in `cluster-info`; none where the server does not show it. */
async function clusterInfo(target: Target, signal: AbortSignal): Promise<string[]> {
  const { url } = target;
  const path = url.pathname.replace(/\/+$/, "") + CLUSTER_INFO;
  return await handshake(target, UNVERIFIED, signal, async (socket) => {
    const text = await get(socket, url.host, path);
    try {
      const { data } = JSON.parse(text) as { data?: { kubeconfig?: string } };
      const config = parse(data?.kubeconfig ?? "") as {
        clusters?: { cluster?: { "certificate-authority-data"?: string } }[];
      } | null;
      return (config?.clusters ?? []).flatMap(({ cluster }) => {
        const bytes = Uint8Array.fromBase64(cluster?.["certificate-authority-data"] ?? "");
        return new TextDecoder().decode(bytes).match(PEM) ?? [];
      });
    } catch {
      return []; // Whoever answers is not verified yet: what it says is just not believed
    }
  });
}

function get(socket: TLSSocket, host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new CaDiscoveryError(`Cannot read ${CLUSTER_INFO}: ${cause.message}`, { cause }));
    const request = httpsRequest({
      createConnection: () => socket,
      path,
      headers: { Host: host, Accept: "application/json", Connection: "close" },
    });
    request.on("error", fail);
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_INFO_BYTES) response.destroy(new Error("it is too long"));
      });
      response.on("error", fail);
      response.on("end", () => resolve(response.statusCode === 200 ? text : "{}"));
    });
    request.end();
  });
}
