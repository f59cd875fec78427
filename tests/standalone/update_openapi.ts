/**
 * Takes the OpenAPI documents of a real kube-apiserver and writes what the embedded API serves of
 * them to `hub/standalone/schema/data/`.
 *
 * Starts a cluster of its own, with the two CRDs of `deploy/hub`, and ends it:
 *
 * ```sh
 * deno run -A tests/standalone/update_openapi.ts && deno fmt hub/standalone/schema/data
 * ```
 *
 * @module
 */
import { type ApiKind, resourceKey } from "../../hub/standalone/kinds/kind.ts";
import { KINDS } from "../../hub/standalone/kinds/kinds.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";

type Json = Record<string, unknown>;

/** An OpenAPI v3 document, as kube-apiserver serves it. */
interface Document {
  openapi: string;
  info: Json;
  paths: Record<string, Json>;
  components: { schemas: Record<string, Json> };
}

const DATA = new URL("../../hub/standalone/schema/data/", import.meta.url);
const CRDS = new URL("../../deploy/hub/", import.meta.url);
const PREFIX = "#/components/schemas/";
const META = "io.k8s.apimachinery.";
/** Keys whose values many operations share. */
const SHARED = new Set(["parameters", "responses", "requestBody"]);

function groupVersion({ group, version }: ApiKind): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** Calls `visit` with every object in `value`. */
function walk(value: unknown, visit: (object: Json) => void): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) visit(value as Json);
  for (const child of Object.values(value)) walk(child, visit);
}

/** Whether a path is of a resource that is served, and not one of the old watch paths. */
function isServed(path: string, kinds: readonly ApiKind[]): boolean {
  const rest = path.replace(/^\/(api|apis\/[^/]+)\/[^/]+\//, "");
  return kinds.some((kind) => {
    const names = kind.subresources.map(({ name }) => name).join("|");
    const scope = kind.namespaced ? "(namespaces/\\{namespace\\}/)?" : "";
    return new RegExp(`^${scope}${kind.plural}(/\\{name\\}(/(${names}))?)?$`).test(rest);
  });
}

/** Drops media types that are not spoken. */
function trimMedia(paths: Record<string, Json>): void {
  walk(paths, ({ content }) => {
    if (typeof content !== "object" || content === null) return;
    for (const type of Object.keys(content)) {
      if (/protobuf|cbor/.test(type)) delete (content as Json)[type];
    }
  });
}

/** Replaces what operations share by its place in `shared`. */
function share(paths: Record<string, Json>, shared: unknown[]): void {
  const places = new Map(shared.map((part, place) => [JSON.stringify(part), place]));
  const placeOf = (part: unknown): number => {
    const text = JSON.stringify(part);
    const place = places.get(text) ?? shared.push(part) - 1;
    places.set(text, place);
    return place;
  };
  walk(paths, (object) => {
    for (const [key, value] of Object.entries(object)) {
      if (!SHARED.has(key) || typeof value !== "object" || value === null) continue;
      object[key] = Array.isArray(value)
        ? value.map(placeOf)
        : key === "responses"
        ? Object.fromEntries(Object.entries(value).map(([code, part]) => [code, placeOf(part)]))
        : placeOf(value);
    }
  });
}

function reachable(schemas: Record<string, Json>, roots: unknown): Record<string, Json> {
  const names = new Set<string>();
  const visit = (value: unknown): void =>
    walk(value, ({ $ref }) => {
      if (typeof $ref !== "string") return;
      const name = $ref.slice(PREFIX.length);
      if (names.has(name)) return;
      names.add(name);
      visit(schemas[name]);
    });
  visit(roots);
  return Object.fromEntries([...names].sort().map((name) => [name, schemas[name]!]));
}

async function write(file: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(new URL(file, DATA), JSON.stringify(value));
}

async function read(cluster: Cluster, path: string): Promise<unknown> {
  return JSON.parse(await cluster.kubectlOk(["get", "--raw", path]));
}

async function update(cluster: Cluster): Promise<void> {
  const meta: Record<string, Json> = {};
  for (const path of new Set(KINDS.map(groupVersion))) {
    const kinds = KINDS.filter((kind) => groupVersion(kind) === path);
    const document = await read(cluster, `/openapi/v3/${path}`) as Document;
    const paths = Object.fromEntries(
      Object.entries(document.paths).filter(([key]) => isServed(key, kinds)),
    );
    trimMedia(paths);
    const schemas = reachable(document.components.schemas, paths);
    const shared: unknown[] = [];
    share(paths, shared);
    for (const [name, schema] of Object.entries(schemas)) {
      if (!name.startsWith(META)) continue;
      const known = meta[name] ??= schema;
      // DeleteOptions and the like name the groups that they are of: those stay.
      if (JSON.stringify(known) === JSON.stringify(schema)) delete schemas[name];
    }
    // Our kinds are those of the CRDs in deploy/hub.
    const own = Object.fromEntries(
      Object.entries(schemas).filter(([name]) => name.startsWith("io.k8s.")),
    );
    const file = `${kinds[0]!.group || "core"}_${kinds[0]!.version}.json`;
    await write(file, { info: document.info, paths, shared, schemas: own });
  }
  await write("meta_v1.json", { schemas: meta });
}

await using cluster = await startCluster({ name: "openapi" });
await cluster.kubectlOk([
  "apply",
  ...["01-crd-clusterregistrationrequests.yaml", "02-crd-managedclusters.yaml"]
    .flatMap((file) => ["-f", new URL(file, CRDS).pathname]),
]);
const custom = KINDS.filter((kind) => kind.custom).map(resourceKey);
await cluster.kubectlOk(["wait", "--for=condition=Established", ...custom.map((n) => `crd/${n}`)]);
await cluster.api.until("the CRDs' OpenAPI", async () => {
  const { status, text } = await cluster.api.request("GET", "/openapi/v3");
  return status === 200 && text.includes("clusters.clusternet.io/v1beta1");
});
await update(cluster);
