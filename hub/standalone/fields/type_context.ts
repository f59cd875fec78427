/**
 * What the field managers need to know of a kind: its type, what each way in may not change, and
 * how its objects look when they are empty.
 *
 * Source: `GetResetFields` of the strategies in kubernetes `pkg/registry` and
 * k8s.io/apiextensions-apiserver `pkg/registry/customresource`
 *
 * @module
 */
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { atomOf } from "./atom.ts";
import { FieldSet } from "./field_set.ts";
import type { TypeContext } from "./updater.ts";
import { isObject, type JsonObject, setMember } from "./values.ts";

const NOTHING = new FieldSet();
const STATUS = FieldSet.of(["f:status"]);
const SPEC = FieldSet.of(["f:spec"]);
const SPEC_AND_METADATA = FieldSet.of(["f:metadata"], ["f:spec"]);

/** What the managers of a kind work with. */
export function typeContext(kind: ApiKind, schema: Schema, subresource: string): TypeContext {
  return {
    atom: atomOf(schema),
    apiVersion: apiVersionOf(kind),
    resetFields: resetFieldsOf(kind, subresource),
  };
}

function resetFieldsOf(kind: ApiKind, subresource: string): FieldSet {
  if (!kind.subresources.some(({ name }) => name === "status")) return NOTHING;
  if (subresource !== "status") return STATUS;
  return kind.custom ? SPEC_AND_METADATA : SPEC;
}

/** Fields that Go writes although they are empty, by kind: structs, and those without `omitempty`. */
const EMPTY: Readonly<Record<string, JsonObject>> = {
  ClusterRole: { rules: null },
  ClusterRoleBinding: { roleRef: { apiGroup: "", kind: "", name: "" } },
  Event: {
    involvedObject: {},
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: "",
    reportingInstance: "",
  },
  Lease: { spec: {} },
  Namespace: { spec: {}, status: {} },
  Node: {
    spec: {},
    status: {
      daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
      nodeInfo: {
        architecture: "",
        bootID: "",
        containerRuntimeVersion: "",
        kernelVersion: "",
        kubeProxyVersion: "",
        kubeletVersion: "",
        machineID: "",
        operatingSystem: "",
        osImage: "",
        systemUUID: "",
      },
    },
  },
  Role: { rules: null },
  RoleBinding: { roleRef: { apiGroup: "", kind: "", name: "" } },
};

/** The object before anybody wrote anything: what a create is compared with. */
export function emptyObject(kind: ApiKind): ApiObject {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {},
    ...(kind.custom ? {} : structuredClone(EMPTY[kind.kind])),
  };
}

/**
 * The object as the managers see it: without `metadata.managedFields`, without fields that the
 * schema does not know, and of built-in kinds without the empty lists and maps that Go leaves out and
 * with what it writes although it is empty. Shares with the object what does not change.
 */
export function typedView(kind: ApiKind, schema: Schema, object: ApiObject): unknown {
  const { managedFields: _, ...metadata } = object.metadata;
  const seen = viewObject(schema, { ...object, metadata }, kind.custom);
  if (!kind.custom) {
    for (const [name, empty] of Object.entries(EMPTY[kind.kind] ?? {})) {
      seen[name] ??= object[name] ?? empty;
    }
  }
  return seen;
}

function view(schema: Schema, value: unknown, custom: boolean): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined || isFlat(items)) return value;
    return value.map((item: unknown) => view(items, item, custom));
  }
  return isObject(value) ? viewObject(schema, value, custom) : value;
}

function viewObject(schema: Schema, value: JsonObject, custom: boolean): JsonObject {
  const { properties = {}, additionalProperties } = schema;
  const isFree = additionalProperties === undefined &&
    (Object.keys(properties).length === 0 || schema["x-kubernetes-preserve-unknown-fields"]);
  if (isFree || (additionalProperties !== undefined && isFlat(additionalProperties))) return value;
  const out: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const type = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (type === undefined) continue;
    const seen = view(type, child, custom);
    if (custom || !isLeftOut(type, seen) || schema.required?.includes(name)) {
      setMember(out, name, seen);
    }
  }
  return out;
}

/** Whether nothing below can change: the many entries of a ConfigMap need not be copied. */
function isFlat({ type }: Schema): boolean {
  return type !== undefined && type !== "object" && type !== "array";
}

function isLeftOut(type: Schema, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && type.additionalProperties !== undefined &&
    Object.keys(value).length === 0;
}
