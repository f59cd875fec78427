/**
 * Bodies of ConfigMaps.
 *
 * @module
 */
import { type Body, of } from "./sequence.ts";

/** ConfigMaps. */
export const cm: ReturnType<typeof of> = of("", "v1", "configmaps", "ConfigMap");
/** With these data. */
export const map = (data: Body, metadata?: Body): Body => cm.object({ data }, metadata);
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Metadata that `kubectl apply` leaves behind. */
export const lastApplied = (data: Body): Body => ({
  annotations: { [LAST_APPLIED]: JSON.stringify(map(data, { annotations: {} })) },
});
/** A reference to an owner that no garbage collector knows. */
export const owner = (uid: string, name: string, more: Body = {}): Body => ({
  apiVersion: "example.com/v1",
  kind: "Owner",
  name,
  uid: `00000000-0000-0000-0000-00000000000${uid}`,
  ...more,
});
