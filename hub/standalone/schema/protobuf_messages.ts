/**
 * The protobuf messages of the built-in kinds, loaded when the first such body comes.
 *
 * Source: `generated.proto` of k8s.io/api and k8s.io/apimachinery, see `data/README.md`
 *
 * @module
 */
import type protobuf from "protobufjs";
import { KINDS } from "../kinds/kinds.ts";
import data from "./data/protobuf.json" with { type: "text" };

/** The library and the messages. */
export interface Messages {
  /** Makes a reader of bytes. */
  readonly reader: (bytes: Uint8Array) => protobuf.Reader;
  /** `runtime.Unknown`, which wraps every object. */
  readonly unknown: protobuf.Type;
  /** Message of a kind; `undefined` when it is not served. */
  readonly typeOf: (apiVersion: string, kind: string) => protobuf.Type | undefined;
}

const AUTHENTICATION = "authentication.k8s.io";
const DELETE_OPTIONS = "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions";

let loaded: Promise<Messages> | undefined;

function eachType(space: protobuf.NamespaceBase, visit: (type: protobuf.Type) => void): void {
  for (const one of space.nestedArray) {
    if ("fieldsArray" in one) visit(one as protobuf.Type);
    else if ("nestedArray" in one) eachType(one as protobuf.NamespaceBase, visit);
  }
}

/** The library's own classes make every list and map of every message, also those not sent. */
function plainClass(
  library: typeof protobuf,
  { fieldsArray }: protobuf.Type,
): protobuf.Constructor<object> {
  class Plain extends library.Message {}
  // The decoder looks at these to see whether it must make a map or list
  for (const field of fieldsArray) {
    const value: unknown = field.resolve().defaultValue;
    Object.defineProperty(Plain.prototype, field.name, { value, writable: true });
  }
  return Plain;
}

async function load(): Promise<Messages> {
  const { default: library } = await import("protobufjs/light.js");
  const root = library.Root.fromJSON(JSON.parse(data) as protobuf.INamespace);
  eachType(root, (type) => {
    type.ctor = plainClass(library, type);
  });
  const kinds = [
    ...KINDS.filter(({ custom }) => !custom),
    { group: AUTHENTICATION, version: "v1", kind: "TokenRequest" },
  ];
  const types = new Map(kinds.map(({ group, version, kind }) => {
    const folder = group === "" ? "core" : group.slice(0, group.indexOf("."));
    const apiVersion = group === "" ? version : `${group}/${version}`;
    return [`${apiVersion}.${kind}`, root.lookupType(`k8s.io.api.${folder}.${version}.${kind}`)];
  }));
  const deleteOptions = root.lookupType(DELETE_OPTIONS);
  return {
    reader: (bytes) => library.Reader.create(bytes),
    unknown: root.lookupType("k8s.io.apimachinery.pkg.runtime.Unknown"),
    // Options are of every group, as metav1.AddToGroupVersion registers them
    typeOf: (apiVersion, kind) =>
      kind === "DeleteOptions" ? deleteOptions : types.get(`${apiVersion}.${kind}`),
  };
}

/** Loads the messages, once. */
export function loadMessages(): Promise<Messages> {
  return loaded ??= load();
}
