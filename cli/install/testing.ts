/**
 * What unit tests of the installing commands share.
 *
 * @module
 */
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import { TransportError } from "../../shared/kube/transport.ts";
import type { FakeKube, StoredObject } from "../../shared/testing/fake_kube.ts";
import { fakeId } from "../testing.ts";
import type { Machine } from "./machine.ts";

/** A machine that reaches no hub and runs no agent. */
export const NO_MACHINE: Machine = {
  connectTo: () => ({
    transport: () => Promise.reject(new TransportError("Cannot reach the Kubernetes API: no")),
    close: () => {},
    [Symbol.dispose]: () => {},
  }),
  discoverCa: () => Promise.reject(new Error("not in this test")),
};

/** @returns a machine whose hubs are this fake */
export function machineOf(kube: FakeKube): Machine {
  return {
    ...NO_MACHINE,
    connectTo: () => ({
      transport: kube.transport,
      close: () => {},
      [Symbol.dispose]: () => {},
    }),
  };
}

/** Gives the fake server-side apply, as far as one manager goes: what is there is replaced. */
export function withApply(kube: FakeKube): void {
  kube.interceptors.push(({ method, path, body }) => {
    const url = new URL(path, "https://fake");
    if (method !== "PATCH" || !url.searchParams.has("fieldManager")) return;
    const match =
      /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/[^/]+(?=\/[a-z]+\/))?\/([a-z]+)\//
        .exec(url.pathname)!;
    const resource = `${match[1] ?? ""}/${match[2]}`;
    const wanted = body as StoredObject;
    const { name, namespace = "" } = wanted.metadata;
    const old = kube.get<StoredObject>(resource, name!, namespace);
    const same = old !== undefined &&
      JSON.stringify({ ...old, metadata: wanted.metadata }) === JSON.stringify(wanted);
    return Response.json(same ? old : kube.put(resource, wanted));
  });
}

/** Lets the fake answer what it has no store for: `/version` and access reviews. */
export function withBasics(kube: FakeKube, denied: (verb: string) => boolean = () => false): void {
  kube.interceptors.push(({ path, body }) => {
    if (path === "/version") return Response.json({ gitVersion: "v1.36.3" });
    if (path.startsWith("/apis/apiregistration.k8s.io/v1?") || path.endsWith(".k8s.io/v1")) {
      return Response.json({ kind: "APIResourceList" });
    }
    if (!path.includes("selfsubjectaccessreviews")) return;
    const { verb } = (body as { spec: { resourceAttributes: { verb: string } } }).spec
      .resourceAttributes;
    return Response.json({ status: { allowed: !denied(verb) } }, { status: 201 });
  });
}

/** Puts a request that nobody decided yet. */
export function putRequest(
  kube: FakeKube,
  end: number,
  more: Partial<ClusterRegistrationRequest> & { name?: string } = {},
): ClusterRegistrationRequest {
  const { name, ...rest } = more;
  const clusterId = fakeId(end);
  return kube.put<ClusterRegistrationRequest>(
    "clusters.clusternet.io/clusterregistrationrequests",
    {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ClusterRegistrationRequest",
      metadata: { name: `clusternet-${clusterId}` },
      spec: {
        clusterId,
        publicKey: { kty: "EC", crv: "P-256", x: "x", y: "y" },
        ...(name === undefined ? {} : { clusterName: name }),
      },
      ...rest,
    },
  );
}

/** @returns data of a Secret */
export function base64(values: Record<string, string>): Record<string, string> {
  const encoder = new TextEncoder();
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, encoder.encode(value).toBase64()]),
  );
}
