/**
 * Whether a cluster can be a parent.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { SYSTEM_NAMESPACE } from "../../shared/kube/clusternet_types.ts";
import { API_SERVICES, CONFIG_MAPS, SECRETS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { ConfigMap, KubeObject } from "../../shared/kube/types.ts";
import { CliError } from "../context.ts";
import type { Manifest } from "../install/kinds.ts";
import type { Preflight } from "./preflight.ts";
import { requireRights, right, rightsToApply } from "./rights.ts";
import { clusterVersion, requireMinor } from "./version.ts";

/** Name of the hub's APIService. */
export const HUB_API_SERVICE = "v1alpha1.proxies.clusternet.io";

/** The parts of an APIService that count here. */
export interface ApiService extends KubeObject {
  /** Who serves the group; absent for one that kube-apiserver serves itself. */
  spec?: { service?: { name?: string; namespace?: string } | null; caBundle?: string };
  /** Whether kube-apiserver reaches it. */
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

/** Options of {@linkcode checkParent}. */
export interface CheckParentOptions {
  /** The cluster. */
  client: KubeClient;
  /** Its URL, for the line that says it was reached. */
  server: string;
  /** What will be applied. */
  objects: readonly Manifest[];
  /** Ends it. */
  signal: AbortSignal;
}

/** Runs the checks of `init`; failures are collected in `preflight`. */
export async function checkParent(
  preflight: Preflight,
  options: CheckParentOptions,
): Promise<void> {
  const { client, server, objects, signal } = options;
  const reached = await preflight.check(async () => {
    const version = await clusterVersion(client, signal);
    requireMinor(version, 30, "the hub (ValidatingAdmissionPolicy fences its rights)");
    return `the parent answers: Kubernetes ${version.gitVersion} at ${server}`;
  });
  if (!reached) return;
  const aggregates = await preflight.check(async () => {
    await requireAggregation(client, signal);
    return "the aggregation layer is configured";
  });
  await preflight.check(async () => {
    await requireRights(client, [
      ...rightsToApply(objects),
      right("create", SECRETS, "kube-system"),
    ], signal);
    return "you may install what deploy/hub has";
  });
  if (!aggregates) return;
  await preflight.check(async () => await freeApiService(client, signal));
}

async function requireAggregation(client: KubeClient, signal: AbortSignal): Promise<void> {
  const group = await client.raw("/apis/apiregistration.k8s.io/v1", { signal });
  if (group.status === 404) {
    throw new CliError(
      "this API server has no APIServices: a standalone hub needs no init, make a token with " +
        '"token create --print-join-command" and join clusters to it',
    );
  }
  const name = "extension-apiserver-authentication";
  let config: ConfigMap | undefined;
  try {
    config = await client.getOrUndefined<ConfigMap>(CONFIG_MAPS, name, {
      namespace: "kube-system",
      signal,
    });
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    throw new CliError(
      `you may not read ConfigMap kube-system/${name}, which says how the aggregation layer is ` +
        "set up: use an admin's context (--context)",
      1,
      { cause: error },
    );
  }
  if (config?.data?.["requestheader-client-ca-file"]) return;
  throw new CliError(
    "the aggregation layer is not configured: start the parent's kube-apiserver with " +
      "--requestheader-client-ca-file, --proxy-client-cert-file and --proxy-client-key-file " +
      "(kubernetes.io: Configure the Aggregation Layer)",
  );
}

async function freeApiService(client: KubeClient, signal: AbortSignal): Promise<string> {
  const found = await client.getOrUndefined<ApiService>(API_SERVICES, HUB_API_SERVICE, { signal });
  if (found === undefined) return `APIService ${HUB_API_SERVICE} is free`;
  const { name, namespace } = found.spec?.service ?? {};
  if (name === "clusternet-hub" && namespace === SYSTEM_NAMESPACE) {
    return `APIService ${HUB_API_SERVICE} is this hub's own: the hub is installed already`;
  }
  const owner = name === undefined ? "no Service" : `Service ${namespace}/${name}`;
  throw new CliError(
    `APIService ${HUB_API_SERVICE} leads to ${owner}: another hub is installed here; remove that ` +
      `one first (kubectl delete apiservice ${HUB_API_SERVICE})`,
  );
}
