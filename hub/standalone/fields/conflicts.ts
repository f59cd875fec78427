/**
 * The refusal to apply what belongs to somebody else.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal/conflict.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { managerText } from "./manager_chain.ts";
import { pathText } from "./path_element.ts";
import type { Conflict } from "./updater.ts";

/**
 * 409 with a cause for each field.
 *
 * @param conflicts sorted by manager, then path; at least one
 */
export function applyConflict(conflicts: readonly Conflict[]): StatusError {
  return new StatusError(failure(
    409,
    messageOf(conflicts),
    {
      causes: conflicts.map(({ manager, path }) => ({
        reason: "FieldManagerConflict",
        message: `conflict with ${managerText(manager)}`,
        field: pathText(path),
      })),
    },
  ));
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ` +
      pathText(first.path);
  }
  const lines: string[] = [];
  let manager: string | undefined;
  for (const conflict of conflicts) {
    if (conflict.manager !== manager) {
      manager = conflict.manager;
      lines.push(`conflicts with ${managerText(manager)}:`);
    }
    lines.push(`- ${pathText(conflict.path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}
