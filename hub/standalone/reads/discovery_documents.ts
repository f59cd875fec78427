/**
 * Discovery documents of kinds, classic and aggregated (KEP-3352).
 *
 * @module
 */
import { type ApiKind, apiVersionOf, type Subresource, type Verb } from "../kinds/kind.ts";

/** A group that somebody else serves, to be announced beside the own ones. */
export interface ExtraGroup {
  /** `APIGroup`, with or without its `kind` and `apiVersion`. */
  readonly group: {
    readonly name: string;
    readonly versions: readonly unknown[];
    readonly preferredVersion: unknown;
  };
  /** `APIResourceList` by `group/version`. */
  readonly resources: Readonly<Record<string, unknown>>;
  /** `APIGroupDiscovery`. */
  readonly discovery: unknown;
  /** OpenAPI v3 documents by path, such as `apis/proxies.clusternet.io/v1alpha1`. */
  readonly openApiV3?: Readonly<Record<string, unknown>>;
}

/** Kinds of one version of a group. */
export interface GroupVersion {
  /** Empty for the core group. */
  readonly group: string;
  /** Such as `v1`. */
  readonly version: string;
  /** In the order of discovery. */
  readonly kinds: readonly ApiKind[];
}

/** The order of kube-apiserver, where it is not that of the kinds. */
const FIRST = ["", "authentication.k8s.io", "authorization.k8s.io", "rbac.authorization.k8s.io"];
/** As apiextensions-apiserver lists them. */
const CUSTOM_VERBS: readonly Verb[] = [
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "create",
  "update",
  "watch",
];

/** Sorts kinds into groups, in the order of discovery. */
export function groupVersions(kinds: readonly ApiKind[]): GroupVersion[] {
  const rank = ({ group }: GroupVersion): number => (FIRST.indexOf(group) + 1) || FIRST.length + 1;
  return [...Map.groupBy(kinds, apiVersionOf).values()].map((kinds) => {
    const { group, version } = kinds[0]!;
    return { group, version, kinds };
  }).sort((a, b) => rank(a) - rank(b));
}

function verbsOf({ custom, verbs }: ApiKind): readonly Verb[] {
  return custom ? CUSTOM_VERBS : verbs;
}

function optional(key: string, values: readonly string[]): Record<string, unknown> {
  return values.length === 0 ? {} : { [key]: values };
}

/** `APIResourceList`; that of the core group has no `apiVersion`, as kube-apiserver's. */
export function resourceList({ group, version, kinds }: GroupVersion): unknown {
  return {
    kind: "APIResourceList",
    ...(group === "" ? {} : { apiVersion: "v1" }),
    groupVersion: apiVersionOf({ group, version }),
    resources: kinds.flatMap((kind) => [
      {
        name: kind.plural,
        singularName: kind.singular,
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: verbsOf(kind),
        ...optional("shortNames", kind.shortNames),
        ...optional("categories", kind.categories),
      },
      ...kind.subresources.map((sub) => ({
        name: `${kind.plural}/${sub.name}`,
        singularName: "",
        namespaced: kind.namespaced,
        ...(sub.group === undefined ? {} : { group: sub.group }),
        ...(sub.version === undefined ? {} : { version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]),
  };
}

/** The entry of a group in `APIGroupList`. */
export function groupEntry({ group, version }: GroupVersion): Record<string, unknown> {
  const entry = { groupVersion: apiVersionOf({ group, version }), version };
  return { name: group, versions: [entry], preferredVersion: entry };
}

/** kube-apiserver leaves the group and version out where they are the resource's own. */
function responseKind(kind: ApiKind, sub?: Subresource): unknown {
  const own = kind.custom ? kind : { group: "", version: "" };
  const { group = own.group, version = own.version } = sub ?? {};
  return { group, version, kind: sub?.kind ?? kind.kind };
}

/** `APIGroupDiscovery`, the same in `v2` and `v2beta1`. */
export function groupDiscovery({ group, version, kinds }: GroupVersion): unknown {
  return {
    metadata: group === "" ? {} : { name: group },
    versions: [{
      version,
      resources: kinds.map((kind) => ({
        resource: kind.plural,
        responseKind: responseKind(kind),
        scope: kind.namespaced ? "Namespaced" : "Cluster",
        singularResource: kind.singular,
        verbs: verbsOf(kind),
        ...optional("shortNames", kind.shortNames),
        ...optional("categories", kind.categories),
        ...(kind.subresources.length === 0 ? {} : {
          subresources: kind.subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: responseKind(kind, sub),
            verbs: sub.verbs,
          })),
        }),
      })),
      freshness: "Current",
    }],
  };
}
