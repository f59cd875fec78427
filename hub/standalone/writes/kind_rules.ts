/**
 * In what kinds differ when they are written.
 *
 * Source: the `strategy.go` of each kind in kubernetes `pkg/registry`, tried on a kube-apiserver
 *
 * @module
 */
import { type ApiKind, resourceKey } from "../kinds/kind.ts";

const RBAC = "rbac.authorization.k8s.io";

/** Whether a PUT of an object that is not there makes it. */
export function createsOnUpdate({ group, plural }: ApiKind): boolean {
  return group === RBAC || group === "coordination.k8s.io" || group === "" && plural === "events";
}

/** Whether an update without `resourceVersion` overwrites whatever is there. */
export function updatesUnconditionally({ group, custom }: ApiKind): boolean {
  return !custom && group !== "coordination.k8s.io";
}

/** Whether a deletion answers with the object that was, not with a `Status`. */
export function returnsDeleted(kind: ApiKind): boolean {
  return resourceKey(kind) === "serviceaccounts";
}

/** Whether finalizers for dependents are of use. */
export function collectsGarbage(kind: ApiKind): boolean {
  return resourceKey(kind) !== "events";
}

/** Whether its objects are roles or bindings. */
export function grantsRights({ group }: ApiKind): boolean {
  return group === RBAC;
}

/** Where kube-apiserver keeps an object in etcd; some refusals say it. */
export function storageKey(kind: ApiKind, namespace: string, name: string): string {
  const plural = resourceKey(kind) === "nodes" ? "minions" : kind.plural;
  const place = kind.custom ? `${kind.group}/${plural}` : plural;
  return ["/registry", place, namespace, name].filter((part) => part !== "").join("/");
}
