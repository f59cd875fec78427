/**
 * ServiceAccounts: of the secrets only the names are kept.
 *
 * Source: k8s.io/kubernetes `pkg/registry/core/serviceaccount/strategy.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { objectsOf } from "./values.ts";

function cleanSecrets(object: ApiObject): void {
  if (!Array.isArray(object.secrets)) return;
  object.secrets = objectsOf(object.secrets).map(({ name }) => name === undefined ? {} : { name });
}

/** Rules of ServiceAccounts. */
export function serviceAccountRules(): KindRules {
  return {
    metadata: { name: subdomainName, strictFinalizers: true },
    revalidates: "after",
    prepareForCreate: cleanSecrets,
    prepareForUpdate: cleanSecrets,
    validate: (): FieldError[] => [],
    validateUpdate: (): FieldError[] => [],
  };
}
