/**
 * What the public port hands over with each proxied request, once its caller is authorised.
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import {
  fromRaw,
  type HeaderList,
  withoutHopByHop,
  withoutIdentity,
} from "../../shared/headers.ts";
import { formatTarget, type SocketsPath } from "../../shared/sockets_path.ts";
import type { CallerIdentity, RequestHead } from "../../shared/tunnel/head.ts";
import type { TunnelMetrics } from "./metrics.ts";
import type { TunnelRegistry } from "./registry.ts";
import type { IncomingMessage } from "node:http";

/** Common to requests and upgrades. */
export interface ProxyContext {
  /** As node's server hands it over; its body is unread. */
  req: IncomingMessage;
  /** The parsed path; its cluster is the one that was authorised. */
  path: SocketsPath & { kind: "proxy" };
  /** Who calls, as it was verified. */
  identity: CallerIdentity;
  /** Who is connected. */
  registry: TunnelRegistry;
  /** Whether a cluster of that id is registered; tells 404 from 503. */
  known: (clusterId: string) => boolean;
  /** Told of requests that break off. */
  log: Log;
  /** Counts, where given. */
  metrics?: TunnelMetrics;
  /**
   * Told once of each exchange when it ended, and how long it took in milliseconds; the audit log
   * is. It must not throw.
   */
  onEnd?: (passed: Passed, ms: number) => void;
}

/** What passed in one exchange; `up` is towards the child. */
export interface Passed {
  /** Status that the client was given; 0 when it left before. */
  status: number;
  /** Body bytes towards the child. */
  up: number;
  /** Body bytes towards the client. */
  down: number;
  /** Why the hub answered by itself, where it did. */
  reason?: string;
}

/**
 * The head that travels. Hop-by-hop headers are dropped first, then every header that speaks of
 * identity: who calls is told in the head's own field and nowhere else.
 *
 * @param upgrade keeps `Connection: Upgrade` and `Upgrade`
 * @param more lines to add
 * @returns the head
 */
export function requestHead(
  { req, path, identity }: ProxyContext,
  upgrade: boolean,
  more: HeaderList = [],
): RequestHead {
  const headers = withoutIdentity(
    withoutHopByHop(fromRaw(req.rawHeaders), { keepUpgrade: upgrade }),
  ).filter(([name]) => !LOCAL.test(name));
  return {
    method: req.method ?? "GET",
    target: formatTarget(path.target),
    path: path.path,
    upgrade,
    identity,
    headers: more.length === 0 ? headers : [...headers, ...more],
  };
}

/** `Host` is the child's to set; `Expect` was answered by our own port. */
const LOCAL = /^(host|expect)$/i;

/** Counts a request that ended; ids that nobody registered share one label. */
export function countRequest({ metrics, path, known }: ProxyContext, status: number): void {
  const code = `${Math.floor(status / 100)}xx`;
  const cluster = known(path.clusterId) ? path.clusterId : "";
  metrics?.requests.inc({ code, target: path.target.kind, cluster });
}
