/**
 * Who the caller is. In this order, as in every Kubernetes API server:
 *
 * 1. The parent's kube-apiserver vouches for it: the TLS peer is its front proxy, and the
 *    identity stands in `X-Remote-*` headers. From anybody else these headers mean nothing.
 * 2. The TLS peer is a user of its own (`client-ca-file`).
 * 3. A bearer token, judged by the parent (TokenReview).
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { fromRaw, type HeaderList, headerValues } from "../../shared/headers.ts";
import { StatusError } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import { type PeerVerifier, PeerVerifier as Verifier } from "./client_cert.ts";
import type { FrontProxySettings } from "./front_proxy_config.ts";
import type { FrontMetrics } from "./front_metrics.ts";
import type { Source } from "./source.ts";

/** A caller, authenticated. Structurally a `CallerIdentity` of `shared/tunnel`. */
export interface Identity {
  /** User name, never empty. */
  user: string;
  /** Absent when the way of authentication does not carry one. */
  uid?: string;
  /** In the order they came. */
  groups: string[];
  /** Keys lower-case; a key with several values stands once for each. */
  extra: [key: string, value: string][];
  /** How the caller was authenticated. */
  via: "front-proxy" | "client-certificate" | "token" | "anonymous" | "impersonation";
}

/** Judges a bearer token; {@linkcode TokenReviewer} does. */
export interface TokenAuthenticator {
  /**
   * Judges a token.
   *
   * @param address remote address of the connection that brought it, which answers for it
   * @returns the identity, or `undefined` when the token is not valid
   * @throws {StatusError} 429 while too many of this address are judged; 503 when it could not be
   * judged
   */
  review(token: string, address: string | undefined): Promise<Identity | undefined>;
}

/** Authenticates requests. */
export interface Authenticator {
  /**
   * Finds out who sent a request.
   *
   * @throws {StatusError} 401 without a valid credential, 400 for a malformed one or for
   * `Impersonate-*` of a direct caller, 429 while too many tokens of this address are judged, 503
   * when a token could not be judged
   */
  authenticate(request: IncomingMessage): Promise<Identity>;
}

/** Options of {@linkcode createAuthenticator}. */
export interface AuthenticatorOptions {
  /** Followed as it changes. */
  settings: Source<FrontProxySettings>;
  /** Absent: bearer tokens are not accepted. */
  tokens?: TokenAuthenticator;
  /** Where refusals are written. */
  log: Log;
  /** Counts refusals. */
  metrics?: FrontMetrics;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
}

const AUTHENTICATED = "system:authenticated";
const UNAUTHENTICATED = "system:unauthenticated";
const ANONYMOUS = "system:anonymous";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Makes an authenticator.
 *
 * @returns the authenticator; it follows `settings` for as long as it lives
 */
export function createAuthenticator(
  { settings, tokens, log, metrics, now = Date.now }: AuthenticatorOptions,
): Authenticator {
  const frontProxy = new Verifier(settings.value.requestHeaderCa, now);
  const users = new Verifier(settings.value.clientCa, now);
  settings.subscribe((value) => {
    frontProxy.anchors = value.requestHeaderCa;
    users.anchors = value.clientCa;
  });
  return {
    async authenticate(request: IncomingMessage): Promise<Identity> {
      const headers = fromRaw(request.rawHeaders);
      const socket = request.socket as TLSSocket;
      const vouched = fromFrontProxy(socket, headers, frontProxy, settings.value);
      if (vouched !== undefined) return authenticated(vouched);
      refuseImpersonation(headers, metrics);
      if (headers.some(([name]) => name.toLowerCase().startsWith("x-remote-"))) {
        metrics?.refused("untrusted_identity_headers");
        log.debug("identity headers of a caller that is not the front proxy are ignored", {
          remote: socket.remoteAddress,
        });
      }
      const identity = fromClientCertificate(socket, users) ??
        await fromToken(headers, tokens, socket.remoteAddress);
      if (identity !== undefined) return authenticated(identity);
      metrics?.refused("unauthenticated");
      throw StatusError.of(
        401,
        "Unauthorized: call through the parent's kube-apiserver, or send a client certificate " +
          "or bearer token that is valid there",
      );
    },
  };
}

/**
 * As kube-apiserver does: who is authenticated belongs to `system:authenticated`.
 *
 * @returns the identity with that group
 */
export function authenticated(identity: Identity): Identity {
  const { user, groups } = identity;
  if (user === ANONYMOUS || groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED)) {
    return identity;
  }
  return { ...identity, groups: [...groups, AUTHENTICATED] };
}

function fromFrontProxy(
  socket: TLSSocket,
  headers: HeaderList,
  verifier: PeerVerifier,
  settings: FrontProxySettings,
): Identity | undefined {
  const peer = verifier.verify(socket);
  if (peer === undefined) return undefined;
  if (settings.allowedNames.length > 0 && !settings.allowedNames.includes(peer.commonName)) {
    return undefined;
  }
  return remoteIdentity(headers, settings);
}

/**
 * Reads the identity headers exactly as kube-apiserver does (k8s.io/apiserver
 * `authentication/request/headerrequest`): each line is one group, commas and all; empty lines
 * are dropped; extra keys are lower-cased, then percent-decoded.
 *
 * @returns the identity, or `undefined` without a user name
 * @throws {StatusError} 400 when a value is not UTF-8
 */
export function remoteIdentity(
  headers: HeaderList,
  settings: Pick<
    FrontProxySettings,
    "usernameHeaders" | "groupHeaders" | "extraHeaderPrefixes" | "uidHeaders"
  >,
): Identity | undefined {
  const first = (names: readonly string[]): string | undefined => {
    for (const name of names) {
      const value = headerValues(headers, name)[0];
      if (value !== undefined && value !== "") return text(value);
    }
    return undefined;
  };
  const user = first(settings.usernameHeaders);
  if (user === undefined) return undefined;
  const groups = settings.groupHeaders.flatMap((name) => headerValues(headers, name))
    .filter((value) => value !== "").map(text);
  const extra: Identity["extra"] = [];
  for (const prefix of settings.extraHeaderPrefixes.map((name) => name.toLowerCase())) {
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      if (lower.startsWith(prefix)) extra.push([extraKey(lower.slice(prefix.length)), text(value)]);
    }
  }
  const uid = first(settings.uidHeaders);
  return { user, ...(uid === undefined ? {} : { uid }), groups, extra, via: "front-proxy" };
}

function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded; // As kube-apiserver: what cannot be decoded stays as it is
  }
}

/** Header bytes arrive one char each; Kubernetes names are UTF-8. */
function text(value: string): string {
  // deno-lint-ignore no-control-regex
  if (!/[^\x00-\x7f]/.test(value)) return value;
  try {
    return utf8.decode(Uint8Array.from(value, (char) => char.charCodeAt(0)));
  } catch {
    throw StatusError.of(400, "Cannot read the caller's identity: a header is not UTF-8");
  }
}

function refuseImpersonation(headers: HeaderList, metrics: FrontMetrics | undefined): void {
  const name = headers.find(([key]) => key.toLowerCase().startsWith("impersonate-"))?.[0];
  if (name === undefined) return;
  metrics?.refused("impersonation");
  throw StatusError.of(
    400,
    `Cannot impersonate with ${name.slice(0, 60)} on the hub's own port: call through the ` +
      "parent's kube-apiserver, which checks that you may",
  );
}

/**
 * The user of a client certificate: common name, with its organizations as groups.
 *
 * @returns the identity, or `undefined` without a certificate that is trusted now
 */
export function fromClientCertificate(
  socket: TLSSocket,
  verifier: PeerVerifier,
): Identity | undefined {
  const peer = verifier.verify(socket);
  if (peer === undefined || peer.commonName === "") return undefined;
  return {
    user: peer.commonName,
    groups: peer.organizations,
    extra: [["authentication.kubernetes.io/credential-id", `X509SHA256=${peer.fingerprint}`]],
    via: "client-certificate",
  };
}

/**
 * The bearer token of a request.
 *
 * @returns the token, or `undefined` when there is none that can be read
 * @throws {StatusError} 400 for several Authorization headers
 */
export function bearerToken(headers: HeaderList): string | undefined {
  const lines = headerValues(headers, "authorization");
  if (lines.length > 1) {
    throw StatusError.of(
      400,
      "Cannot read the credential: there are several Authorization headers",
    );
  }
  return /^bearer +([A-Za-z0-9._~+/=-]{1,16384})$/i.exec(lines[0]?.trim() ?? "")?.[1];
}

async function fromToken(
  headers: HeaderList,
  tokens: TokenAuthenticator | undefined,
  address: string | undefined,
): Promise<Identity | undefined> {
  const token = bearerToken(headers);
  return token === undefined ? undefined : await tokens?.review(token, address);
}
