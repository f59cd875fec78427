/**
 * Leases.
 *
 * Source: k8s.io/kubernetes `pkg/apis/coordination/validation/validation.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { invalidValue } from "./field_errors.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { fieldsOf } from "./values.ts";

/** Behind a gate that is off: coordinated leader election. */
const GATED = ["strategy", "preferredHolder"];

function dropGated(object: ApiObject): void {
  const spec = { ...fieldsOf(object.spec) };
  for (const key of GATED) delete spec[key];
  object.spec = spec;
}

function faultsOf(object: ApiObject): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = fieldsOf(object.spec);
  const faults: FieldError[] = [];
  if (typeof duration === "number" && duration <= 0) {
    faults.push(invalidValue("spec.leaseDurationSeconds", duration, "must be greater than 0"));
  }
  if (typeof transitions === "number" && transitions < 0) {
    const words = "must be greater than or equal to 0";
    faults.push(invalidValue("spec.leaseTransitions", transitions, words));
  }
  return faults;
}

/** Rules of Leases. */
export function leaseRules(): KindRules {
  return {
    metadata: { name: subdomainName, strictFinalizers: false },
    prepareForCreate: dropGated,
    prepareForUpdate: dropGated,
    validate: faultsOf,
    validateUpdate: faultsOf,
  };
}
