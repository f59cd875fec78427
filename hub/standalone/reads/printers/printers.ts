/**
 * Which printer a kind has.
 *
 * @module
 */
import { type ApiKind, resourceKey } from "../../kinds/kind.ts";
import {
  configMapPrinter,
  leasePrinter,
  namespacePrinter,
  nodePrinter,
  secretPrinter,
  serviceAccountPrinter,
} from "./core.ts";
import { CUSTOM_PRINTERS } from "./custom.ts";
import { eventPrinter } from "./event.ts";
import type { Printer } from "./printer.ts";
import { clusterRoleBindingPrinter, roleBindingPrinter, rolePrinter } from "./rbac.ts";

const RBAC = "rbac.authorization.k8s.io";

const PRINTERS: Readonly<Record<string, Printer>> = {
  "configmaps": configMapPrinter,
  "events": eventPrinter,
  "namespaces": namespacePrinter,
  "nodes": nodePrinter,
  "secrets": secretPrinter,
  "serviceaccounts": serviceAccountPrinter,
  "leases.coordination.k8s.io": leasePrinter,
  [`clusterrolebindings.${RBAC}`]: clusterRoleBindingPrinter,
  [`clusterroles.${RBAC}`]: rolePrinter,
  [`rolebindings.${RBAC}`]: roleBindingPrinter,
  [`roles.${RBAC}`]: rolePrinter,
};

/** The printer of a kind; `undefined` for kinds that are never stored. */
export function printerOf(kind: ApiKind): Printer | undefined {
  return kind.custom ? CUSTOM_PRINTERS.get(kind.plural) : PRINTERS[resourceKey(kind)];
}
