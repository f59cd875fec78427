/**
 * Takes the protobuf messages of the built-in kinds from Kubernetes' Go modules and writes them as
 * one protobufjs descriptor to `hub/standalone/schema/data/protobuf.json`.
 *
 * Which fields JSON leaves out is told by the struct tags beside each `generated.proto`. Every field
 * keeps what differs from the usual (JSON's name is the proto's, the zero value is left out):
 *
 * - `json`: its name in JSON
 * - `pointer`: a zero that was sent is said
 * - `always`: is said even when it was not sent
 *
 * Needs Go, and downloads the two modules when they are not there yet:
 *
 * ```sh
 * deno run -A tests/standalone/update_protobuf.ts
 * ```
 *
 * @module
 */
import protobuf from "protobufjs";
import { KINDS } from "../../hub/standalone/kinds/kinds.ts";

const VERSION = "v0.36.3";
const OUT = new URL("../../hub/standalone/schema/data/protobuf.json", import.meta.url);
const META = "k8s.io.apimachinery.pkg.apis.meta.v1";
/** Folders of the proto packages; each holds `generated.proto` and mostly `types.go`. */
const PACKAGES: Readonly<Record<string, string>> = {
  "k8s.io.api.authentication.v1": "k8s.io/api/authentication/v1",
  "k8s.io.api.authorization.v1": "k8s.io/api/authorization/v1",
  "k8s.io.api.coordination.v1": "k8s.io/api/coordination/v1",
  "k8s.io.api.core.v1": "k8s.io/api/core/v1",
  "k8s.io.api.rbac.v1": "k8s.io/api/rbac/v1",
  [META]: "k8s.io/apimachinery/pkg/apis/meta/v1",
  "k8s.io.apimachinery.pkg.api.resource": "k8s.io/apimachinery/pkg/api/resource",
  "k8s.io.apimachinery.pkg.runtime": "k8s.io/apimachinery/pkg/runtime",
  "k8s.io.apimachinery.pkg.runtime.schema": "k8s.io/apimachinery/pkg/runtime/schema",
  "k8s.io.apimachinery.pkg.util.intstr": "k8s.io/apimachinery/pkg/util/intstr",
};
/** Those that JSON writes in ways of their own. */
const SPECIAL = /\.(Time|MicroTime|Quantity|IntOrString|FieldsV1|RawExtension|ExtraValue|Unknown)$/;

/** A named or embedded field: its asterisk and its tags. */
const GO_FIELD = /^\t(?:\w+\s+)?(\*)?[\w.[\]*]+\s+`([^`]*)`/gm;

/** A protobufjs descriptor. */
interface Descriptor {
  nested?: Record<string, Descriptor>;
  fields?: Record<string, { type: string; id: number; rule?: string; keyType?: string }>;
}

/** What a Go field says of itself. */
interface GoField {
  readonly pointer: boolean;
  readonly json: string;
  /** Such as `omitempty`. */
  readonly words: readonly string[];
}

async function moduleFolder(name: string): Promise<string> {
  const { stdout, success } = await new Deno.Command("go", {
    args: ["mod", "download", "-json", `${name}@${VERSION}`],
    cwd: Deno.env.get("TMPDIR") ?? "/tmp",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`no Go module ${name}@${VERSION}; see what go said`);
  return (JSON.parse(new TextDecoder().decode(stdout)) as { Dir: string }).Dir;
}

/** Fields of every struct of a Go file, by the number of the proto field. */
function goStructs(text: string): Map<string, Map<number, GoField>> {
  const structs = new Map<string, Map<number, GoField>>();
  for (const [, name = "", body = ""] of text.matchAll(/^type (\w+) struct \{\n([^]*?)^\}/gm)) {
    const fields = new Map<number, GoField>();
    for (const [, pointer, tags = ""] of body.matchAll(GO_FIELD)) {
      const id = /protobuf:"\w+,(\d+),/.exec(tags)?.[1];
      if (id === undefined) continue;
      const [json = "", ...words] = (/json:"([^"]*)"/.exec(tags)?.[1] ?? "").split(",");
      fields.set(Number(id), { pointer: pointer !== undefined, json, words });
    }
    structs.set(name, fields);
  }
  return structs;
}

function isStruct(type: protobuf.Type | protobuf.Enum | null): boolean {
  return type instanceof protobuf.Type;
}

function noteField(field: protobuf.Field, go: GoField): void {
  const { json, pointer, words } = go;
  if (words.includes("inline") || json === "") {
    throw new Error(`${field.fullName} is inlined, which the decoder does not know`);
  }
  const single = !field.repeated && !field.map;
  const struct = single && isStruct(field.resolvedType) && !pointer;
  const leftOut = words.includes("omitzero") || (words.includes("omitempty") && !struct);
  if (json !== field.name) field.setOption("json", json);
  if (pointer) field.setOption("pointer", true);
  if (!leftOut) field.setOption("always", true);
}

/** Every type that `roots` need. */
function reachable(roots: readonly protobuf.Type[]): Set<protobuf.Type> {
  const found = new Set<protobuf.Type>();
  const queue = [...roots];
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (found.has(type)) continue;
    found.add(type);
    for (const { resolvedType } of type.fieldsArray) {
      if (resolvedType instanceof protobuf.Type) queue.push(resolvedType);
    }
  }
  return found;
}

/** Leaves of a descriptor the messages that are wanted. */
function only(descriptor: Descriptor, path: string, wanted: ReadonlySet<string>): Descriptor {
  const nested = Object.entries(descriptor.nested ?? {}).flatMap(
    ([name, one]): [string, Descriptor][] => {
      const here = `${path}.${name}`;
      if (one.fields !== undefined) {
        return wanted.has(here) ? [[name, { fields: one.fields }]] : [];
      }
      const kept = only(one, here, wanted);
      return Object.keys(kept.nested ?? {}).length === 0 ? [] : [[name, kept]];
    },
  );
  return { nested: Object.fromEntries(nested) };
}

const folders: Readonly<Record<string, string>> = {
  "k8s.io/api": await moduleFolder("k8s.io/api"),
  "k8s.io/apimachinery": await moduleFolder("k8s.io/apimachinery"),
};

async function readSource(path: string, file: string): Promise<string> {
  const name = path.split("/").slice(0, 2).join("/");
  return await Deno.readTextFile(`${folders[name]}${path.slice(name.length)}/${file}`);
}

const root = new protobuf.Root();
for (const path of Object.values(PACKAGES)) {
  protobuf.parse(await readSource(path, "generated.proto"), root, { keepCase: true });
}
root.resolveAll();
const packageOf = (group: string): string =>
  `k8s.io.api.${group === "" ? "core" : group.split(".")[0]}.v1`;
const wanted = reachable([
  ...KINDS.filter(({ custom }) => !custom).map(({ group, kind }) => `${packageOf(group)}.${kind}`),
  "k8s.io.api.authentication.v1.TokenRequest",
  `${META}.DeleteOptions`,
  "k8s.io.apimachinery.pkg.runtime.Unknown",
].map((name) => root.lookupType(name)));

const structs = new Map<string, Map<string, Map<number, GoField>>>();
for (const type of wanted) {
  if (SPECIAL.test(type.fullName) || type.name === "TypeMeta") continue;
  const home = type.parent!.fullName.slice(1);
  if (!structs.has(home)) {
    structs.set(home, goStructs(await readSource(PACKAGES[home]!, "types.go")));
  }
  for (const field of type.fieldsArray) {
    const go = structs.get(home)!.get(type.name)?.get(field.id);
    if (go === undefined) throw new Error(`no Go field of ${field.fullName} in types.go`);
    noteField(field, go);
  }
}
const names = new Set([...wanted].map(({ fullName }) => fullName));
await Deno.writeTextFile(OUT, JSON.stringify(only(root.toJSON() as Descriptor, "", names)) + "\n");
