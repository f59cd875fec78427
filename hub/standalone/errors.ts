/**
 * The refusals of a Kubernetes API server, in its own words.
 *
 * Source: k8s.io/apimachinery `pkg/api/errors/errors.go`, `pkg/util/validation/field/errors.go`
 *
 * @module
 */
import { failure, StatusError } from "../../shared/kube/status.ts";

/** Names a kind in a refusal. */
export interface KindName {
  /** Empty for the core group. */
  readonly group: string;
  /** Plural, lower case. */
  readonly plural: string;
  /** CamelCase, singular. */
  readonly kind: string;
}

/** `secrets` or `leases.coordination.k8s.io`. */
export function qualified({ group, plural }: Pick<KindName, "group" | "plural">): string {
  return group === "" ? plural : `${plural}.${group}`;
}

function detailsOf(
  { group, plural }: KindName,
  name: string,
): { name: string; group?: string; kind: string } {
  return { name, ...(group === "" ? {} : { group }), kind: plural };
}

/** 404: there is no such object. */
export function notFound(kind: KindName, name: string): StatusError {
  return new StatusError(
    failure(404, `${qualified(kind)} "${name}" not found`, detailsOf(kind, name)),
  );
}

/** 404: there is no such path or resource. */
export function pathNotFound(): StatusError {
  return new StatusError(failure(404, "the server could not find the requested resource", {}));
}

/** 409: an object of that name is there already. */
export function alreadyExists(kind: KindName, name: string): StatusError {
  return new StatusError(failure(
    409,
    `${qualified(kind)} "${name}" already exists`,
    detailsOf(kind, name),
    "AlreadyExists",
  ));
}

/** 409: the object changed meanwhile, or a precondition does not hold. */
export function conflict(
  kind: KindName,
  name: string,
  why =
    "the object has been modified; please apply your changes to the latest version and try again",
): StatusError {
  return new StatusError(failure(
    409,
    `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`,
    detailsOf(kind, name),
  ));
}

/** 403 with a reason, as RBAC and admission say it. */
export function forbidden(kind: KindName, name: string, why: string): StatusError {
  const quoted = name === "" ? "" : ` "${name}"`;
  return new StatusError(failure(
    403,
    `${qualified(kind)}${quoted} is forbidden: ${why}`,
    name === ""
      ? { ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural }
      : detailsOf(kind, name),
  ));
}

/** 400: the request cannot be understood. */
export function badRequest(message: string): StatusError {
  return new StatusError(failure(400, message));
}

/** 405: the resource has no such verb. */
export function methodNotAllowed(): StatusError {
  return new StatusError(
    failure(405, "the server does not allow this method on the requested resource", {}),
  );
}

/** 410: the version is older than what is kept. */
export function expired(message: string): StatusError {
  return new StatusError(failure(410, message));
}

/** 413: the body is longer than what is read. */
export function tooLarge(limit: number): StatusError {
  return new StatusError(failure(413, `Request entity too large: limit is ${limit}`));
}

/** 415: the body's type is not one of those that are read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(failure(
    415,
    "the body of the request was in an unknown format - accepted media types include: " +
      accepted.join(", "),
  ));
}

/** 406: no representation that the caller takes. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  return new StatusError(
    failure(406, `only the following media types are accepted: ${accepted.join(", ")}`),
  );
}

/** `field.ErrorType`. */
export type FieldErrorType =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueDuplicate"
  | "FieldValueForbidden"
  | "FieldValueNotFound"
  | "FieldValueNotSupported"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid";

/** One fault of an object. */
export interface FieldError {
  /** Sort of fault. */
  readonly type: FieldErrorType;
  /** Such as `metadata.name` or `rules[0].verbs`. */
  readonly field: string;
  /** With its words, without the field: `Invalid value: "x": must be ...`, `Required value`. */
  readonly message: string;
}

/** 422: the object breaks rules of its kind. */
export function invalid(kind: KindName, name: string, faults: readonly FieldError[]): StatusError {
  const texts = faults.map(({ field, message }) => `${field}: ${message}`);
  const unique = [...new Set(texts)];
  const list = unique.length === 1 ? unique[0] : `[${unique.join(", ")}]`;
  const whole = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(failure(422, `${whole} "${name}" is invalid: ${list}`, {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: faults.map(({ type, field, message }) => ({ reason: type, message, field })),
  }));
}
