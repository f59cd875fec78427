/**
 * Metadata that the server sets and checks.
 *
 * Source: k8s.io/apiserver `pkg/registry/rest/{create,update,meta}.go`,
 * `pkg/endpoints/handlers/rest.go`, k8s.io/apiserver `pkg/storage/names/generate.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, invalid } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { goQuote, timestamp } from "../go_text.ts";
import type { WriteDeps } from "./write_call.ts";

const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX = 5;
const MAX_BASE = 63 - SUFFIX;

/** A field of the metadata that ought to be a string; empty when it is not. */
export function metaText(object: ApiObject, field: string): string {
  const value = object.metadata[field];
  return typeof value === "string" ? value : "";
}

/** `metadata.finalizers`. */
export function finalizersOf(object: ApiObject): string[] {
  const { finalizers } = object.metadata;
  return Array.isArray(finalizers) ? finalizers.filter((name) => typeof name === "string") : [];
}

/** A UUID of version 4. */
export function newUid(random: () => number): string {
  const bytes = Array.from({ length: 16 }, () => Math.floor(random() * 256));
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A name that begins with `generateName`. */
export function generatedName(base: string, random: () => number): string {
  let suffix = "";
  for (let i = 0; i < SUFFIX; i++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return base.slice(0, MAX_BASE) + suffix;
}

/**
 * Sees to it that path and body speak of one namespace.
 *
 * @throws {StatusError} 400
 */
export function matchNamespace(kind: ApiKind, object: ApiObject, namespace: string): void {
  if (!kind.namespaced) {
    delete object.metadata.namespace;
    return;
  }
  const said = metaText(object, "namespace");
  if (said !== "" && said !== namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
  object.metadata.namespace = namespace;
}

/**
 * Sees to it that path and body speak of one name.
 *
 * @throws {StatusError} 400
 */
export function matchName(object: ApiObject, name: string): void {
  const said = metaText(object, "name");
  if (said === "") {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (said !== name) {
    throw badRequest(
      `the name of the object (${said}) does not match the name on the URL (${name})`,
    );
  }
}

/**
 * A custom object says what it is; built-in kinds are told by the decoder.
 *
 * @throws {StatusError} 422
 */
export function matchKind(kind: ApiKind, object: ApiObject): void {
  if (!kind.custom) return;
  const name = metaText(object, "name");
  const [group = "", version] = object.apiVersion.split("/");
  const said = {
    group: version === undefined ? "" : group,
    plural: "",
    kind: object.kind,
  };
  const refuse = (field: string, value: string, wanted: string): StatusError =>
    invalid(said, name, [{
      type: "FieldValueInvalid",
      field,
      message: `Invalid value: ${goQuote(value)}: must be ${wanted}`,
    }]);
  if (object.kind !== kind.kind) throw refuse("kind", object.kind, kind.kind);
  const apiVersion = `${kind.group}/${kind.version}`;
  if (object.apiVersion !== apiVersion) throw refuse("apiVersion", object.apiVersion, apiVersion);
}

/**
 * The version that a caller saw.
 *
 * @returns 0 when none is given
 * @throws {StatusError} 500 when it is no number, as kube-apiserver does
 */
export function givenVersion(object: ApiObject): number {
  const text = metaText(object, "resourceVersion");
  if (text === "") return 0;
  const version = /^[0-9]+$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(version)) {
    const message = `strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`;
    throw new StatusError(failure(500, message, undefined, ""));
  }
  return version;
}

/** Takes from a new object what only the server may say. */
export function dropSystemFields({ metadata }: ApiObject): void {
  for (
    const field of [
      "uid",
      "creationTimestamp",
      "deletionTimestamp",
      "deletionGracePeriodSeconds",
      "selfLink",
    ]
  ) delete metadata[field];
}

/** Sets what only the server may say of a new object, but for its name. */
export function setSystemFields(object: ApiObject, { now, random }: WriteDeps): void {
  object.metadata.uid = newUid(random);
  object.metadata.creationTimestamp = timestamp(now());
}

/** Takes back what an update may not change, without a word. */
export function keepSystemFields(next: ApiObject, live: ApiObject): void {
  const { metadata } = next;
  const old = live.metadata;
  const keep = (field: string): void => {
    if (old[field] === undefined) delete metadata[field];
    else metadata[field] = old[field];
  };
  delete metadata.selfLink;
  keep("creationTimestamp");
  if (metaText(next, "uid") === "") keep("uid");
  if (old.deletionTimestamp !== undefined) keep("deletionTimestamp");
  if (metadata.deletionGracePeriodSeconds === undefined) keep("deletionGracePeriodSeconds");
}

/** What is refused when a kind must be updated with a version in hand. */
export function versionRequired(kind: ApiKind, name: string): StatusError {
  return invalid({ ...kind, kind: kind.plural }, name, [{
    type: "FieldValueInvalid",
    field: "metadata.resourceVersion",
    message: "Invalid value: 0: must be specified for an update",
  }]);
}
