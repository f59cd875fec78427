/**
 * Objects live in namespaces that exist and are not about to go.
 *
 * Source: k8s.io/apiserver `pkg/admission/plugin/namespace/lifecycle/admission.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { forbidden, notFound, qualified } from "../errors.ts";
import { type ApiKind, resourceKey } from "../kinds/kind.ts";
import type { ApiObject, Store } from "../store/types.ts";
import { metaText } from "./metadata.ts";

const NAMESPACES = { group: "", plural: "namespaces", kind: "Namespace" };
const IMMORTAL = new Set(["default", "kube-public", "kube-system"]);

function terminating(kind: ApiKind, name: string, namespace: string): StatusError {
  const why =
    `unable to create new content in namespace ${namespace} because it is being terminated`;
  return new StatusError(failure(403, `${qualified(kind)} "${name}" is forbidden: ${why}`, {
    name,
    group: kind.group,
    kind: kind.plural,
    causes: [{
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    }],
  }));
}

/**
 * Refuses to make an object in a namespace that is not there, or that is going.
 *
 * @param name of the object, where the path names it
 * @throws {StatusError} 404 or 403
 */
export function admitCreate(
  store: Store,
  kind: ApiKind,
  object: ApiObject,
  namespace: string,
  name = "",
): void {
  if (!kind.namespaced) return;
  const stored = store.get("namespaces", "", namespace);
  if (stored === undefined) throw notFound(NAMESPACES, namespace);
  if (!stored.deleting) return;
  const named = [name, metaText(object, "name"), metaText(object, "generateName"), "Unknown"];
  throw terminating(kind, named.find((one) => one !== "") ?? "", namespace);
}

/**
 * Refuses to delete the namespaces that a cluster lives by.
 *
 * @throws {StatusError} 403
 */
export function admitDelete(kind: ApiKind, name: string): void {
  if (resourceKey(kind) !== "namespaces" || !IMMORTAL.has(name)) return;
  throw forbidden(NAMESPACES, name, "this namespace may not be deleted");
}
