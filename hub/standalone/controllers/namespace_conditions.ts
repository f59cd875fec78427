/**
 * `status.conditions` of a namespace that is being deleted.
 *
 * Source: kubernetes `pkg/controller/namespace/deletion/status_condition_utils.go`
 *
 * @module
 */
import type { ApiObject, Stored } from "../store/types.ts";

interface NamespaceCondition {
  type: string;
  status: "True" | "False";
  lastTransitionTime: string;
  reason: string;
  message: string;
}

type Finding = Omit<NamespaceCondition, "lastTransitionTime">;

function fine(type: string, reason: string, message: string): Finding {
  return { type, status: "False", reason, message };
}

/** `configmaps. has 2 resource instances, leases.coordination.k8s.io has ...`, sorted. */
function counted(names: readonly string[], text: (name: string, count: number) => string): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => text(name, count)).sort().join(", ");
}

function findings(remaining: readonly Stored[]): Finding[] {
  const resources = counted(
    remaining.map(({ resource }) => resource.includes(".") ? resource : `${resource}.`),
    (name, count) => `${name} has ${count} resource instances`,
  );
  const finalizers = counted(
    remaining.flatMap(({ json }) => {
      const { metadata: { finalizers } } = JSON.parse(json);
      return Array.isArray(finalizers) ? finalizers.map(String) : [];
    }),
    (name, count) => `${name} in ${count} resource instances`,
  );
  const removed = "All content successfully removed";
  return [
    fine(
      "NamespaceDeletionDiscoveryFailure",
      "ResourcesDiscovered",
      "All resources successfully discovered",
    ),
    fine(
      "NamespaceDeletionGroupVersionParsingFailure",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    fine(
      "NamespaceDeletionContentFailure",
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ),
    resources === "" ? fine("NamespaceContentRemaining", "ContentRemoved", removed) : {
      type: "NamespaceContentRemaining",
      status: "True",
      reason: "SomeResourcesRemain",
      message: `Some resources are remaining: ${resources}`,
    },
    finalizers === "" ? fine("NamespaceFinalizersRemaining", "ContentRemoved", removed) : {
      type: "NamespaceFinalizersRemaining",
      status: "True",
      reason: "SomeFinalizerRemain",
      message: `Some finalizers are remaining: ${finalizers}`,
    },
  ];
}

/**
 * Says in a namespace's conditions what keeps it.
 *
 * @param namespace is changed
 * @param remaining what is still in it
 * @param now in milliseconds
 * @returns the namespace, or `undefined` when it says so already
 */
export function withConditions(
  namespace: ApiObject,
  remaining: readonly Stored[],
  now: number,
): ApiObject | undefined {
  const status = (namespace.status ?? {}) as { conditions?: NamespaceCondition[] };
  const conditions = status.conditions ?? [];
  let changed = false;
  for (const finding of findings(remaining)) {
    const old = conditions.find(({ type }) => type === finding.type);
    if (old === undefined) {
      const lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
      const { type, status, reason, message } = finding;
      conditions.push({ type, status, lastTransitionTime, reason, message });
      changed = true;
    } else if (
      old.status !== finding.status || old.reason !== finding.reason ||
      old.message !== finding.message
    ) {
      if (old.status !== finding.status) {
        old.lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
      }
      Object.assign(old, finding);
      changed = true;
    }
  }
  return changed ? { ...namespace, status: { ...status, conditions } } : undefined;
}
