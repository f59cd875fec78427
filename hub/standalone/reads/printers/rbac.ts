/**
 * Columns of roles and bindings.
 *
 * Source: k8s.io/kubernetes `pkg/printers/internalversion/printers.go`
 *
 * @module
 */
import { since } from "./since.ts";
import {
  AGE_COLUMN,
  column,
  CREATED_AT_COLUMN,
  list,
  nameColumn,
  type Printer,
  text,
} from "./printer.ts";

/** `roles` and `clusterroles` */
export const rolePrinter: Printer = {
  columns: [nameColumn(), CREATED_AT_COLUMN],
  cells: (role) => {
    // Go writes the zero time of a bookmark so
    const created = text(role, "metadata", "creationTimestamp") || "0001-01-01T00:00:00Z";
    return [text(role, "metadata", "name"), created];
  },
};

function subjects(binding: unknown, kind: string): string {
  return list(binding, "subjects").filter((s) => text(s, "kind") === kind).map((subject) => {
    const namespace = kind === "ServiceAccount" ? text(subject, "namespace") : "";
    const name = text(subject, "name");
    return namespace === "" ? name : `${namespace}/${name}`;
  }).join(", ");
}

function bindingPrinter(kind: string, roleDescription: string): Printer {
  return {
    columns: [
      nameColumn(),
      column("Role", roleDescription),
      AGE_COLUMN,
      column("Users", `Users in the ${kind}`, 1),
      column("Groups", `Groups in the ${kind}`, 1),
      column("ServiceAccounts", `ServiceAccounts in the ${kind}`, 1),
    ],
    cells: (binding, now) => [
      text(binding, "metadata", "name"),
      `${text(binding, "roleRef", "kind")}/${text(binding, "roleRef", "name")}`,
      since(text(binding, "metadata", "creationTimestamp"), now),
      subjects(binding, "User"),
      subjects(binding, "Group"),
      subjects(binding, "ServiceAccount"),
    ],
  };
}

/** `rolebindings` */
export const roleBindingPrinter: Printer = bindingPrinter(
  "roleBinding",
  "RoleRef can reference a Role in the current namespace or a ClusterRole in the global " +
    "namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
);

/** `clusterrolebindings` */
export const clusterRoleBindingPrinter: Printer = bindingPrinter(
  "clusterRoleBinding",
  "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be " +
    "resolved, the Authorizer must return an error.",
);
