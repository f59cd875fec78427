/**
 * Removes all objects of a kind that selectors match.
 *
 * Source: k8s.io/apiserver `pkg/registry/generic/registry/store.go` (DeleteCollection)
 *
 * @module
 */
import { isStatus } from "../../../shared/kube/status.ts";
import type { Stored } from "../store/types.ts";
import { deleteObject } from "./delete.ts";
import type { DeleteOptions } from "./delete_options.ts";
import type { WriteCall, WriteDeps } from "./write_call.ts";

/** So many are on their way to the disk at once. */
const AT_ONCE = 64;
/**
 * Removes what was found; what is gone already does not matter.
 *
 * @throws {StatusError} the first refusal; others of the same handful may be gone
 */
export async function deleteAll(
  deps: WriteDeps,
  call: WriteCall,
  objects: readonly Stored[],
  options: DeleteOptions,
): Promise<void> {
  for (let start = 0; start < objects.length; start += AT_ONCE) {
    const outcomes = await Promise.allSettled(
      objects.slice(start, start + AT_ONCE).map(({ name, namespace }) =>
        deleteObject(deps, { ...call, name, namespace }, options)
      ),
    );
    for (const outcome of outcomes) {
      if (outcome.status === "rejected" && !isStatus(outcome.reason, 404)) throw outcome.reason;
    }
  }
}
