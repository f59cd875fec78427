/**
 * Why the pods of a Deployment do not run.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { SYSTEM_NAMESPACE } from "../../shared/kube/clusternet_types.ts";
import { PODS } from "../../shared/kube/resources.ts";
import type { KubeObject } from "../../shared/kube/types.ts";

interface Pod extends KubeObject {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; message?: string }[];
    containerStatuses?: {
      state?: {
        waiting?: { reason?: string; message?: string };
        terminated?: { reason?: string; exitCode?: number };
      };
    }[];
  };
}

/**
 * Looks for a reason.
 *
 * @returns one phrase; `undefined` when nothing strikes, or pods may not be read
 */
export async function podTrouble(
  client: Pick<KubeClient, "list">,
  labelSelector: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let pods: Pod[];
  try {
    const where = { namespace: SYSTEM_NAMESPACE, labelSelector, limit: 20, signal };
    pods = (await client.list<Pod>(PODS, where)).items;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  if (pods.length === 0) return "there are no pods: is the controller-manager running?";
  for (const { metadata, status } of pods) {
    for (const { state } of status?.containerStatuses ?? []) {
      const { reason, message } = { ...state?.terminated, ...state?.waiting };
      if (reason === undefined || reason === "ContainerCreating") continue;
      return `pod ${metadata.name}: ${reason}${message === undefined ? "" : `: ${message}`}`;
    }
    const unscheduled = status?.conditions?.find((one) =>
      one.type === "PodScheduled" && one.status === "False"
    );
    if (unscheduled !== undefined) {
      return `pod ${metadata.name} is not scheduled: ${
        unscheduled.message ?? "no reason is given"
      }`;
    }
  }
  return undefined;
}
