/**
 * What tests of registration and lifecycle share.
 *
 * @module
 */
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { KubeClient } from "../../shared/kube/client.ts";
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestSpec,
  ManagedCluster,
  PublicKeyJwk,
} from "../../shared/kube/clusternet_types.ts";
import { FakeKube, type FakeKubeOptions } from "../../shared/testing/fake_kube.ts";
import type { EventSink } from "./events.ts";
import { LatestCache, type ObjectSource } from "./latest_cache.ts";
import { requestName } from "./names.ts";
import { RequestBook } from "./request_book.ts";

/** A cluster id for tests. */
export const ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";
/** Another one. */
export const OTHER_ID = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9";
/** The fake's names of resources. */
export const REQUESTS = "clusters.clusternet.io/clusterregistrationrequests";
/** As above. */
export const CLUSTERS = "clusters.clusternet.io/managedclusters";
/** As above. */
export const ACCOUNTS = "/serviceaccounts";
/** As above. */
export const RBAC = "rbac.authorization.k8s.io";

const pair = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
const { x, y } = await exportJWK(pair.publicKey);
/** The agent's keys in tests. */
export const PUBLIC_KEY: PublicKeyJwk = { kty: "EC", crv: "P-256", x: x!, y: y! };
/** Its private half. */
export const PRIVATE_KEY: JWK = await exportJWK(pair.privateKey);

/** @returns a request as an agent makes it */
export function makeRequest(
  spec: Partial<ClusterRegistrationRequestSpec> = {},
): ClusterRegistrationRequest {
  const clusterId = spec.clusterId ?? ID;
  return {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: { name: requestName(clusterId) },
    spec: {
      clusterId,
      clusterName: "edge-1",
      clusterType: "EdgeClusterSelfProvisioned",
      publicKey: PUBLIC_KEY,
      ...spec,
    },
  };
}

/** A source that reads the fake as it is now, as a watch without delay would. */
export function sourceOf<T extends { metadata: { name?: string; namespace?: string } }>(
  fake: FakeKube,
  resource: string,
): ObjectSource<T> {
  return {
    get(key: string): T | undefined {
      const [first, second] = key.split("/");
      return second === undefined
        ? fake.get<T>(resource, first!)
        : fake.get<T>(resource, second, first);
    },
    list: () => fake.list<T>(resource),
    on: () => {},
  };
}

/** An event as a test sees it. */
export interface SeenEvent {
  kind: string;
  name: string;
  type: string;
  reason: string;
  message: string;
}

/** @returns a sink that keeps what it is told */
export function keepEvents(): EventSink & { seen: SeenEvent[] } {
  const seen: SeenEvent[] = [];
  return {
    seen,
    record: ({ kind, metadata }, type, reason, message) =>
      void seen.push({ kind, name: metadata.name!, type, reason, message }),
  };
}

/** A fake parent with what controllers are made of. */
export interface FakeParent {
  fake: FakeKube;
  client: KubeClient;
  book: RequestBook;
  clusters: LatestCache<ManagedCluster>;
  events: EventSink & { seen: SeenEvent[] };
  clock: { ms: number };
  now: () => number;
  random: () => number;
  parentCa: () => string;
  /** The request as the parent holds it. */
  request(id?: string): ClusterRegistrationRequest;
}

/** @returns a parent in memory, with a clock that a test sets */
export function fakeParent(options: FakeKubeOptions = {}): FakeParent {
  const clock = { ms: Date.parse("2026-06-01T00:00:00Z") };
  const now = (): number => clock.ms;
  const fake = new FakeKube({ now, ...options });
  const client = new KubeClient({ transport: fake.transport });
  return {
    fake,
    client,
    book: new RequestBook({ source: sourceOf(fake, REQUESTS), now }),
    clusters: new LatestCache<ManagedCluster>(sourceOf(fake, CLUSTERS), now),
    events: keepEvents(),
    clock,
    now,
    random: () => 0.5,
    parentCa: () => "PEM OF THE PARENT",
    request: (id = ID) => fake.get<ClusterRegistrationRequest>(REQUESTS, requestName(id))!,
  };
}
