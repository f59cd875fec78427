/**
 * Namespaces: their finalizers, phase, and the label with their name.
 *
 * Source: k8s.io/kubernetes `pkg/registry/core/namespace/strategy.go`,
 * `pkg/apis/core/validation/validation.go` `ValidateNamespace*`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { invalidValue } from "./field_errors.ts";
import { qualifiedNameFaults } from "./labels.ts";
import { finalizerNameFaults } from "./metadata.ts";
import { labelName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { fieldsOf, textOf, textsOf } from "./values.ts";

/** Says the name of a namespace to label selectors. */
const NAME_LABEL = "kubernetes.io/metadata.name";
const FINALIZER = "kubernetes";

function setDefaults(object: ApiObject): void {
  const name = textOf(object.metadata.name);
  if (name !== "") {
    object.metadata.labels = { ...fieldsOf(object.metadata.labels), [NAME_LABEL]: name };
  }
  const status = fieldsOf(object.status);
  if (textOf(status.phase) === "") object.status = { phase: "Active", ...status };
}

function phaseFaults({ metadata, status }: ApiObject): FieldError[] {
  const { phase } = fieldsOf(status);
  const deleting = metadata.deletionTimestamp !== undefined;
  const wanted = deleting ? "Terminating" : "Active";
  if (phase === wanted) return [];
  const words = `may only be '${wanted}' if \`deletionTimestamp\` is ${
    deleting ? "not " : ""
  }empty`;
  return [invalidValue("status.Phase", phase, words)];
}

/** Rules of Namespaces. */
export function namespaceRules(): KindRules {
  return {
    metadata: { name: labelName, strictFinalizers: true },
    revalidates: "after",
    default: setDefaults,
    prepareForCreate(object): void {
      const finalizers = textsOf(fieldsOf(object.spec).finalizers);
      const has = finalizers.includes(FINALIZER);
      object.spec = { finalizers: has ? finalizers : [...finalizers, FINALIZER] };
      object.status = { phase: "Active" };
    },
    prepareForUpdate(object, old, subresource): void {
      if (subresource === "status") object.spec = old.spec;
      else object.status = old.status;
      if (subresource === "") object.spec = old.spec;
    },
    validate({ spec }): FieldError[] {
      // The real one names no index here, but does in `finalize`.
      return finalizerNameFaults(textsOf(fieldsOf(spec).finalizers), "spec.finalizers")
        .map((fault) => ({ ...fault, field: "spec.finalizers" }));
    },
    validateUpdate(object, _old, subresource): FieldError[] {
      if (subresource === "status") return phaseFaults(object);
      if (subresource !== "finalize") return [];
      const finalizers = textsOf(fieldsOf(object.spec).finalizers);
      const unqualified = finalizers.flatMap((name, index) =>
        qualifiedNameFaults(name).map((fault) =>
          invalidValue(`spec.finalizers[${index}]`, name, fault)
        )
      );
      return [...unqualified, ...finalizerNameFaults(finalizers, "spec.finalizers")];
    },
  };
}
