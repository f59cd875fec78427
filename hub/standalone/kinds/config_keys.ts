/**
 * Keys and sizes of ConfigMaps and Secrets.
 *
 * Source: k8s.io/apimachinery `pkg/util/validation/validation.go` `IsConfigMapKey`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { invalidValue } from "./field_errors.ts";
import { lengthWords, regexWords } from "./names.ts";

/** Bytes of all values of a ConfigMap or Secret. */
export const MAX_DATA = 1024 * 1024;

const MAX_KEY = 253;
const KEY = "[-._a-zA-Z0-9]+";
const KEY_PATTERN = new RegExp(`^${KEY}$`);
const WORDS = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";

/** Faults of a key: it must do as the name of a file. */
export function configKeyFaults(key: string, field: string): FieldError[] {
  const faults: string[] = [];
  if (key.length > MAX_KEY) faults.push(lengthWords(MAX_KEY));
  if (!KEY_PATTERN.test(key)) {
    faults.push(regexWords(WORDS, KEY, "key.name", "KEY_NAME", "key-name"));
  }
  if (key === "." || key === "..") faults.push(`must not be '${key}'`);
  else if (key.startsWith("..")) faults.push("must not start with '..'");
  return faults.map((fault) => invalidValue(`${field}[${key}]`, key, fault));
}

/** Bytes that a base64 text stands for. */
export function decodedLength(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return text.length / 4 * 3 - padding;
}
