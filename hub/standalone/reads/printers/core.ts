/**
 * Columns of the core group's kinds and of leases.
 *
 * Source: k8s.io/kubernetes `pkg/printers/internalversion/printers.go`
 *
 * @module
 */
import { since } from "./since.ts";
import {
  AGE_COLUMN,
  column,
  count,
  field,
  list,
  nameColumn,
  type Printer,
  text,
} from "./printer.ts";

function age(object: unknown, now: number): string {
  return since(text(object, "metadata", "creationTimestamp"), now);
}

function name(object: unknown): string {
  return text(object, "metadata", "name");
}

/** `configmaps` */
export const configMapPrinter: Printer = {
  columns: [
    nameColumn(),
    column(
      "Data",
      "Data contains the configuration data. Each key must consist of alphanumeric characters, " +
        "'-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The " +
        "keys stored in Data must not overlap with the keys in the BinaryData field, this is " +
        "enforced during validation process.",
    ),
    AGE_COLUMN,
  ],
  cells: (o, now) => [name(o), count(o, "data") + count(o, "binaryData"), age(o, now)],
};

/** `secrets` */
export const secretPrinter: Printer = {
  columns: [
    nameColumn(),
    column(
      "Type",
      "Used to facilitate programmatic handling of secret data. More info: " +
        "https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
    ),
    column(
      "Data",
      "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' " +
        "or '.'. The serialized form of the secret data is a base64 encoded string, representing " +
        "the arbitrary (possibly non-string) data value here. Described in " +
        "https://tools.ietf.org/html/rfc4648#section-4",
    ),
    AGE_COLUMN,
  ],
  cells: (o, now) => [name(o), text(o, "type"), count(o, "data"), age(o, now)],
};

/** `namespaces` */
export const namespacePrinter: Printer = {
  columns: [nameColumn(), column("Status", "The status of the namespace"), AGE_COLUMN],
  cells: (o, now) => [name(o), text(o, "status", "phase"), age(o, now)],
};

/** `serviceaccounts` */
export const serviceAccountPrinter: Printer = {
  columns: [nameColumn(), AGE_COLUMN],
  cells: (o, now) => [name(o), age(o, now)],
};

/** `leases.coordination.k8s.io` */
export const leasePrinter: Printer = {
  columns: [
    nameColumn(),
    column(
      "Holder",
      "holderIdentity contains the identity of the holder of a current lease. If Coordinated " +
        "Leader Election is used, the holder identity must be equal to the elected " +
        "LeaseCandidate.metadata.name field.",
    ),
    AGE_COLUMN,
  ],
  cells: (o, now) => [name(o), text(o, "spec", "holderIdentity"), age(o, now)],
};

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ADDRESSES =
  "List of addresses reachable to the node. Queried from cloud provider, if available. More " +
  "info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is " +
  "declared as mergeable, but the merge key is not sufficiently unique, which can cause data " +
  "corruption when it is merged. Callers should instead use a full-replacement patch. See " +
  "https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change " +
  "during the lifetime of a Node. However, there are some exceptions where this may not be " +
  "possible, such as Pods that inherit a Node's address in its own status or consumers of the " +
  "downward API (status.hostIP).";

function nodeStatus(node: unknown): string {
  const ready = list(node, "status", "conditions").find((c) => text(c, "type") === "Ready");
  const words = ready === undefined
    ? ["Unknown"]
    : [text(ready, "status") === "True" ? "Ready" : "NotReady"];
  if (field(node, "spec", "unschedulable") === true) words.push("SchedulingDisabled");
  return words.join(",");
}

function nodeRoles(node: unknown): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(field(node, "metadata", "labels") ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) {
      roles.add(key.slice(ROLE_PREFIX.length));
    } else if (key === "kubernetes.io/role" && value !== "") roles.add(String(value));
  }
  return [...roles].sort().join(",") || "<none>";
}

function address(node: unknown, type: string): string {
  const found = list(node, "status", "addresses").find((a) => text(a, "type") === type);
  return found === undefined ? "<none>" : text(found, "address");
}

/** `nodes` */
export const nodePrinter: Printer = {
  columns: [
    nameColumn(),
    column("Status", "The status of the node"),
    column("Roles", "The roles of the node"),
    AGE_COLUMN,
    column("Version", "Kubelet Version reported by the node."),
    column("Internal-IP", ADDRESSES, 1),
    column("External-IP", ADDRESSES, 1),
    column(
      "OS-Image",
      "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).",
      1,
    ),
    column(
      "Kernel-Version",
      "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).",
      1,
    ),
    column(
      "Container-Runtime",
      "ContainerRuntime Version reported by the node through runtime remote API (e.g. " +
        "containerd://1.4.2).",
      1,
    ),
  ],
  cells: (o, now) => {
    const info = field(o, "status", "nodeInfo");
    const architecture = text(info, "architecture");
    const kernel = text(info, "kernelVersion") || "<unknown>";
    return [
      name(o),
      nodeStatus(o),
      nodeRoles(o),
      age(o, now),
      text(info, "kubeletVersion"),
      address(o, "InternalIP"),
      address(o, "ExternalIP"),
      text(info, "osImage") || "<unknown>",
      architecture === "" ? kernel : `${kernel} (${architecture})`,
      text(info, "containerRuntimeVersion") || "<unknown>",
    ];
  },
};
