/**
 * What the audit log is told of one request: small, bounded, and without any header, body or query.
 *
 * @module
 */

/** Who was authenticated; a part of the public port's identity. */
export interface AuditedCaller {
  /** User name. */
  user: string;
  /** Absent when the way of authentication carries none. */
  uid?: string;
  /** In the order they came. */
  groups: readonly string[];
  /** `front-proxy`, `token`, `client-certificate`, `anonymous` or `impersonation`. */
  via?: string;
}

/** One request, upgrade or attach that ended, or was refused; texts are cut to their bounds. */
export interface AuditRecord {
  /** When it ended, in milliseconds since the epoch. */
  at: number;
  /** An agent's attach, or all else. */
  event: "request" | "attach";
  /** `Audit-ID` of the parent's kube-apiserver, when it is the peer and the value is one. */
  auditId?: string | undefined;
  /** Peer address. */
  peer?: string | undefined;
  /** `X-Forwarded-For` as the front proxy sent it. */
  forwardedFor?: string | undefined;
  /** Absent when the caller was not authenticated. */
  caller?: AuditedCaller | undefined;
  /** User who impersonated the caller, where the hub itself checked that they may. */
  impersonator?: string | undefined;
  /** Cluster id. */
  cluster?: string | undefined;
  /** RBAC verb that was asked for. */
  verb?: string | undefined;
  /** HTTP method. */
  method: string;
  /** `direct`, `http/host:port`, ... */
  target?: string | undefined;
  /** Without its query. */
  path: string;
  /** Whether the connection was to be upgraded. */
  upgrade: boolean;
  /** HTTP status that the client was given; 0 when it left before. */
  code: number;
  /** Body bytes towards the child. */
  bytesUp?: number | undefined;
  /** Body bytes towards the client. */
  bytesDown?: number | undefined;
  /** How long it took. */
  ms?: number | undefined;
  /** Why it was refused, by the hub. */
  reason?: string | undefined;
}

/**
 * Why a record was left out: a full queue, a write that failed, or too many callers without a
 * credential.
 */
export type LeftOut = "queue" | "sink" | "unauthenticated";

/** Takes records; never throws, never waits. */
export interface AuditSink {
  /** Takes one. */
  push(record: AuditRecord): void;
  /** Counts one that is left out. */
  leaveOut(why: LeftOut): void;
}

/** Longest path, in characters. */
export const MAX_PATH = 1024;
/** Longest of any other text. */
export const MAX_TEXT = 512;
/** Groups that are named; more are counted in the last entry. */
export const MAX_GROUPS = 32;
/** Longest group name; more is cut. */
const MAX_GROUP = 256;
const MAX_AUDIT_ID = 64;
/** A slice keeps the text that it was cut from alive; above this it is worth a copy. */
const MAX_WASTE = 1024;
const AUDIT_ID = /^[\x21-\x7e]+$/;

/** Ends a text that was cut. */
const CUT = "...";

/**
 * Cuts a text, and lets go of what it was cut from.
 *
 * @returns the text, at most `max` characters; `...` at its end when it was longer
 */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return copy(text.slice(0, max - CUT.length) + CUT);
}

function copy(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

/**
 * A path without its query and fragment.
 *
 * @returns at most {@linkcode MAX_PATH} characters; `...` at its end when it was longer
 */
export function barePath(path: string): string {
  const end = path.search(/[?#]/);
  if (end < 0) return cut(path, MAX_PATH);
  if (end > MAX_PATH) return cut(path.slice(0, end), MAX_PATH);
  const bare = path.slice(0, end);
  return path.length - bare.length > MAX_WASTE ? copy(bare) : bare;
}

/**
 * A caller within bounds.
 *
 * @returns the caller itself when it is
 */
export function boundedCaller({ user, uid, groups, via }: AuditedCaller): AuditedCaller {
  let named = groups;
  if (groups.length > MAX_GROUPS || groups.some(({ length }) => length > MAX_GROUP)) {
    named = groups.slice(0, MAX_GROUPS).map((group) => cut(group, MAX_GROUP));
    const more = groups.length - MAX_GROUPS;
    if (more > 0) named = [...named, `(${more} more)`];
  }
  return {
    user: cut(user, MAX_TEXT),
    ...(uid === undefined ? {} : { uid: cut(uid, MAX_TEXT) }),
    groups: named,
    ...(via === undefined ? {} : { via }),
  };
}

/**
 * What the front proxy says beside the identity. kube-aggregator sets `Audit-ID` to the id of its
 * own audit event (which its caller may choose), and appends its peer's address to
 * `X-Forwarded-For`: all but the last address there are the caller's word.
 *
 * Source: kubernetes `staging/src/k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go` and
 * `apimachinery/pkg/util/proxy/upgradeaware.go`.
 *
 * @param raw names and values in turns, as node gives them, from the verified front proxy only
 * @returns what could be read
 */
export function fromFrontProxy(
  raw: readonly string[],
): Pick<AuditRecord, "auditId" | "forwardedFor"> {
  let auditId: string | undefined;
  let forwardedFor: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const { length } = raw[i]!;
    // The lengths rule out nearly all: this runs for every request
    if (length === 8 && auditId === undefined && raw[i]!.toLowerCase() === "audit-id") {
      auditId = raw[i + 1];
    } else if (length === 15 && raw[i]!.toLowerCase() === "x-forwarded-for") {
      forwardedFor = raw[i + 1];
    }
  }
  const valid = auditId !== undefined && auditId.length <= MAX_AUDIT_ID && AUDIT_ID.test(auditId);
  // The end counts: the front proxy's own word stands there
  const far = forwardedFor !== undefined && forwardedFor.length > MAX_TEXT;
  return {
    auditId: valid ? auditId : undefined,
    forwardedFor: far ? copy(forwardedFor!.slice(-MAX_TEXT)) : forwardedFor,
  };
}
