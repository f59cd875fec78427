/**
 * Checks of a request's spec that do not trust the CRD: it may be older, or changed by hand.
 *
 * @module
 */
import * as v from "valibot";
import {
  AGENTS_NAMESPACE,
  type ClusterRegistrationRequest,
  SYSTEM_NAMESPACE,
} from "../../shared/kube/clusternet_types.ts";
import { CLUSTER_ID, requestName } from "./names.ts";

/** RFC 1123 label, as names of namespaces and clusters are. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
/** The original's pattern of cluster names: labels joined by dots. */
const NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_KEY =
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const COORDINATE = /^[A-Za-z0-9_-]{43}$/;
const MAX_LABELS = 64;

const coordinate = v.pipe(v.string(), v.regex(COORDINATE, "is no coordinate of a P-256 key"));

const Spec = v.object({
  clusterId: v.pipe(v.string(), v.regex(CLUSTER_ID, "is no UUID in lower case")),
  clusterName: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(30, "is longer than 30 characters"),
      v.regex(NAME, "is no DNS name in lower case"),
    ),
  ),
  clusterType: v.optional(
    v.pipe(v.string(), v.regex(LABEL_VALUE, "is not fit for a label value")),
  ),
  clusterNamespace: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(63, "is longer than 63 characters"),
      v.regex(LABEL, "is no name of a namespace"),
      v.check((name) => !reservedNamespace(name), "is reserved"),
    ),
  ),
  clusterLabels: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(LABEL_KEY, "is no label key")),
        v.pipe(v.string(), v.regex(LABEL_VALUE, "is no label value")),
      ),
      v.check(
        (labels) => Object.keys(labels).length <= MAX_LABELS,
        `has more than ${MAX_LABELS} labels`,
      ),
    ),
  ),
  publicKey: v.object({
    kty: v.literal("EC", "must be EC"),
    crv: v.literal("P-256", "must be P-256"),
    x: coordinate,
    y: coordinate,
  }),
});

function reservedNamespace(name: string): boolean {
  return name === "default" || name.startsWith("kube-") || name === SYSTEM_NAMESPACE ||
    name === AGENTS_NAMESPACE;
}

/**
 * Checks a request.
 *
 * @returns what is wrong with it, in one sentence; `undefined` when nothing is
 */
export function invalidRequest(request: ClusterRegistrationRequest): string | undefined {
  const result = v.safeParse(Spec, request.spec);
  if (!result.success) {
    const faults = result.issues.slice(0, 3).map((issue) =>
      `spec${issue.path === undefined ? "" : `.${v.getDotPath(issue)}`} ${issue.message}`
    );
    return `Cannot register: ${faults.join("; ")}`;
  }
  const { name } = request.metadata;
  const expected = requestName(request.spec.clusterId);
  if (name !== expected) {
    return `Cannot register: the request is named "${name}", its cluster id asks for "${expected}"`;
  }
  return undefined;
}
