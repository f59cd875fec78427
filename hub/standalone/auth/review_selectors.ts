/**
 * Label and field selectors in access reviews: what is wrong with them, and whether they can be
 * read. RBAC does not look at them; a review only says so when one could not be read.
 *
 * Source: k8s.io/kubernetes `pkg/apis/authorization/validation/validation.go`,
 * `pkg/registry/authorization/util/helpers.go`; k8s.io/apimachinery
 * `pkg/util/validation/validation.go`, `pkg/labels/selector.go`, `pkg/fields/selector.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { goQuote } from "../go_text.ts";
import { isSubdomain } from "./service_account_names.ts";

type Json = Readonly<Record<string, unknown>>;

const NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const NAME_FORMAT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const CHARACTERS = "must consist of alphanumeric characters, '-', '_' or '.', and must start and " +
  "end with an alphanumeric character";
const SUBDOMAIN_FAULT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'";
const TAKES_NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `validation.IsQualifiedName`. */
function keyFaults(key: string): string[] {
  const parts = key.split("/", 3);
  const faults: string[] = [];
  const [first = "", second] = parts;
  const nameExample =
    `(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_FORMAT}')`;
  if (parts.length > 2) {
    return [
      `a qualified name ${CHARACTERS} ${nameExample.slice(0, -1)} with an optional DNS subdomain ` +
      "prefix and '/' (e.g. 'example.com/MyName'))",
    ];
  }
  if (second !== undefined) {
    if (first === "") faults.push("prefix part must be non-empty");
    else if (!isSubdomain(first)) faults.push(`prefix part ${SUBDOMAIN_FAULT}`);
  }
  const name = second ?? first;
  if (name === "") faults.push("name part must be non-empty");
  else if (name.length > 63) faults.push("name part must be no more than 63 characters");
  if (!NAME.test(name)) faults.push(`name part ${CHARACTERS} ${nameExample}`);
  return faults;
}

/** `validation.IsValidLabelValue`. */
function valueFaults(value: string): string[] {
  const faults = value.length > 63 ? ["must be no more than 63 characters"] : [];
  if (value !== "" && !NAME.test(value)) {
    faults.push(
      `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or ` +
        `'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or ` +
        `'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    );
  }
  return faults;
}

function fault(
  type: FieldError["type"],
  field: string,
  message: string,
): FieldError {
  return { type, field, message };
}

function invalidValue(field: string, value: string, why: string): FieldError {
  return fault("FieldValueInvalid", field, `Invalid value: ${goQuote(value)}: ${why}`);
}

function valuesFault({ operator, values }: Json, path: string): FieldError[] {
  const some = list(values).length > 0;
  if ((operator === "In" || operator === "NotIn") && !some) {
    return [fault("FieldValueRequired", `${path}.values`, `Required value: ${NEEDS_VALUES}`)];
  }
  return (operator === "Exists" || operator === "DoesNotExist") && some
    ? [fault("FieldValueForbidden", `${path}.values`, `Forbidden: ${TAKES_NO_VALUES}`)]
    : [];
}

function fieldRequirement(requirement: Json, path: string): FieldError[] {
  const keyless = text(requirement.key) === ""
    ? [fault("FieldValueRequired", `${path}.key`, "Required value: must be specified")]
    : [];
  return [...keyless, ...valuesFault(requirement, path)];
}

function labelRequirement(requirement: Json, path: string): FieldError[] {
  const key = text(requirement.key);
  return [
    ...valuesFault(requirement, path),
    ...keyFaults(key).map((why) => invalidValue(`${path}.key`, key, why)),
    ...list(requirement.values).map(text).flatMap((value, index) =>
      valueFaults(value).map((why) => invalidValue(`${path}.values[${index}]`, value, why))
    ),
  ];
}

/**
 * Checks `fieldSelector` and `labelSelector` of resource attributes.
 *
 * @param attributes `spec.resourceAttributes`
 * @returns what is wrong; nothing for operators that are not known
 */
export function selectorFaults(attributes: Json): FieldError[] {
  const faults: FieldError[] = [];
  for (const which of ["fieldSelector", "labelSelector"] as const) {
    const selector = attributes[which];
    if (typeof selector !== "object" || selector === null) continue;
    const path = `spec.resourceAttributes.${which}`;
    const { rawSelector, requirements } = selector as Json;
    const [raw, all] = [text(rawSelector), list(requirements)];
    if (raw !== "" && all.length > 0) {
      const why = "may not specified at the same time as requirements";
      faults.push(invalidValue(`${path}.rawSelector`, raw, why));
    }
    if (raw === "" && all.length === 0) {
      const why = `when ${path} is specified, requirements or rawSelector is required`;
      faults.push(fault("FieldValueRequired", `${path}.requirements`, `Required value: ${why}`));
    }
    const check = which === "fieldSelector" ? fieldRequirement : labelRequirement;
    all.forEach((one, index) =>
      faults.push(...check((one ?? {}) as Json, `${path}.requirements[${index}]`))
    );
  }
  return faults;
}

/** Longer ones are not looked at: splitting takes the square of the length. */
const MAX_RAW = 4096;
const LABEL_TERM =
  /^\s*(?:!\s*([^\s!=<>(),]+)|([^\s!=<>(),]+)\s*(?:(==|=|!=|<|>)\s*([^\s!=<>(),]*)|\s(in|notin)\s*\(([^()]*)\))?)\s*$/;

function isLabelSelector(raw: string): boolean {
  return raw.split(/,(?![^()]*\))/).every((term) => {
    const match = LABEL_TERM.exec(term);
    if (match === null) return false;
    const [, absent, present, operator, value = "", , set = ""] = match;
    if (keyFaults(absent ?? present ?? "").length > 0) return false;
    if ((operator === "<" || operator === ">") && !/^-?\d+$/.test(value)) return false;
    return [value, ...set.split(",").map((one) => one.trim())].every((one) =>
      valueFaults(one).length === 0
    );
  });
}

function isFieldSelector(raw: string): boolean {
  const terms = raw.match(/(?:\\.|[^\\,])+/gs) ?? [];
  return terms.every((term) => {
    const value = /^[^=!]*(?:==|!=|=)(.*)$/s.exec(term)?.[1];
    return value !== undefined && /^(?:\\[\\,=]|[^\\,=])*$/s.test(value);
  });
}

/** How much of a selector can be read. */
function readable(selector: unknown, isField: boolean): "all" | "some" | "none" {
  if (typeof selector !== "object" || selector === null) return "all";
  const { rawSelector, requirements } = selector as Json;
  const [raw, all] = [text(rawSelector), list(requirements) as readonly Json[]];
  if (all.length === 0) {
    if (raw.length > MAX_RAW) return "none";
    return raw === "" || (isField ? isFieldSelector(raw) : isLabelSelector(raw)) ? "all" : "none";
  }
  const known = isField ? ["In", "NotIn"] : ["In", "NotIn", "Exists", "DoesNotExist"];
  const good = all.filter(({ operator, values }) =>
    known.includes(text(operator)) && (!isField || list(values).length === 1)
  );
  return good.length === all.length ? "all" : good.length > 0 ? "some" : "none";
}

/**
 * Says which selectors could not be read, as `status.evaluationError`.
 *
 * @param attributes `spec.resourceAttributes`, already validated
 * @returns empty when all could be read
 */
export function selectorErrors(attributes: Json): string {
  const errors: string[] = [];
  for (const which of ["fieldSelector", "labelSelector"] as const) {
    const part = readable(attributes[which], which === "fieldSelector");
    if (part === "all") continue;
    const partially = part === "some" ? "partially " : "";
    errors.push(`spec.resourceAttributes.${which} ${partially}ignored due to parse error`);
  }
  return errors.join("; ");
}
