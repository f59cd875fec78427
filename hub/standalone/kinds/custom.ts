/**
 * Rules of the kinds that a CRD in deploy/ defines.
 *
 * Source: k8s.io/apiextensions-apiserver `pkg/registry/customresource/strategy.go`
 *
 * @module
 */
import type { FieldError, FieldErrorType } from "../errors.ts";
import { schemaOf } from "../schema/schemas.ts";
import { applyDefaults } from "../schema/structural.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { evaluateRules } from "./cel_rules.ts";
import { same } from "./field_errors.ts";
import type { ApiKind } from "./kind.ts";
import { validateListTypes } from "./list_types.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { validateSchema } from "./structural_validation.ts";
import { setOrDelete } from "./values.ts";

/** Faults after which no rule is asked. */
const BLOCKING: ReadonlySet<FieldErrorType> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);
const UNCHECKED: FieldError = {
  type: "FieldValueInvalid",
  field: "<nil>",
  message: "Invalid value: null: some validation rules were not checked because the object was " +
    "invalid; correct the existing errors to complete validation",
};

/** The schema without metadata, which is looked at by the rules of all kinds. */
function bodySchema(schema: Schema): Schema {
  const { metadata: _, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
}

function withoutKept({ metadata: _, status: __, ...rest }: ApiObject): unknown {
  return rest;
}

/** Changes of anything but metadata and status raise `metadata.generation`. */
function bumpGeneration(object: ApiObject, old: ApiObject): void {
  const before = typeof old.metadata.generation === "number" ? old.metadata.generation : 1;
  const changed = !same(withoutKept(object), withoutKept(old));
  object.metadata.generation = before + (changed ? 1 : 0);
}

/** Everything but the status is kept, and who manages which fields is written anew. */
function keepAllButStatus(object: ApiObject, old: ApiObject): void {
  const { managedFields, resourceVersion } = object.metadata;
  const { status } = object;
  for (const key of Object.keys(object)) delete object[key];
  Object.assign(object, structuredClone(old));
  setOrDelete(object, "status", status);
  setOrDelete(object.metadata, "managedFields", managedFields);
  setOrDelete(object.metadata, "resourceVersion", resourceVersion);
}

function bodyOf({ metadata: _, ...body }: ApiObject): unknown {
  return body;
}

/** Asks the CEL rules too, unless a fault says that the object has not the shape they rest on. */
function withRules(
  schema: Schema,
  object: ApiObject,
  old: ApiObject | undefined,
  faults: FieldError[],
): FieldError[] {
  const nameless = object.metadata.name === undefined || object.metadata.name === "";
  if (nameless || faults.some(({ type }) => BLOCKING.has(type))) return [...faults, UNCHECKED];
  return [...faults, ...evaluateRules(schema, object, old)];
}

/** Rules of a kind that a CRD defines. */
export function customRules(kind: ApiKind): KindRules {
  const schema = bodySchema(schemaOf(kind));
  const faultsOf = (object: ApiObject, old: ApiObject | undefined): FieldError[] => {
    const [body, before] = [bodyOf(object), old === undefined ? undefined : bodyOf(old)];
    return withRules(schema, object, old, [
      ...validateSchema(schema, body, before, ""),
      ...validateListTypes(schema, body, ""),
    ]);
  };
  const statusFaults = (object: ApiObject, old: ApiObject): FieldError[] => {
    const status = schema.properties?.status;
    const faults = status === undefined || object.status === undefined ? [] : [
      ...validateSchema(status, object.status, old.status, "status"),
      ...validateListTypes(status, object.status, "status"),
    ];
    return withRules(schema, object, old, faults);
  };
  return {
    metadata: { name: subdomainName, strictFinalizers: false },
    default: (object) => applyDefaults(schema, object),
    prepareForCreate(object): void {
      delete object.status;
      object.metadata.generation = 1;
    },
    prepareForUpdate(object, old, subresource): void {
      if (subresource === "status") return keepAllButStatus(object, old);
      setOrDelete(object, "status", old.status);
      bumpGeneration(object, old);
    },
    validate: (object) => faultsOf(object, undefined),
    validateUpdate: (object, old, subresource) =>
      subresource === "status" ? statusFaults(object, old) : faultsOf(object, old),
  };
}
