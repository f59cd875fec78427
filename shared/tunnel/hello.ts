/**
 * HELLO: what each end tells the other first. Its payload is a header block, as OPEN's, so that a
 * newer peer can add lines; unknown ones are skipped.
 *
 * @module
 */
import type { SessionConfig } from "./config.ts";
import { MAX_HELLO_BYTES, MAX_WINDOW, PROTOCOL_VERSION } from "./constants.ts";
import { ProtocolError, SessionCode } from "./errors.ts";
import { decodePairs, encodePairs, type HeaderPairs } from "./head.ts";

/** The least `max-frame`: a peer that took one byte a frame would cost us ten for each. */
const MIN_MAX_FRAME = 1024;

/** Which end of the tunnel. */
export type Role = "hub" | "agent";

/** What a peer said in its HELLO. */
export interface PeerHello {
  /** Protocol version; 1. */
  version: number;
  /** Which end it is. */
  role: Role;
  /** Names the process, to tell a reconnect from a second agent. */
  instanceId: string;
  /** Version of the program, for logs. */
  agentVersion?: string;
  /** The largest DATA payload it takes, in bytes. */
  maxFrame: number;
  /** Streams that we may have open at once. */
  maxStreams: number;
  /** Credit of each stream at OPEN, in bytes. */
  streamWindow: number;
  /** Credit of the session, in bytes. */
  sessionWindow: number;
  /** It sends a PING so often, in milliseconds. */
  pingIntervalMs: number;
  /** It takes us for dead after so long, in milliseconds. */
  deadAfterMs: number;
  /** Hub to agent: over how long a fleet should spread its reconnects, in milliseconds. */
  reconnectSpreadMs?: number;
  /** What it can do beyond version 1. */
  features: string[];
  /** What we must be able to do. */
  requiredFeatures: string[];
}

/** What the owner of a session adds to its HELLO. */
export interface HelloOptions {
  /** Hub to agent: over how long a fleet should spread its reconnects, in milliseconds. */
  reconnectSpreadMs?: number;
  /** What this end can do beyond version 1. */
  features?: string[];
  /** What the peer must be able to do. */
  requiredFeatures?: string[];
  /** Version of this program. */
  agentVersion?: string;
}

/** @returns the payload of HELLO */
export function encodeHello(
  role: Role,
  instanceId: string,
  config: SessionConfig,
  { reconnectSpreadMs, features = [], requiredFeatures = [], agentVersion }: HelloOptions,
): Uint8Array {
  const pairs: HeaderPairs = [
    ["version", String(PROTOCOL_VERSION)],
    ["role", role],
    ["instance-id", instanceId],
    ["max-frame", String(config.maxFrame)],
    ["max-streams", String(config.maxStreams)],
    ["stream-window", String(config.streamWindow)],
    ["session-window", String(config.sessionWindow)],
    ["ping-interval-ms", String(config.pingIntervalMs)],
    ["dead-after-ms", String(config.deadAfterMs)],
  ];
  if (agentVersion !== undefined) pairs.push(["agent-version", agentVersion]);
  if (reconnectSpreadMs !== undefined) {
    pairs.push(["reconnect-spread-ms", String(Math.round(reconnectSpreadMs))]);
  }
  for (const feature of features) pairs.push(["feature", feature]);
  for (const feature of requiredFeatures) pairs.push(["required-feature", feature]);
  const payload = encodePairs(pairs);
  if (payload.length > MAX_HELLO_BYTES) {
    throw new RangeError(
      `Cannot send a HELLO of ${payload.length} bytes: at most ${MAX_HELLO_BYTES} are allowed`,
    );
  }
  return payload;
}

/**
 * Reads HELLO and checks that a session is possible.
 *
 * @param role this end's
 * @param known features this end has
 * @throws {ProtocolError} PROTOCOL_ERROR when a line is missing or out of its limits; UNSUPPORTED
 * when the version differs or a required feature is unknown, with a reason that names it
 */
export function decodeHello(payload: Uint8Array, role: Role, known: readonly string[]): PeerHello {
  const pairs = decodePairs(payload);
  const one = (name: string): string | undefined => pairs.find((pair) => pair[0] === name)?.[1];
  const all = (name: string): string[] =>
    pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  const number = (name: string, min: number, max: number): number => {
    const text = one(name) ?? "";
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new ProtocolError(
      SessionCode.PROTOCOL_ERROR,
      `The peer's HELLO has no ${name} from ${min} to ${max}`,
    );
  };
  const version = number("version", 0, 0xffff);
  if (version !== PROTOCOL_VERSION) {
    throw new ProtocolError(
      SessionCode.UNSUPPORTED,
      `The peer speaks version ${version} of the tunnel protocol, this side version ${PROTOCOL_VERSION}. Upgrade the older one`,
    );
  }
  const requiredFeatures = all("required-feature");
  const missing = requiredFeatures.find((feature) => !known.includes(feature));
  if (missing !== undefined) {
    throw new ProtocolError(
      SessionCode.UNSUPPORTED,
      `The peer requires the feature "${
        missing.slice(0, 100)
      }", which this side does not have. Upgrade this side`,
    );
  }
  const peerRole = one("role");
  if (peerRole !== (role === "hub" ? "agent" : "hub")) {
    throw new ProtocolError(
      SessionCode.PROTOCOL_ERROR,
      `The peer of this ${role} must be the other end, but its role is "${
        (peerRole ?? "").slice(0, 20)
      }"`,
    );
  }
  const hello: PeerHello = {
    version,
    role: peerRole as Role,
    instanceId: one("instance-id") ?? "",
    maxFrame: number("max-frame", MIN_MAX_FRAME, 0xffffff),
    maxStreams: number("max-streams", 0, 0xffffffff),
    streamWindow: number("stream-window", 0, MAX_WINDOW),
    sessionWindow: number("session-window", 0, MAX_WINDOW),
    pingIntervalMs: number("ping-interval-ms", 1, MAX_WINDOW),
    deadAfterMs: number("dead-after-ms", 1, MAX_WINDOW),
    features: all("feature"),
    requiredFeatures,
  };
  const agentVersion = one("agent-version");
  if (agentVersion !== undefined) hello.agentVersion = agentVersion;
  if (one("reconnect-spread-ms") !== undefined) {
    hello.reconnectSpreadMs = number("reconnect-spread-ms", 0, MAX_WINDOW);
  }
  return hello;
}
