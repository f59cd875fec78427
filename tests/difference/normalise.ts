/**
 * Takes from an answer what may differ between two API servers that do the same: uids, times,
 * versions, tokens, and what only one of them serves.
 *
 * @module
 */
import { KINDS } from "../../hub/standalone/kinds/kinds.ts";
import type { Answer } from "./cell.ts";
import type { Json } from "./fixtures.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const OURS = /^00000000-0000-4000-8000-/;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const TIMES = new Set(["creationTimestamp", "deletionTimestamp", "time", "expirationTimestamp"]);
/** Keys whose value is a secret or an opaque token. */
const OPAQUE = new Set(["token", "continue", "ca.crt", "storageVersionHash", "serverAddress"]);
/** Cells of tables that tell time. */
const AGES = new Set(["Age", "AGE", "Last Seen", "First Seen", "Created At"]);

/** An answer that can be compared with `deepEqual`. */
export function normalised({ status, type, warnings, body }: Answer): Json {
  return {
    status,
    type,
    warnings,
    body: Array.isArray(body)
      ? body.filter(isEvent).map((event) => value("", served(event)))
      : value("", served(body)),
  };
}

/** Bookmarks come when the server likes, but for the one that ends a watch list. */
function isEvent(event: Json): boolean {
  return event?.type !== "BOOKMARK" ||
    event.object?.metadata?.annotations?.["k8s.io/initial-events-end"] !== undefined;
}

/** Discovery documents: only what both serve. Lists of rules have no order. */
function served(body: Json): Json {
  if (body?.kind === "SelfSubjectRulesReview" && body.status !== undefined) {
    const sorted = (rules: Json[]): Json[] =>
      rules.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    const { resourceRules, nonResourceRules } = body.status;
    return {
      ...body,
      status: {
        ...body.status,
        resourceRules: sorted(resourceRules),
        nonResourceRules: sorted(nonResourceRules),
      },
    };
  }
  if (body?.kind !== "APIResourceList") return body;
  const [group, version] = body.groupVersion.includes("/")
    ? body.groupVersion.split("/")
    : ["", body.groupVersion];
  const names = KINDS.filter((kind) => kind.group === group && kind.version === version)
    .flatMap(({ plural, subresources }) => [
      plural,
      ...subresources.map(({ name }) => `${plural}/${name}`),
    ]);
  const resources = body.resources.filter(({ name }: Json) => names.includes(name))
    .map(({ storageVersionHash: _, ...rest }: Json) => rest);
  return { ...body, resources };
}

function value(key: string, input: Json): Json {
  if (typeof input === "string") return text(key, input);
  if (key === "remainingItemCount") return "COUNT";
  if (Array.isArray(input)) return input.map((item) => value("", item));
  if (input === null || typeof input !== "object") return input;
  const ages = input.kind === "Table"
    ? (input.columnDefinitions ?? []).flatMap(({ name }: Json, index: number) =>
      AGES.has(name) ? [index] : []
    )
    : [];
  const out: Json = {};
  for (const [name, item] of Object.entries(input) as [string, Json][]) {
    if (name === "rows" && ages.length > 0) out.rows = item.map((row: Json) => aged(row, ages));
    else out[name] = value(name, item);
  }
  // Several faults come in the order of a Go map
  if (Array.isArray(out.causes)) {
    out.causes.sort((a: Json, b: Json) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  }
  if (out.metadata?.generateName !== undefined) out.metadata.name = "GENERATED";
  return out;
}

function aged(row: Json, ages: number[]): Json {
  const cells = row.cells.map((cell: Json, index: number) =>
    ages.includes(index) ? "AGE" : value("", cell)
  );
  return { ...value("", { ...row, cells: [] }), cells };
}

function text(key: string, input: string): string {
  if (key === "uid") return "UID";
  if (key === "resourceVersion" && /^\d+$/.test(input)) return "VERSION";
  if (TIMES.has(key)) return "TIME";
  if (OPAQUE.has(key)) return key.toUpperCase();
  return input.replace(UUID, (uuid) => OURS.test(uuid) ? uuid : "UID").replace(TIME, "TIME")
    .replace(/(too old resource version: )\d+ \(\d+\)/, "$1VERSION (VERSION)")
    .replace(/(resource version: |current: |resourceVersion\\?":\\?")\d+/gi, "$1VERSION")
    // The issuer is a flag of both
    .replaceAll("https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc");
}

/** Where two values differ first, in words; `undefined` when they do not. */
export function firstDifference(a: Json, b: Json, path = ""): string | undefined {
  if (Object.is(a, b)) return undefined;
  const both = (one: (value: Json) => boolean): boolean => one(a) && one(b);
  if (both(Array.isArray)) {
    for (let index = 0; index < Math.max(a.length, b.length); index++) {
      const found = firstDifference(a[index], b[index], `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (both((value) => value !== null && typeof value === "object" && !Array.isArray(value))) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = firstDifference(a[key], b[key], path === "" ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return `${path}\n      real:     ${show(a)}\n      embedded: ${show(b)}`;
}

function show(value: Json): string {
  return (JSON.stringify(value) ?? "(absent)").slice(0, 600);
}
