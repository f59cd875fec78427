/**
 * One audit record as a line of JSON. Field names follow kube-apiserver's audit Event
 * (`audit.k8s.io/v1`) where it has the field: `auditID`, `verb`, `user`, `uid`, `groups`,
 * `sourceIPs`, `code`, `reason`.
 *
 * @module
 */
import { isIP } from "node:net";
import { redact } from "../../shared/log.ts";
import type { AuditRecord } from "./record.ts";

const MAX_SOURCE_IPS = 6;
/** An encoded `?`, and what follows in its segment: a query to whom it was meant for. */
const ENCODED_QUERY = /(%(?:25)*3f)[^/]+/gi;
/** User info of a URL (RFC 3986 section 3.2.1), also where the URL itself is encoded. */
const USER_INFO = /([a-z][a-z0-9+.-]{0,31}(?::|%3a)(?:\/|%2f){2})[^/\s"]*(?:@|%40)/gi;
/** The same in a target that could not be read: there `http/<host>` stands for a URL. */
const TARGET_USER_INFO = /((?:^|["/])https?\/)[^/\s"]*(?:@|%40)/gi;

/**
 * Takes out of a text what may be a secret.
 *
 * @returns the text without tokens and user info
 */
function clean(text: string): string {
  return redact(text).replace(USER_INFO, "$1[redacted]@");
}

/**
 * A path without secrets. Dot segments after an encoded `?` stay: some servers walk them.
 *
 * @returns the path, `[redacted]` where something was taken out
 */
function cleanPath({ path, target }: AuditRecord): string {
  const bare = clean(path.replace(ENCODED_QUERY, "$1[redacted]"));
  return target === undefined ? withoutTargetUserInfo(bare) : bare;
}

function withoutTargetUserInfo(text: string): string {
  return text.replace(TARGET_USER_INFO, "$1[redacted]@");
}

/**
 * Source addresses in the order of kube-apiserver's audit Event: what was forwarded, then the peer.
 *
 * @returns addresses only, the nearest {@linkcode MAX_SOURCE_IPS}
 */
function sourceIps({ peer, forwardedFor }: AuditRecord): string[] | undefined {
  const forwarded = forwardedFor === undefined
    ? []
    : forwardedFor.split(",").map((text) => text.trim()).filter((text) => isIP(text) !== 0);
  if (peer !== undefined && forwarded.at(-1) !== peer) forwarded.push(peer);
  return forwarded.length === 0 ? undefined : forwarded.slice(-MAX_SOURCE_IPS);
}

/**
 * Renders a record.
 *
 * @returns JSON and a line feed
 */
export function auditLine(record: AuditRecord): string {
  const { caller } = record;
  return JSON.stringify({
    time: new Date(record.at).toISOString(),
    event: record.event,
    auditID: record.auditId,
    user: caller?.user, // Names are as they are: `oidc:ann@example.com`
    uid: caller?.uid,
    groups: caller?.groups,
    via: caller?.via,
    impersonator: record.impersonator,
    sourceIPs: sourceIps(record),
    cluster: record.cluster,
    verb: record.verb,
    method: record.method,
    target: record.target && clean(record.target),
    path: cleanPath(record),
    upgrade: record.upgrade,
    code: record.code,
    bytesUp: record.bytesUp,
    bytesDown: record.bytesDown,
    ms: record.ms === undefined ? undefined : Math.round(record.ms),
    reason: record.reason && withoutTargetUserInfo(clean(record.reason)),
  }) + "\n";
}

/**
 * Renders the line that says how much is missing.
 *
 * @param at milliseconds since the epoch
 * @param count records that were left out since the last such line
 * @returns JSON and a line feed
 */
export function droppedLine(at: number, count: number): string {
  return JSON.stringify({
    time: new Date(at).toISOString(),
    event: "dropped",
    count,
    reason: "This many audit records were left out before this line: see the metric " +
      "clusternet_audit_dropped_total",
  }) + "\n";
}
