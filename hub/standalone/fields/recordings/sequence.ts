/**
 * What sequences of writes are made of; `record.ts` sends them to a real kube-apiserver.
 *
 * @module
 */

/** One request. */
export interface Step {
  /** What is sent. */
  do: "apply" | "create" | "json" | "merge" | "put" | "strategic";
  /** `fieldManager`. */
  by: string;
  /** Body of the request. */
  body: unknown;
  /** None: the object itself. */
  subresource?: string;
  /** Of an apply. */
  force?: boolean;
}

/** Requests for one object, in a file of their own. */
export interface Sequence {
  /** Name of the file. */
  name: string;
  /** Group, empty for the core one. */
  group: string;
  /** Resource. */
  plural: string;
  /** In order. */
  steps: Step[];
}

/** A body, or part of one. */
export type Body = Record<string, unknown>;

/** Requests for objects of one kind, all of them named `obj`, in the namespace `team`. */
export function of(group: string, version: string, plural: string, kind: string): {
  object: (fields?: Body, metadata?: Body) => Body;
  sequence: (name: string, steps: Step[]) => Sequence;
} {
  const apiVersion = group === "" ? version : `${group}/${version}`;
  return {
    object: (fields = {}, metadata = {}) => ({
      apiVersion,
      kind,
      metadata: { name: "obj", ...metadata },
      ...fields,
    }),
    sequence: (name, steps) => ({ name, group, plural, steps }),
  };
}

type Write = (by: string, body: unknown, subresource?: string) => Step;

function step(action: Step["do"], more: Partial<Step> = {}): Write {
  return (by, body, subresource) => ({
    do: action,
    by,
    body,
    ...(subresource === undefined ? {} : { subresource }),
    ...more,
  });
}

/** POST. */
export const create: Write = step("create");
/** PUT. */
export const put: Write = step("put");
/** JSON merge patch. */
export const merge: Write = step("merge");
/** JSON patch. */
export const json: Write = step("json");
/** Strategic merge patch. */
export const strategic: Write = step("strategic");
/** Server-side apply. */
export const apply: Write = step("apply");
/** Server-side apply with `force`. */
export const force: Write = step("apply", { force: true });

/** Some time. */
export const TIME = "2026-01-01T00:00:00Z";
