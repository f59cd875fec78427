/**
 * What holds of `metadata` of every kind.
 *
 * Source: k8s.io/apimachinery `pkg/api/validation/objectmeta.go`; k8s.io/apiserver
 * `pkg/registry/rest/{create,update}.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { forbiddenField, immutable, invalidValue, required } from "./field_errors.ts";
import { qualifiedNameFaults, validateAnnotations, validateLabels } from "./labels.ts";
import { labelFaults, type NameRule } from "./names.ts";
import { type Fields, fieldsOf, objectsOf, setOrDelete, textOf, textsOf } from "./values.ts";

/** How metadata of a kind is looked at. */
export interface MetadataRules {
  /** Whether objects live in namespaces. */
  readonly namespaced: boolean;
  /** What names may look like. */
  readonly name: NameRule;
  /** Whether finalizers must be standard ones or qualified, as core kinds want it. */
  readonly strictFinalizers: boolean;
}

/** Characters of faults that show the whole list: one for each owner would be its length squared. */
const MAX_SHOWN = 64 * 1024;

const STANDARD_FINALIZERS = ["kubernetes", "orphan", "foregroundDeletion"];

/** Drops what a creator may not set. */
export function clearForCreate({ metadata }: ApiObject, namespaced: boolean): void {
  for (const key of ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]) {
    delete metadata[key];
  }
  if (!namespaced) delete metadata.namespace;
}

/** Keeps what an update may not change, or need not say. */
export function keepForUpdate({ metadata }: ApiObject, { metadata: old }: ApiObject): void {
  delete metadata.selfLink;
  for (const key of ["generation", "creationTimestamp"]) {
    setOrDelete(metadata, key, old[key]);
  }
  for (const key of ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"]) {
    const value = metadata[key];
    if (value === undefined || value === "" || value === null) setOrDelete(metadata, key, old[key]);
  }
}

function nameFaults(metadata: Fields, { namespaced, name: rule }: MetadataRules): FieldError[] {
  const name = textOf(metadata.name);
  const generateName = textOf(metadata.generateName);
  const namespace = textOf(metadata.namespace);
  const faults: FieldError[] = [];
  if (generateName !== "") {
    for (const fault of rule(generateName, true)) {
      faults.push(invalidValue("metadata.generateName", generateName, fault));
    }
  }
  if (name === "") faults.push(required("metadata.name", "name or generateName is required"));
  else faults.push(...rule(name, false).map((fault) => invalidValue("metadata.name", name, fault)));
  if (namespaced) {
    if (namespace === "") faults.push(required("metadata.namespace"));
    else {
      for (const fault of labelFaults(namespace)) {
        faults.push(invalidValue("metadata.namespace", namespace, fault));
      }
    }
  } else if (namespace !== "") {
    faults.push(forbiddenField("metadata.namespace", "not allowed on this type"));
  }
  return faults;
}

function versionOf(apiVersion: string): string {
  const parts = apiVersion.split("/");
  return parts.length > 2 ? "" : parts.at(-1)!;
}

function ownerFaults(value: unknown): FieldError[] {
  const field = "metadata.ownerReferences";
  const owners = objectsOf(value);
  const faults: FieldError[] = [];
  let controller: string | undefined;
  let shown = 0;
  for (const owner of owners) {
    const [apiVersion, kind, name] = [owner.apiVersion, owner.kind, owner.name].map(textOf);
    const version = versionOf(apiVersion!);
    if (version === "") {
      faults.push(invalidValue(`${field}.apiVersion`, apiVersion, "version must not be empty"));
    }
    for (const key of ["kind", "name", "uid"]) {
      if (textOf(owner[key]) === "") {
        faults.push(invalidValue(`${field}.${key}`, "", "must not be empty"));
      }
    }
    if (
      kind === "Event" && ["v1", "events.k8s.io/v1", "events.k8s.io/v1beta1"].includes(apiVersion!)
    ) {
      const group = apiVersion === "v1" ? "" : "events.k8s.io";
      const words = `${group}/${version}, Kind=Event is disallowed from being an owner`;
      faults.push(invalidValue(field, owner, words));
    }
    if (owner.controller !== true) continue;
    const whole = `${kind}/${name}`;
    if (controller === undefined) controller = whole;
    else if (shown < MAX_SHOWN) {
      const fault = invalidValue(
        field,
        owners,
        'Only one reference can have Controller set to true. Found "true" in references for ' +
          `${controller} and ${whole}`,
      );
      shown += fault.message.length;
      faults.push(fault);
    }
  }
  return faults;
}

/** Whether a finalizer is a known one, or qualified. */
function isStandardFinalizer(name: string): boolean {
  return name.includes("/") || STANDARD_FINALIZERS.includes(name);
}

const FINALIZER_WORDS = "name is neither a standard finalizer name nor is it fully qualified";

/** Faults of finalizers, by the rule of core kinds; `field` gets an index. */
export function finalizerNameFaults(finalizers: readonly string[], field: string): FieldError[] {
  return finalizers.flatMap((name, index) =>
    isStandardFinalizer(name) ? [] : [invalidValue(`${field}[${index}]`, name, FINALIZER_WORDS)]
  );
}

/** Faults of `metadata.finalizers`, by the rule of core kinds. */
export function strictFinalizerFaults({ metadata }: ApiObject): FieldError[] {
  return finalizerNameFaults(textsOf(metadata.finalizers), "metadata.finalizers");
}

function finalizerFaults(value: unknown, strict: boolean): FieldError[] {
  const field = "metadata.finalizers";
  const finalizers = textsOf(value);
  const faults = finalizers.flatMap((name) =>
    qualifiedNameFaults(name).map((fault) => invalidValue(field, name, fault))
  );
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    const words = "finalizer orphan and foregroundDeletion cannot be both set";
    faults.push(invalidValue(field, finalizers, words));
  }
  return strict ? [...faults, ...finalizerNameFaults(finalizers, field)] : faults;
}

/** Faults of metadata, in kube-apiserver's order. */
export function validateMetadata({ metadata }: ApiObject, rules: MetadataRules): FieldError[] {
  const { generation } = metadata;
  const faults = nameFaults(metadata, rules);
  if (typeof generation === "number" && generation < 0) {
    const words = "must be greater than or equal to 0";
    faults.push(invalidValue("metadata.generation", generation, words));
  }
  return [
    ...faults,
    ...validateLabels(metadata.labels, "metadata.labels"),
    ...validateAnnotations(metadata.annotations, "metadata.annotations"),
    ...ownerFaults(metadata.ownerReferences),
    ...finalizerFaults(metadata.finalizers, rules.strictFinalizers),
  ];
}

/** Faults of changed metadata, in kube-apiserver's order. */
export function validateMetadataUpdate({ metadata }: ApiObject, before: ApiObject): FieldError[] {
  const old = fieldsOf(before.metadata);
  const faults: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const known = new Set(textsOf(old.finalizers));
    const added = textsOf(metadata.finalizers).filter((name) => !known.has(name)).sort();
    if (added.length > 0) {
      const list = added.map((name) => JSON.stringify(name)).join(", ");
      faults.push(forbiddenField(
        "metadata.finalizers",
        "no new finalizers can be added if the object is being deleted, found new finalizers " +
          `[]string{${list}}`,
      ));
    }
  }
  for (
    const key of [
      "name",
      "namespace",
      "uid",
      "creationTimestamp",
      "deletionTimestamp",
      "deletionGracePeriodSeconds",
    ]
  ) {
    faults.push(...immutable(`metadata.${key}`, metadata[key], old[key]));
  }
  return [
    ...faults,
    ...validateLabels(metadata.labels, "metadata.labels"),
    ...validateAnnotations(metadata.annotations, "metadata.annotations"),
    ...ownerFaults(metadata.ownerReferences),
  ];
}
