/**
 * ConfigMaps: keys are file names, 1 MiB in all, `immutable` holds.
 *
 * Source: k8s.io/kubernetes `pkg/apis/core/validation/validation.go` `ValidateConfigMap`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { configKeyFaults, decodedLength, MAX_DATA } from "./config_keys.ts";
import { forbiddenField, invalidValue, same, tooLong } from "./field_errors.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { byteLength, fieldsOf, textOf } from "./values.ts";

const IMMUTABLE = "field is immutable when `immutable` is set";

/** Faults of data that must stay as it is once `immutable` is set. */
export function immutableDataFaults(
  object: Record<string, unknown>,
  old: Record<string, unknown>,
  keys: readonly string[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const faults = object.immutable === true ? [] : [forbiddenField("immutable", IMMUTABLE)];
  for (const key of keys) {
    if (!same(object[key] ?? {}, old[key] ?? {})) faults.push(forbiddenField(key, IMMUTABLE));
  }
  return faults;
}

/** Rules of ConfigMaps. */
export function configMapRules(): KindRules {
  return {
    metadata: { name: subdomainName, strictFinalizers: true },
    revalidates: "after",
    validate({ data, binaryData }): FieldError[] {
      const texts = fieldsOf(data);
      const binaries = fieldsOf(binaryData);
      const faults: FieldError[] = [];
      let size = 0;
      for (const [key, value] of Object.entries(texts)) {
        faults.push(...configKeyFaults(key, "data"));
        if (Object.hasOwn(binaries, key)) {
          const words = "duplicate of key present in binaryData";
          faults.push(invalidValue(`data[${key}]`, key, words));
        }
        size += byteLength(textOf(value));
      }
      for (const [key, value] of Object.entries(binaries)) {
        faults.push(...configKeyFaults(key, "binaryData"));
        size += decodedLength(textOf(value));
      }
      if (size > MAX_DATA) faults.push(tooLong("[]", MAX_DATA)); // the real one names no field
      return faults;
    },
    validateUpdate(object, old): FieldError[] {
      return immutableDataFaults(object, old, ["data", "binaryData"]);
    },
  };
}
