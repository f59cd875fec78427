/**
 * Events of the core group.
 *
 * Source: k8s.io/kubernetes `pkg/apis/core/validation/events.go` `legacyValidateEvent`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { invalidValue, required } from "./field_errors.ts";
import { qualifiedNameFaults } from "./labels.ts";
import { pathSegmentName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { byteLength, fieldsOf, textOf } from "./values.ts";

const MAX = 128;
const MAX_MESSAGE = 1024;
const MISMATCH = "does not match event.namespace";

function requiredText(event: ApiObject, field: string): FieldError[] {
  const value = textOf(event[field]);
  if (value === "") return [required(field)];
  if (byteLength(value) <= MAX) return [];
  return [invalidValue(field, "", `can have at most ${MAX} characters`)];
}

function faultsOf(event: ApiObject): FieldError[] {
  const { metadata, involvedObject, eventTime } = event;
  const namespace = textOf(metadata.namespace);
  const involved = textOf(fieldsOf(involvedObject).namespace);
  const mismatch = [invalidValue("involvedObject.namespace", involved, MISMATCH)];
  if (eventTime === undefined || eventTime === null) {
    const fits = involved === "" ? ["", "default"].includes(namespace) : involved === namespace;
    return fits ? [] : mismatch;
  }
  const field = "reportingComponent";
  const reporter = textOf(event[field]);
  return [
    ...(involved === "" && !["default", "kube-system"].includes(namespace) ? mismatch : []),
    ...(reporter === "" ? [required(field)] : []),
    ...qualifiedNameFaults(reporter).map((fault) => invalidValue(field, reporter, fault)),
    ...["reportingInstance", "action", "reason"].flatMap((name) => requiredText(event, name)),
    ...(byteLength(textOf(event.message)) > MAX_MESSAGE
      ? [invalidValue("message", "", `can have at most ${MAX_MESSAGE} characters`)]
      : []),
  ];
}

/** Rules of Events. */
export function eventRules(): KindRules {
  return {
    metadata: { name: pathSegmentName, strictFinalizers: false },
    looseMetadata: true,
    validate: faultsOf,
    validateUpdate: faultsOf,
  };
}
