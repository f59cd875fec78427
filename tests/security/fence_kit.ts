/**
 * What the test of the admission fences is made of.
 *
 * @module
 */
import assert from "node:assert/strict";
import { generateAgentKey } from "../../agent/registration/keys.ts";
import { buildRequest } from "../../agent/registration/request.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterRegistrationRequest, ObjectMeta } from "../../shared/kube/clusternet_types.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { kubeTransport } from "../../shared/kube/transport.ts";
import type { Cluster } from "../cluster/cluster.ts";

/** Any object. */
export interface Body {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Namespace of the hub. */
export const SYSTEM = "clusternet-system";
/** The label of what the hub makes. */
export const HUB_LABEL = { "clusternet.io/created-by": "clusternet-hub" };
/** What nobody takes off. */
export const FINALIZERS = ["evil.example/stay"];
/** An owner that is gone: the garbage collector deletes what it owns. */
export const OWNER = [{
  apiVersion: "v1",
  kind: "Namespace",
  name: "gone",
  uid: crypto.randomUUID(),
}];

/** A client with a bearer token; dispose it. */
export function clientFor(cluster: Cluster, token: string): { client: KubeClient } & Disposable {
  const connection = kubeTransport({
    server: cluster.server,
    ca: cluster.caPem,
    token: () => Promise.resolve(token),
  });
  return {
    client: new KubeClient({ transport: connection.transport }),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

/** Refused by this fence, by nothing else, and not by a fault of its own. */
export async function fenced(policy: string, text: RegExp, call: Promise<unknown>): Promise<void> {
  const error = await call.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof StatusError, `not refused, want ${text}: ${String(error)}`);
  assert.match(error.message, new RegExp(`ValidatingAdmissionPolicy '${policy}'`));
  assert.match(error.message, text);
  assert.doesNotMatch(error.message, /resulted in error/);
}

/** @returns a copy with other metadata */
export function withMeta(body: object, meta: Partial<ObjectMeta>): Body {
  const one = body as Body;
  return { ...one, metadata: { ...one.metadata, ...meta } };
}

/** @returns a request as an agent sends it, of a cluster that is new */
export async function newRequest(): Promise<ClusterRegistrationRequest> {
  const { publicJwk } = await generateAgentKey();
  return buildRequest({
    clusterId: crypto.randomUUID(),
    clusterName: "edge-1",
    clusterType: "EdgeCluster",
    clusterLabels: { "example.com/site": "north" },
  }, publicJwk);
}
