/**
 * Candidates that only the parent knows.
 *
 * @module
 */
import { withDeadline } from "../../../shared/backoff.ts";
import type { CliContext } from "../../context.ts";
import { listClusters, pendingRequests, uniqueNames } from "../../fleet/clusters.ts";
import { conditionStatus } from "../../fleet/state.ts";
import type { Candidate, Completion } from "./candidates.ts";

/** Nobody waits longer for a Tab, in milliseconds. */
const ASK_MS = 3_000;

/**
 * Asks the parent.
 *
 * @returns candidates; none where it cannot be asked
 */
export async function dynamicCandidates(
  context: CliContext,
  { dynamic, connect }: Completion,
): Promise<Candidate[]> {
  if (dynamic === undefined) return [];
  try {
    using parent = await context.connect(connect);
    const { client } = parent;
    return await withDeadline(ASK_MS, "ask the parent", async (signal) => {
      if (dynamic === "pending") {
        return (await pendingRequests(client, signal)).map(({ spec }) => ({
          value: spec.clusterId,
          description: spec.clusterName ?? "",
        }));
      }
      const clusters = await listClusters({ program: context.program, signal }, client);
      return [...uniqueNames(clusters)].map(([cluster, name]) => ({
        value: name,
        description: conditionStatus(cluster, "Ready") === "True" ? "ready" : "not ready",
      }));
    }, context.signal);
  } catch {
    return []; // Words on the terminal would stand in what the user is typing
  }
}
