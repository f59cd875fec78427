/**
 * What the parent's kube-apiserver was asked, by its own audit log.
 *
 * @module
 */
import type { Cluster } from "../cluster/cluster.ts";
import { eventually } from "../e2e/wait.ts";

/** `spec` of a SubjectAccessReview. */
export interface ReviewSpec {
  user?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
  resourceAttributes?: Record<string, string>;
}

/** A cluster that was started with `audit: "Request"` writes its log a moment later. */
const LATE_MS = 5_000;

/**
 * The SubjectAccessReviews that somebody asked for, in order.
 *
 * @param cluster started with `audit: "Request"`
 * @param wanted picks; at least one has to be there
 */
export async function reviewsIn(
  cluster: Cluster,
  wanted: (spec: ReviewSpec) => boolean,
): Promise<ReviewSpec[]> {
  return await eventually("the audit log holds the review", LATE_MS, async () => {
    const found: ReviewSpec[] = [];
    for (const line of (await Deno.readTextFile(`${cluster.dir}/audit.log`)).split("\n")) {
      if (!line.includes('"SubjectAccessReview"')) continue;
      const { requestObject } = JSON.parse(line) as { requestObject?: { spec?: ReviewSpec } };
      if (requestObject?.spec !== undefined && wanted(requestObject.spec)) {
        found.push(requestObject.spec);
      }
    }
    if (found.length === 0) throw new Error("not yet");
    return found;
  });
}
