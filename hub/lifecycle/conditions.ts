/**
 * What the conditions of a `ManagedCluster` should say: a pure function of what the hub knows.
 *
 * The tunnel tells who is connected, so freshness costs no writes: texts hold nothing that changes
 * while the state does not.
 *
 * @module
 */
import type { Condition } from "../../shared/kube/clusternet_types.ts";
import type { WantedCondition } from "./written_conditions.ts";

/** What the hub knows of one cluster. Times are milliseconds of the hub's clock. */
export interface ClusterFacts {
  /** The tunnel is up. */
  connected: boolean;
  /** How the tunnel was lost, when this hub saw it. */
  loss: { at: number; reason: string; silent: boolean } | undefined;
  /** Since when this hub watches over the clusters. */
  watchingSince: number;
  /** Since when this hub knows the cluster. */
  knownSince: number;
  /** The agent's latest report, when it is known what it said. */
  report: { readyz: boolean; at: number; heartbeatMs: number } | undefined;
  /** Two agents fight for the cluster, as seen until then. */
  duplicateUntil: number;
  /** The conditions as they were decided last, or as they are found. */
  current: readonly Condition[];
}

/** Times of {@linkcode decide}, in milliseconds. */
export interface MonitorTimes {
  /** A loss that heals within this time is not written. @default {2_000} */
  lossMs: number;
  /** After the hub's start, clusters that are not back yet are not written for so long. @default {60_000} */
  graceMs: number;
  /** A new cluster may take so long to connect before it is said that it is not. @default {10_000} */
  firstConnectMs: number;
  /** Reports may be missing for so many heartbeats. @default {3} */
  missedReports: number;
}

/** The defaults of {@linkcode MonitorTimes}. */
export const DEFAULT_TIMES: Readonly<MonitorTimes> = {
  lossMs: 2_000,
  graceMs: 60_000,
  firstConnectMs: 10_000,
  missedReports: 3,
};

/** What should stand in the status. */
export interface Decision {
  conditions: WantedCondition[];
  /** `readyz` as it should be shown; `undefined`: as the agent reported it. */
  readyz: boolean | undefined;
  /** Decide again then, even when nothing happens. */
  recheckAt: number | undefined;
}

/** Says in a Ready=Unknown that READYZ was true before the hub put it to false. */
export const WAS_READY = "it was ready when last heard of";

const REPORT_SLACK_MS = 30_000;
const DEFAULT_HEARTBEAT_MS = 180_000;

const CONNECTED: WantedCondition = {
  type: "Connected",
  status: "True",
  reason: "TunnelUp",
  message: "The agent's tunnel is up",
};
const ACCEPTED: WantedCondition = {
  type: "Accepted",
  status: "True",
  reason: "RegistrationApproved",
  message: "The registration request is approved",
};

/** Every condition that the hub keeps from one decision to the next, with its reasons. */
const OURS: Readonly<Record<string, Readonly<Record<string, Condition["status"]>>>> = {
  Connected: {
    TunnelUp: "True",
    AgentNeverConnected: "False",
    AgentSilent: "False",
    AgentDisconnected: "False",
  },
  Ready: {
    ChildReady: "True",
    ChildNotReady: "False",
    AwaitingReport: "Unknown",
    ReportOverdue: "Unknown",
    AgentNeverConnected: "Unknown",
    AgentSilent: "Unknown",
    AgentDisconnected: "Unknown",
  },
};

/** An agent may write its whole status: what the hub cannot have said is not taken for its word. */
function isOurs({ type, status, reason }: Condition): boolean {
  const reasons = Object.hasOwn(OURS, type) ? OURS[type]! : undefined;
  return reasons === undefined || (Object.hasOwn(reasons, reason) && reasons[reason] === status);
}

/**
 * Decides what the conditions should say. Conditions found there whose reason is not one of the
 * hub's are never kept.
 *
 * @param facts what is known
 * @param readyz `status.readyz` as it stands
 * @param now milliseconds of the hub's clock
 * @returns the decision
 */
export function decide(
  facts: ClusterFacts,
  readyz: boolean | undefined,
  now: number,
  times: MonitorTimes = DEFAULT_TIMES,
): Decision {
  const duplicate = duplicateCondition(facts, now);
  const rest = duplicate === undefined ? [] : [duplicate];
  const duplicateEnd = facts.duplicateUntil > now ? facts.duplicateUntil : undefined;
  if (facts.connected) {
    const { ready, recheckAt, shown } = readyCondition(facts, readyz, now, times);
    return {
      conditions: [ACCEPTED, CONNECTED, ready, ...rest],
      readyz: shown,
      recheckAt: earliest(recheckAt, duplicateEnd),
    };
  }
  const decideAt = lossDecidedAt(facts, times);
  const current = (type: string): Condition | undefined =>
    facts.current.find((condition) => condition.type === type && isOurs(condition));
  const connectedNow = current("Connected");
  const settled = connectedNow?.status === "False" ? connectedNow : undefined;
  if (settled === undefined && now < decideAt) {
    // Too early to tell: what stands there stays
    const kept = facts.current.filter((one) => Object.hasOwn(OURS, one.type) && isOurs(one));
    if (kept.length === 0 && facts.current.every(isOurs)) {
      return { conditions: [], readyz: undefined, recheckAt: earliest(decideAt, duplicateEnd) };
    }
    return {
      conditions: [ACCEPTED, ...kept, ...rest],
      readyz: undefined,
      recheckAt: earliest(decideAt, duplicateEnd),
    };
  }
  const gone = facts.loss === undefined && settled !== undefined
    ? settled
    : goneCondition(facts, connectedNow);
  const ready = current("Ready");
  const readyNow = ready?.status === "Unknown" && ready.reason === gone.reason
    ? ready
    : unknownReady(gone, readyz === true || ready?.message.includes(WAS_READY) === true);
  return {
    conditions: [ACCEPTED, gone, readyNow, ...rest],
    readyz: readyz === true ? false : undefined,
    recheckAt: duplicateEnd,
  };
}

/** When a loss is certain enough to be written. */
function lossDecidedAt(facts: ClusterFacts, times: MonitorTimes): number {
  const { loss, watchingSince, knownSince, current } = facts;
  if (loss !== undefined) return loss.at + times.lossMs;
  const seen = current.some(({ type }) => type === "Connected");
  return seen ? watchingSince + times.graceMs : knownSince + times.firstConnectMs;
}

function goneCondition(
  { loss }: ClusterFacts,
  before: Condition | undefined,
): WantedCondition {
  if (loss === undefined && before === undefined) {
    return {
      type: "Connected",
      status: "False",
      reason: "AgentNeverConnected",
      message: "The agent has not opened its tunnel yet: look at its log",
    };
  }
  const silent = loss?.silent ?? false;
  return {
    type: "Connected",
    status: "False",
    reason: silent ? "AgentSilent" : "AgentDisconnected",
    message: silent
      ? "The agent stopped answering; its tunnel was closed"
      : `The agent's tunnel is gone: ${loss?.reason ?? "it did not come back to this hub"}`,
  };
}

function unknownReady(gone: WantedCondition, wasReady: boolean): WantedCondition {
  const last = wasReady ? `; ${WAS_READY}` : "";
  return {
    type: "Ready",
    status: "Unknown",
    reason: gone.reason,
    message: `Nothing is known of the child while its agent is away${last}`,
  };
}

function readyCondition(
  { report }: ClusterFacts,
  readyz: boolean | undefined,
  now: number,
  times: MonitorTimes,
): { ready: WantedCondition; recheckAt: number | undefined; shown: boolean | undefined } {
  const condition = (
    status: Condition["status"],
    reason: string,
    message: string,
  ): WantedCondition => ({ type: "Ready", status, reason, message });
  if (report === undefined) {
    const message = "The agent is connected and has not reported yet";
    return {
      ready: condition("Unknown", "AwaitingReport", message),
      recheckAt: undefined,
      shown: readyz === true ? false : undefined,
    };
  }
  const heartbeatMs = report.heartbeatMs > 0 ? report.heartbeatMs : DEFAULT_HEARTBEAT_MS;
  const overdueAt = report.at + times.missedReports * heartbeatMs + REPORT_SLACK_MS;
  if (now >= overdueAt) {
    const wasReady = report.readyz ? `; ${WAS_READY}` : "";
    return {
      ready: condition(
        "Unknown",
        "ReportOverdue",
        `The agent is connected, but its status reports do not come${wasReady}`,
      ),
      recheckAt: undefined,
      shown: readyz === true ? false : undefined,
    };
  }
  const ready = report.readyz
    ? condition("True", "ChildReady", "The agent is connected and the child's API server is ready")
    : condition("False", "ChildNotReady", "The child's API server says that it is not ready");
  // The hub's own false is taken back as soon as the child is known to be ready
  const shown = report.readyz && readyz === false ? true : undefined;
  return { ready, recheckAt: overdueAt, shown };
}

function duplicateCondition(facts: ClusterFacts, now: number): WantedCondition | undefined {
  if (facts.duplicateUntil > now) {
    return {
      type: "DuplicateAgent",
      status: "True",
      reason: "TwoAgentsConnect",
      message: "Two agents with this cluster's credentials replace each other: stop one of them",
    };
  }
  if (!facts.current.some(({ type }) => type === "DuplicateAgent")) return undefined;
  return {
    type: "DuplicateAgent",
    status: "False",
    reason: "OneAgent",
    message: "One agent connects for this cluster",
  };
}

function earliest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
