/**
 * Secrets: types, and the keys that they require.
 *
 * Source: k8s.io/kubernetes `pkg/apis/core/validation/validation.go` `ValidateSecret`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { FieldError } from "../errors.ts";
import { JsonSyntaxError, readJson } from "../schema/json_text.ts";
import type { ApiObject } from "../store/types.ts";
import { configKeyFaults, decodedLength, MAX_DATA } from "./config_keys.ts";
import { immutableDataFaults } from "./config_map.ts";
import { immutable, invalidValue, required, tooLong } from "./field_errors.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { type Fields, fieldsOf, textOf } from "./values.ts";

const ACCOUNT = "kubernetes.io/service-account.name";
const REDACTED = "<secret contents redacted>";

function requireKeys(data: Fields, ...keys: string[]): FieldError[] {
  return keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
}

function requireJson(data: Fields, key: string): FieldError[] {
  if (!Object.hasOwn(data, key)) return [required(`data[${key}]`)];
  try {
    const { value } = readJson(Buffer.from(textOf(data[key]), "base64").toString());
    if (value === null || (typeof value === "object" && !Array.isArray(value))) return [];
    const sort = Array.isArray(value)
      ? "array"
      : typeof value === "boolean"
      ? "bool"
      : typeof value;
    const words = `json: cannot unmarshal ${sort} into Go value of type map[string]interface {}`;
    return [invalidValue(`data[${key}]`, REDACTED, words)];
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return [invalidValue(`data[${key}]`, REDACTED, error.message)];
  }
}

function typeFaults({ type, metadata }: ApiObject, data: Fields): FieldError[] {
  switch (type) {
    case "kubernetes.io/service-account-token":
      return textOf(fieldsOf(metadata.annotations)[ACCOUNT]) === ""
        ? [required(`metadata.annotations[${ACCOUNT}]`)]
        : [];
    case "kubernetes.io/dockercfg":
      return requireJson(data, ".dockercfg");
    case "kubernetes.io/dockerconfigjson":
      return requireJson(data, ".dockerconfigjson");
    case "kubernetes.io/basic-auth": {
      const missing = requireKeys(data, "username", "password"); // one of the two is enough
      return missing.length === 2 ? missing : [];
    }
    case "kubernetes.io/ssh-auth":
      return textOf(data["ssh-privatekey"]) === "" ? [required("data[ssh-privatekey]")] : [];
    case "kubernetes.io/tls":
      return requireKeys(data, "tls.crt", "tls.key");
    default:
      return [];
  }
}

/** `stringData` is a way to write `data`; it is never stored. */
function mergeStringData(object: ApiObject): void {
  const texts = Object.entries(fieldsOf(object.stringData));
  delete object.stringData;
  if (texts.length === 0) return;
  const encoded = texts.map(([key, text]) => [key, Buffer.from(textOf(text)).toString("base64")]);
  object.data = { ...fieldsOf(object.data), ...Object.fromEntries(encoded) };
}

/** Rules of Secrets. */
export function secretRules(): KindRules {
  return {
    metadata: { name: subdomainName, strictFinalizers: true },
    revalidates: "after",
    default(object): void {
      mergeStringData(object);
      if (textOf(object.type) === "") object.type = "Opaque";
    },
    validate(object): FieldError[] {
      const data = fieldsOf(object.data);
      const faults = Object.keys(data).flatMap((key) => configKeyFaults(key, "data"));
      const size = Object.values(data).reduce<number>(
        (sum, value) => sum + decodedLength(textOf(value)),
        0,
      );
      if (size > MAX_DATA) faults.push(tooLong("data", MAX_DATA));
      return [...faults, ...typeFaults(object, data)];
    },
    validateUpdate(object, old): FieldError[] {
      return [
        ...immutable("type", object.type, old.type),
        ...immutableDataFaults(object, old, ["data"]),
      ];
    },
  };
}
