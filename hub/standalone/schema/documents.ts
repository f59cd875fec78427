/**
 * The OpenAPI data of the built-in groups, parsed when first asked for.
 *
 * @module
 */
import authentication from "./data/authentication.k8s.io_v1.json" with { type: "text" };
import authorization from "./data/authorization.k8s.io_v1.json" with { type: "text" };
import clusters from "./data/clusters.clusternet.io_v1beta1.json" with { type: "text" };
import coordination from "./data/coordination.k8s.io_v1.json" with { type: "text" };
import core from "./data/core_v1.json" with { type: "text" };
import meta from "./data/meta_v1.json" with { type: "text" };
import rbac from "./data/rbac.authorization.k8s.io_v1.json" with { type: "text" };

/** A JSON object. */
export type Json = Record<string, unknown>;

/** What is kept of a group version's document. */
export interface GroupData {
  /** `info` of the document. */
  readonly info: Json;
  /** Operations; parameters, bodies and responses are places in `shared`. */
  readonly paths: Readonly<Record<string, Json>>;
  /** What operations share. */
  readonly shared: readonly Json[];
  /** Own schemas by name; references as in OpenAPI v3. */
  readonly schemas: Readonly<Record<string, Json>>;
}

const TEXTS: Readonly<Record<string, string>> = {
  "api/v1": core,
  "apis/authentication.k8s.io/v1": authentication,
  "apis/authorization.k8s.io/v1": authorization,
  "apis/clusters.clusternet.io/v1beta1": clusters,
  "apis/coordination.k8s.io/v1": coordination,
  "apis/rbac.authorization.k8s.io/v1": rbac,
};
const parsed = new Map<string, GroupData>();
let metaSchemas: Readonly<Record<string, Json>> | undefined;

/** `api/v1`, `apis/rbac.authorization.k8s.io/v1` and so on, sorted. */
export const GROUP_PATHS: readonly string[] = Object.keys(TEXTS);

/** Data of a group version, by its path. */
export function groupData(path: string): GroupData | undefined {
  const text = Object.hasOwn(TEXTS, path) ? TEXTS[path] : undefined;
  if (text === undefined) return undefined;
  const data = parsed.get(path) ?? JSON.parse(text) as GroupData;
  parsed.set(path, data);
  return data;
}

/** Schemas of `io.k8s.apimachinery` that all groups share. */
export function metaData(): Readonly<Record<string, Json>> {
  return metaSchemas ??= (JSON.parse(meta) as Pick<GroupData, "schemas">).schemas;
}
