/**
 * Schemas of our own kinds, from the CRDs in deploy/, as kube-apiserver publishes them.
 *
 * @module
 */
import { parse } from "yaml";
import requests from "../../../deploy/hub/01-crd-clusterregistrationrequests.yaml" with {
  type: "text",
};
import clusters from "../../../deploy/hub/02-crd-managedclusters.yaml" with { type: "text" };
import { CLUSTERS_GROUP, CLUSTERS_VERSION } from "../../../shared/kube/clusternet_types.ts";
import type { Json } from "./documents.ts";

/** What is read of a CustomResourceDefinition. */
interface Crd {
  spec: {
    names: { kind: string; plural: string };
    versions: { name: string; schema: { openAPIV3Schema: Json } }[];
  };
}

const PREFIX = "io.clusternet.clusters.v1beta1";
const META = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1";
const CONVENTIONS =
  "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
const TYPE_META: Json = {
  apiVersion: {
    description: "APIVersion defines the versioned schema of this representation of an object. " +
      "Servers should convert recognized schemas to the latest internal value, and may reject " +
      `unrecognized values. More info: ${CONVENTIONS}#resources`,
    type: "string",
  },
  kind: {
    description: "Kind is a string value representing the REST resource this object represents. " +
      "Servers may infer this from the endpoint the client submits requests to. Cannot be " +
      `updated. In CamelCase. More info: ${CONVENTIONS}#types-kinds`,
    type: "string",
  },
};

let schemas: Readonly<Record<string, Json>> | undefined;

function sortKeys(properties: Json): Json {
  return Object.fromEntries(Object.entries(properties).sort(([a], [b]) => a < b ? -1 : 1));
}

/** Properties in the order of the alphabet, at every level; the depth is that of our own files. */
function sorted(schema: Json): Json {
  const copy = { ...schema };
  if (schema.properties !== undefined) {
    const entries = Object.entries(schema.properties as Record<string, Json>);
    copy.properties = sortKeys(Object.fromEntries(entries.map(([k, v]) => [k, sorted(v)])));
  }
  if (schema.items !== undefined) copy.items = sorted(schema.items as Json);
  if (schema.additionalProperties !== undefined) {
    copy.additionalProperties = sorted(schema.additionalProperties as Json);
  }
  return copy;
}

function gvk(kind: string): Json[] {
  return [{ group: CLUSTERS_GROUP, kind, version: CLUSTERS_VERSION }];
}

function publish(text: string): [string, Json][] {
  const { spec: { names: { kind, plural }, versions } } = parse(text) as Crd;
  const own = versions.find(({ name }) => name === CLUSTERS_VERSION)?.schema.openAPIV3Schema;
  if (own === undefined) throw new Error(`The CRD of ${kind} lacks ${CLUSTERS_VERSION}`);
  const schema = sorted(own);
  schema.properties = sortKeys({
    ...schema.properties as Json,
    ...TYPE_META,
    metadata: {
      description: `Standard object's metadata. More info: ${CONVENTIONS}#metadata`,
      allOf: [{ $ref: `${META}.ObjectMeta` }],
    },
  });
  schema["x-kubernetes-group-version-kind"] = gvk(kind);
  const list: Json = {
    description: `${kind}List is a list of ${kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: TYPE_META.apiVersion,
      items: {
        description: `List of ${plural}. More info: ${CONVENTIONS}`,
        type: "array",
        items: { $ref: `#/components/schemas/${PREFIX}.${kind}` },
      },
      kind: TYPE_META.kind,
      metadata: {
        description: `Standard list metadata. More info: ${CONVENTIONS}#types-kinds`,
        allOf: [{ $ref: `${META}.ListMeta` }],
      },
    },
    "x-kubernetes-group-version-kind": gvk(`${kind}List`),
  };
  return [[`${PREFIX}.${kind}`, schema], [`${PREFIX}.${kind}List`, list]];
}

/** Schemas of a group version that CRDs define, by name; none for all but ours. */
export function customSchemas(path: string): Readonly<Record<string, Json>> {
  if (path !== `apis/${CLUSTERS_GROUP}/${CLUSTERS_VERSION}`) return {};
  return schemas ??= Object.fromEntries([requests, clusters].flatMap(publish));
}
