/**
 * An examination: steps in the order of a request's way, each of which rests on earlier ones.
 *
 * @module
 */
import { cell } from "../../output/table.ts";

/** What a step found. */
export type Outcome =
  | { state: "ok"; message: string }
  | { state: "broken"; message: string; mend: string }
  /** It cannot be seen from here; what rests on it is examined all the same. */
  | { state: "unknown"; message: string; mend?: string };

/** One hop. */
export interface Step {
  /** Names it in `needs` and in `-o json`. */
  id: string;
  /** Said where it was not reached. */
  title: string;
  /** Steps without which this one makes no sense. */
  needs: readonly string[];
  run(): Promise<Outcome | readonly Outcome[]>;
}

/** A line of the report. */
export interface Finding {
  /** Of the step. */
  step: string;
  status: "ok" | "broken" | "notReached" | "unknown";
  message: string;
  /** What to do. */
  mend?: string;
}

/** @returns the finding that something holds */
export function ok(message: string): Outcome {
  return { state: "ok", message };
}

/** @returns the finding that something is broken */
export function broken(message: string, mend: string): Outcome {
  return { state: "broken", message, mend };
}

/** @returns the finding that something cannot be seen from here */
export function unknown(message: string, mend?: string): Outcome {
  return { state: "unknown", message, ...(mend === undefined ? {} : { mend }) };
}

/**
 * Takes the steps one after the other. What a step throws is its finding.
 *
 * @param onFinding told of each as it comes
 * @param signal ends it between two steps
 * @returns all findings
 * @throws the signal's reason
 */
export async function examine(
  steps: readonly Step[],
  onFinding: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const failed = new Set<string>();
  for (const step of steps) {
    signal.throwIfAborted();
    const reached = !step.needs.some((id) => failed.has(id));
    const outcomes = reached ? await outcomesOf(step, signal) : undefined;
    const found: Finding[] = outcomes === undefined
      ? [{ step: step.id, status: "notReached", message: step.title }]
      : outcomes.map((outcome) => findingOf(step, outcome));
    if (!reached || found.some(({ status }) => status === "broken")) failed.add(step.id);
    found.forEach(onFinding);
    findings.push(...found);
  }
  return findings;
}

async function outcomesOf(step: Step, signal: AbortSignal): Promise<readonly Outcome[]> {
  try {
    const outcome = await step.run();
    return Array.isArray(outcome) ? outcome : [outcome as Outcome];
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return [broken(`${step.title}: ${message}`, "run it again; then see the log of the hub")];
  }
}

function findingOf({ id }: Step, outcome: Outcome): Finding {
  const { state, message } = outcome;
  const mend = state === "ok" ? undefined : outcome.mend;
  return {
    step: id,
    status: state,
    message: cell(message),
    ...(mend === undefined ? {} : { mend: cell(mend) }),
  };
}

const MARKS = { ok: "[ok]", broken: "[!!]", notReached: "[--]", unknown: "[--]" } as const;

/**
 * A finding for people.
 *
 * @returns one line, and one more for what to do
 */
export function findingText({ status, message, mend }: Finding): string {
  const what = status === "notReached" ? `${message}: not reached` : message;
  return `${MARKS[status]} ${what}\n${mend === undefined ? "" : `     mend: ${mend}\n`}`;
}
