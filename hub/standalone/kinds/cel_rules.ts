/**
 * CEL rules of CRDs (`x-kubernetes-validations`).
 *
 * Source: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go`
 *
 * @module
 */
import { Environment } from "@marcbachmann/cel-js";
import type { FieldError } from "../errors.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { invalidValue, same } from "./field_errors.ts";
import { keysOf } from "./list_types.ts";
import { fieldsOf, listOf } from "./values.ts";

type Program = (context: { self: unknown; oldSelf?: unknown }) => unknown;

const environment = new Environment()
  .registerVariable("self", "dyn")
  .registerVariable("oldSelf", "dyn");
const programs = new Map<string, Program>();

function programOf(rule: string): Program {
  const known = programs.get(rule) ?? environment.parse(rule) as Program;
  programs.set(rule, known);
  return known;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function holds(rule: string, self: unknown, oldSelf: unknown): boolean | string {
  try {
    return programOf(rule)({ self, oldSelf }) === true;
  } catch (cause) {
    return cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
  }
}

/** The value is told where it is a scalar. */
function fault(field: string, self: unknown, words: string): FieldError {
  if (!isObject(self)) return invalidValue(field, self, words);
  return { type: "FieldValueInvalid", field, message: `Invalid value: ${words}` };
}

/** @param old what stood there before; `undefined` when nothing did, or nobody knows */
function walk(schema: Schema, self: unknown, old: unknown, path: string): FieldError[] {
  if (old !== undefined && same(self, old)) return []; // ratcheting: KEP-4008
  const field = path === "" ? "<nil>" : path;
  const faults: FieldError[] = [];
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    if (/\boldSelf\b/.test(rule) && old === undefined) continue;
    const result = holds(rule, self, old);
    if (result === true) continue;
    const words = typeof result === "string"
      ? `rule evaluation error: ${result}`
      : message ?? `failed rule: ${rule}`;
    faults.push(fault(field, self, words));
  }
  if (Array.isArray(self)) {
    const { items } = schema;
    if (items === undefined) return faults;
    const isMap = schema["x-kubernetes-list-type"] === "map";
    return [
      ...faults,
      ...self.flatMap((item, index) => {
        const before = isMap
          ? listOf(old).find((one) => same(keysOf(schema, one), keysOf(schema, item)))
          : undefined;
        return walk(items, item, before, `${path}[${index}]`);
      }),
    ];
  }
  if (!isObject(self)) return faults;
  const before = fieldsOf(old);
  const known = Object.keys(schema.properties ?? {});
  const keys = schema.additionalProperties === undefined ? known : Object.keys(self);
  for (const key of keys) {
    const child = schema.properties?.[key] ?? schema.additionalProperties;
    if (child === undefined || self[key] === undefined) continue;
    faults.push(...walk(child, self[key], before[key], path === "" ? key : `${path}.${key}`));
  }
  return faults;
}

/** Rules see of metadata only the name. */
function visible(object: ApiObject): Record<string, unknown> {
  const { name, generateName } = object.metadata;
  return {
    ...object,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(generateName === undefined ? {} : { generateName }),
    },
  };
}

/**
 * Evaluates all rules of an object.
 *
 * @param schema without `metadata`, whose rules are not the CRD's
 * @param old for rules of `oldSelf`; absent on creation
 */
export function evaluateRules(schema: Schema, object: ApiObject, old?: ApiObject): FieldError[] {
  return walk(schema, visible(object), old && visible(old), "");
}
