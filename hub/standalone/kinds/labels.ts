/**
 * Labels, annotations and label selectors.
 *
 * Source: k8s.io/apimachinery `pkg/util/validation/validation.go`,
 * `pkg/apis/meta/v1/validation/validation.go`, `pkg/api/validation/objectmeta.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { forbiddenField, invalidValue, required, tooLong } from "./field_errors.ts";
import { regexWords, subdomainFaults } from "./names.ts";
import { byteLength, fieldsOf, objectsOf, textOf, textsOf } from "./values.ts";

const NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_PATTERN = new RegExp(`^${NAME}$`);
const NAME_WORDS = "must consist of alphanumeric characters, '-', '_' or '.', and must start and " +
  "end with an alphanumeric character";
const NAME_EXAMPLES = ["MyName", "my.name", "123-abc"];
const VALUE_PATTERN = new RegExp(`^(${NAME})?$`);
const MAX_NAME = 63;
const MAX_PREFIX = 253;
const MAX_ANNOTATIONS = 256 * 1024;

/** Faults of a key such as `example.com/name`. */
export function qualifiedNameFaults(value: string): string[] {
  const parts = value.split("/");
  const faults: string[] = [];
  if (parts.length > 2) {
    const words = regexWords(`a valid label key ${NAME_WORDS}`, NAME, ...NAME_EXAMPLES);
    return [`${words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === "") faults.push("prefix part must be non-empty");
    else if (prefix.length > MAX_PREFIX) {
      faults.push(`prefix part must be no more than ${MAX_PREFIX} bytes`);
    } else faults.push(...subdomainFaults(prefix).map((fault) => `prefix part ${fault}`));
  }
  if (name === "") faults.push("name part must be non-empty");
  else if (byteLength(name) > MAX_NAME) {
    faults.push(`name part must be no more than ${MAX_NAME} bytes`);
  }
  if (!NAME_PATTERN.test(name)) {
    faults.push(`name part ${regexWords(NAME_WORDS, NAME, ...NAME_EXAMPLES)}`);
  }
  return faults;
}

/** Faults of a label's value. */
export function labelValueFaults(value: string): string[] {
  const faults: string[] = [];
  if (byteLength(value) > MAX_NAME) faults.push(`must be no more than ${MAX_NAME} bytes`);
  if (!VALUE_PATTERN.test(value)) {
    const words = "a valid label must be an empty string or consist of alphanumeric characters, " +
      "'-', '_' or '.', and must start and end with an alphanumeric character";
    faults.push(regexWords(words, `(${NAME})?`, "MyValue", "my_value", "12345"));
  }
  return faults;
}

/** Faults of labels; all carry the field of the whole map. */
export function validateLabels(labels: unknown, field: string): FieldError[] {
  return Object.entries(fieldsOf(labels)).flatMap(([key, value]) => [
    ...qualifiedNameFaults(key).map((fault) => invalidValue(field, key, fault)),
    ...labelValueFaults(textOf(value)).map((fault) => invalidValue(field, value, fault)),
  ]);
}

/** Faults of annotations: keys in any case, 256 KiB in all. */
export function validateAnnotations(annotations: unknown, field: string): FieldError[] {
  const entries = Object.entries(fieldsOf(annotations));
  const faults = entries.flatMap(([key]) =>
    qualifiedNameFaults(key.toLowerCase()).map((fault) => invalidValue(field, key, fault))
  );
  const size = entries.reduce(
    (sum, [key, value]) => sum + byteLength(key) + byteLength(textOf(value)),
    0,
  );
  return size > MAX_ANNOTATIONS ? [...faults, tooLong(field, MAX_ANNOTATIONS)] : faults;
}

function requirementFaults(requirement: Record<string, unknown>, field: string): FieldError[] {
  const { key, operator } = requirement;
  const values = textsOf(requirement.values);
  const faults: FieldError[] = [];
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) {
      const words = "must be specified when `operator` is 'In' or 'NotIn'";
      faults.push(required(`${field}.values`, words));
    }
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0) {
      const words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      faults.push(forbiddenField(`${field}.values`, words));
    }
  } else {
    faults.push(invalidValue(`${field}.operator`, operator, "not a valid selector operator"));
  }
  faults.push(
    ...qualifiedNameFaults(textOf(key)).map((fault) => invalidValue(`${field}.key`, key, fault)),
  );
  for (const [index, value] of values.entries()) {
    const at = `${field}.values[${index}]`;
    faults.push(...labelValueFaults(value).map((fault) => invalidValue(at, value, fault)));
  }
  return faults;
}

/** Faults of a `LabelSelector`. */
export function validateSelector(selector: Record<string, unknown>, field: string): FieldError[] {
  return [
    ...validateLabels(selector.matchLabels, `${field}.matchLabels`),
    ...objectsOf(selector.matchExpressions).flatMap((requirement, index) =>
      requirementFaults(requirement, `${field}.matchExpressions[${index}]`)
    ),
  ];
}
