/**
 * Who the caller is where no parent's kube-apiserver stands before the hub: a client certificate,
 * a bearer token, or nobody. `X-Remote-*` headers mean nothing here, whoever sends them.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { fromRaw, headerValues } from "../../shared/headers.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { PeerVerifier } from "./client_cert.ts";
import type { FrontMetrics } from "./front_metrics.ts";
import type { FrontProxySettings } from "./front_proxy_config.ts";
import {
  authenticated,
  type Authenticator,
  bearerToken,
  fromClientCertificate,
  type Identity,
  type TokenAuthenticator,
} from "./identity.ts";
import type { Source } from "./source.ts";

/** Options of {@linkcode createDirectAuthenticator}. */
export interface DirectAuthenticatorOptions {
  /** Only `clientCa` counts. */
  settings: Source<FrontProxySettings>;
  /** Judges bearer tokens. */
  tokens: TokenAuthenticator;
  /** Counts refusals. */
  metrics?: FrontMetrics;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
}

/** As kube-apiserver calls who brings no credential. */
const NOBODY: Identity = {
  user: "system:anonymous",
  groups: ["system:unauthenticated"],
  extra: [],
  via: "anonymous",
};

/**
 * Makes the authenticator. As in kube-apiserver, who brings no credential is `system:anonymous`,
 * and who brings a bad one gets 401.
 *
 * @returns the authenticator; it follows `settings` for as long as it lives
 */
export function createDirectAuthenticator(
  { settings, tokens, metrics, now = Date.now }: DirectAuthenticatorOptions,
): Authenticator {
  const users = new PeerVerifier(settings.value.clientCa, now);
  settings.subscribe(({ clientCa }) => users.anchors = clientCa);
  return {
    async authenticate(request: IncomingMessage): Promise<Identity> {
      const headers = fromRaw(request.rawHeaders);
      const socket = request.socket as TLSSocket;
      const presented = headerValues(headers, "authorization").length > 0;
      const token = bearerToken(headers);
      const identity = fromClientCertificate(socket, users) ??
        (token === undefined ? undefined : await tokens.review(token, socket.remoteAddress));
      if (identity !== undefined) return authenticated(identity);
      if (!presented) return NOBODY;
      metrics?.refused("unauthenticated");
      throw StatusError.of(401, "Unauthorized");
    },
  };
}
