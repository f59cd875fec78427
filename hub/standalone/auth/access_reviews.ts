/**
 * SubjectAccessReviews: what is wrong with them, what they ask, and the answer.
 *
 * Source: k8s.io/kubernetes `pkg/registry/authorization`,
 * `pkg/apis/authorization/validation/validation.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, type FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import type { User } from "../user.ts";
import { aggregateText } from "../go_text.ts";
import { selectorErrors, selectorFaults } from "./review_selectors.ts";
import { OBJECT_META_FIELDS } from "../kinds/object_meta.ts";
import type { Attributes, Authorizer } from "./types.ts";

type Json = Readonly<Record<string, unknown>>;

const GROUP = "authorization.k8s.io";

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null ? value as Json : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function metadataFaults(
  metadata: Json,
  allowed: readonly string[],
  message: string,
): FieldError[] {
  const filled = OBJECT_META_FIELDS.filter((field) => !isEmpty(metadata[field]));
  if (filled.every((field) => allowed.includes(field))) return [];
  const value = JSON.stringify(Object.fromEntries(filled.map((field) => [field, metadata[field]])));
  return [{
    type: "FieldValueInvalid",
    field: "metadata",
    message: `Invalid value: ${value}: ${message}`,
  }];
}

/** Printed with the names of the internal Go type. */
function pathJson({ path, verb }: Json): string {
  return JSON.stringify({ Path: text(path), Verb: text(verb) });
}

function specFaults(spec: Json, needsUser: boolean): FieldError[] {
  const faults: FieldError[] = [];
  const add = (field: string, value: string, why: string): void => {
    faults.push({
      type: "FieldValueInvalid",
      field: `spec.${field}`,
      message: `Invalid value: ${value}: ${why}`,
    });
  };
  const resource = object(spec.resourceAttributes);
  const path = object(spec.nonResourceAttributes);
  if (resource !== undefined && path !== undefined) {
    const why = "cannot be specified in combination with resourceAttributes";
    add("nonResourceAttributes", pathJson(path), why);
  }
  if (resource === undefined && path === undefined) {
    const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    add("resourceAttributes", "null", why);
  }
  if (needsUser && text(spec.user) === "" && texts(spec.groups).length === 0) {
    add("user", '""', "at least one of user or group must be specified");
  }
  return resource === undefined ? faults : [...faults, ...selectorFaults(resource)];
}

/** The real server loses the kind on its way: so do its words. */
function refuse(faults: readonly FieldError[]): void {
  if (faults.length === 0) return;
  const why = aggregateText(faults.map(({ field, message }) => `${field}: ${message}`));
  throw new StatusError(failure(422, `.${GROUP} "" is invalid: ${why}`, {
    group: GROUP,
    causes: faults.map(({ type, field, message }) => ({ reason: type, message, field })),
  }));
}

function attributesOf(spec: Json): Attributes {
  const resource = object(spec.resourceAttributes);
  if (resource === undefined) {
    const { path, verb } = object(spec.nonResourceAttributes) ?? {};
    return { isResource: false, verb: text(verb), path: text(path) };
  }
  const version = text(resource.version);
  return {
    isResource: true,
    verb: text(resource.verb),
    group: text(resource.group),
    version: version === "" ? "*" : version,
    resource: text(resource.resource),
    subresource: text(resource.subresource),
    namespace: text(resource.namespace),
    name: text(resource.name),
  };
}

function subjectOf(spec: Json): User {
  const extra: Record<string, readonly string[]> = {};
  for (const [key, values] of Object.entries(object(spec.extra) ?? {})) extra[key] = texts(values);
  const uid = text(spec.uid);
  return {
    name: text(spec.user),
    ...(uid === "" ? {} : { uid }),
    groups: texts(spec.groups),
    extra,
  };
}

function answered(review: ApiObject, spec: Json, authorizer: Authorizer, user: User): ApiObject {
  const { allowed, reason } = authorizer.authorize(user, attributesOf(spec));
  const evaluationError = selectorErrors(object(spec.resourceAttributes) ?? {});
  return {
    ...review,
    status: {
      allowed,
      ...(reason === "" ? {} : { reason }),
      ...(evaluationError === "" ? {} : { evaluationError }),
    },
  };
}

/**
 * Answers a SubjectAccessReview.
 *
 * @throws {StatusError} 422
 */
export function subjectAccessReview(review: ApiObject, authorizer: Authorizer): ApiObject {
  const spec = object(review.spec) ?? {};
  refuse([
    ...specFaults(spec, true),
    // A namespace at cluster scope is dropped before
    ...metadataFaults({ ...review.metadata, namespace: "" }, ["managedFields"], "must be empty"),
  ]);
  return answered(review, spec, authorizer, subjectOf(spec));
}

/**
 * Answers a SelfSubjectAccessReview.
 *
 * @throws {StatusError} 422
 */
export function selfSubjectAccessReview(
  review: ApiObject,
  authorizer: Authorizer,
  user: User,
): ApiObject {
  const spec = object(review.spec) ?? {};
  refuse([
    ...specFaults(spec, false),
    ...metadataFaults({ ...review.metadata, namespace: "" }, ["managedFields"], "must be empty"),
  ]);
  return answered(review, spec, authorizer, user);
}

/**
 * Answers a LocalSubjectAccessReview.
 *
 * @param namespace of the request's path
 * @throws {StatusError} 400, 422
 */
export function localSubjectAccessReview(
  review: ApiObject,
  authorizer: Authorizer,
  namespace: string,
): ApiObject {
  const own = text(review.metadata.namespace);
  if (own !== "" && own !== namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
  const spec = object(review.spec) ?? {};
  const metadata = { ...review.metadata, namespace };
  const faults = [
    ...specFaults(spec, true),
    ...metadataFaults(
      metadata,
      ["namespace", "managedFields"],
      "must be empty except for namespace",
    ),
  ];
  const resource = object(spec.resourceAttributes);
  if (resource !== undefined && text(resource.namespace) !== namespace) {
    faults.push({
      type: "FieldValueInvalid",
      field: "spec.resourceAttributes.namespace",
      message: `Invalid value: ${
        JSON.stringify(text(resource.namespace))
      }: must match metadata.namespace`,
    });
  }
  const path = object(spec.nonResourceAttributes);
  if (path !== undefined) {
    faults.push({
      type: "FieldValueInvalid",
      field: "spec.nonResourceAttributes",
      message: `Invalid value: ${pathJson(path)}: disallowed on this kind of request`,
    });
  }
  refuse(faults);
  return answered({ ...review, metadata }, spec, authorizer, subjectOf(spec));
}
