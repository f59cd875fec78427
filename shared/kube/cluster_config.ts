/**
 * How to reach a cluster and as whom.
 *
 * @module
 */

import type { ReadCa } from "./file_ca.ts";

/** What {@linkcode ClusterConfig.token} is asked. */
export interface TokenOptions {
  /** The last one was refused: look again, whatever is cached. */
  fresh?: boolean;
}

/** How to reach a cluster and as whom. There is no way to skip the server's verification. */
export interface ClusterConfig {
  /** URL of the API server, with a path where it has one. */
  server: string;
  /** PEM bundle that the server's certificate must lead to. @default {the runtime's roots} */
  ca?: string;
  /** The same as it is now, where it stands in a file; asked before each connection. */
  readCa?: ReadCa;
  /** PEM client certificate and key. */
  clientCert?: { cert: string; key: string };
  /** Bearer token, asked for at each request. */
  token?: (options?: TokenOptions) => Promise<string | undefined>;
  /** Name to verify in place of the URL's host. */
  tlsServerName?: string;
  /** `http://`, `https://` or `socks5://` proxy, with user and password where it wants them. */
  proxyUrl?: string;
  /** Default namespace. */
  namespace?: string;
}
