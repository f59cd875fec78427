/**
 * The shape of `metadata`.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/types.go` (ObjectMeta)
 *
 * @module
 */

/** Its fields, in the order of the Go struct, which is the order in which they are written. */
export const OBJECT_META_FIELDS: readonly string[] = [
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
];
