/**
 * `clusters --watch`: the clusters as they are, then each change.
 *
 * @module
 */
import type { ManagedCluster } from "../../../shared/kube/clusternet_types.ts";
import { Informer } from "../../../shared/kube/informer.ts";
import { MANAGED_CLUSTERS } from "../../../shared/kube/resources.ts";
import type { CliContext, Connected } from "../../context.ts";
import { byName, type ClusterQuery } from "../../fleet/clusters.ts";
import { remembering } from "../../fleet/state.ts";

/**
 * Follows the clusters until the user ends it. A lost connection is taken up again by itself.
 *
 * @param show gets what is there first, then every cluster that came, changed or went
 */
export async function followClusters(
  context: CliContext,
  { client }: Connected,
  query: ClusterQuery,
  show: (clusters: readonly ManagedCluster[]) => void,
): Promise<void> {
  const informer = new Informer<ManagedCluster>({
    client: remembering(client),
    resource: MANAGED_CLUSTERS,
    namespace: query.namespace,
    labelSelector: query.selector,
    now: () => context.now(),
    random: () => new DataView(context.randomBytes(4).slice().buffer).getUint32(0) / 2 ** 32,
  });
  informer.start(context.signal);
  try {
    await informer.synced;
    show(informer.list().sort(byName));
    let first = true;
    informer.on({
      added: (cluster) => first || show([cluster]),
      updated: (cluster) => show([cluster]),
      deleted: (cluster) => show([cluster]),
    });
    first = false;
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  await informer.stopped;
}
