/**
 * The same kubectl command on many clusters at once.
 *
 * @module
 */
import { DeadlineError, withDeadline } from "../../../shared/backoff.ts";
import type { ManagedCluster } from "../../../shared/kube/clusternet_types.ts";
import type { CliContext } from "../../context.ts";
import { KUBECTL, kubectlFault, type KubectlScratch } from "../../fleet/kubectl.ts";

/** What came of one cluster. */
export interface Outcome {
  /** As the output calls it. */
  name: string;
  stdout: string;
  stderr: string;
  /** Why it counts as failed; short, for the summary. */
  failure: string | undefined;
}

/** Options of {@linkcode runAll}. */
export interface RunAllOptions {
  context: CliContext;
  scratch: KubectlScratch;
  /** By the name that the output calls each. */
  clusters: readonly (readonly [name: string, cluster: ManagedCluster])[];
  /** For kubectl. */
  args: readonly string[];
  /** How many at once. */
  parallel: number;
  /** For each cluster, in milliseconds. */
  timeoutMs: number;
  /** Called after each. */
  onDone: (outcome: Outcome) => void;
}

/** kubectl ends by itself a little earlier, with words of its own. */
const GRACE_MS = 2_000;

/**
 * Runs kubectl for each cluster, a few at a time. What fails in one is said in its outcome.
 *
 * @returns outcomes in the order of `clusters`; those that the user's Ctrl-C came before are missing
 * @throws {CliError} when there is no kubectl
 */
export async function runAll(options: RunAllOptions): Promise<Outcome[]> {
  const { context, clusters, parallel, onDone } = options;
  const outcomes: Outcome[] = new Array(clusters.length);
  let next = 0;
  let broken = false;
  const work = async (): Promise<void> => {
    while (next < clusters.length && !broken && !context.signal.aborted) {
      const index = next++;
      try {
        outcomes[index] = await runOne(options, ...clusters[index]!);
        onDone(outcomes[index]);
      } catch (error) {
        broken = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(parallel, clusters.length) }, work);
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === "rejected") throw result.reason;
  }
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function runOne(
  { context, scratch, args, timeoutMs }: RunAllOptions,
  name: string,
  cluster: ManagedCluster,
): Promise<Outcome> {
  const env = await scratch.envFor(cluster.spec.clusterId);
  const all = [`--request-timeout=${Math.ceil(timeoutMs / 1000)}s`, ...args];
  try {
    const { code, stdout, stderr } = await withDeadline(
      timeoutMs + GRACE_MS,
      "run kubectl",
      () => context.capture(KUBECTL, all, env),
      context.signal,
    );
    return { name, stdout, stderr, failure: code === 0 ? undefined : `exit code ${code}` };
  } catch (error) {
    if (context.signal.aborted) {
      return { name, stdout: "", stderr: "", failure: "interrupted" };
    }
    if (!(error instanceof DeadlineError)) throw kubectlFault(error);
    const failure = `no answer within ${timeoutMs / 1000} s`;
    return { name, stdout: "", stderr: `${failure}; --timeout gives it longer\n`, failure };
  }
}
