import assert from "node:assert/strict";
import { KINDS } from "../kinds/kinds.ts";
import type { Json } from "./documents.ts";
import { OPENAPI_PATHS, openApiV2, openApiV3 } from "./openapi.ts";
import { groupVersionPath, schemaOf, subresourceSchema } from "./schemas.ts";

interface Document {
  paths: Record<string, Record<string, Json>>;
  components: { schemas: Record<string, Json> };
}

function checkRefs(value: unknown, prefix: string, names: Record<string, unknown>): void {
  if (typeof value !== "object" || value === null) return;
  const { $ref } = value as Json;
  if (typeof $ref === "string") assert.ok(Object.hasOwn(names, $ref.slice(prefix.length)), $ref);
  for (const child of Object.values(value)) checkRefs(child, prefix, names);
}

Deno.test("openApiV3 has every schema that it refers to", () => {
  for (const path of OPENAPI_PATHS) {
    const document = openApiV3(path) as Document;
    checkRefs(document, "#/components/schemas/", document.components.schemas);
  }
  assert.equal(openApiV3("apis/apps/v1"), undefined);
  assert.equal(openApiV3("constructor"), undefined);
});

Deno.test("openApiV3 has a path for each kind, with what kubectl asks of it", () => {
  for (const kind of KINDS) {
    const { group, version, plural, namespaced, verbs } = kind;
    const path = groupVersionPath(kind);
    const document = openApiV3(path) as Document;
    const scope = namespaced ? "/namespaces/{namespace}" : "";
    const gvk = { group, version, kind: kind.kind };
    const post = document.paths[`/${path}${scope}/${plural}`]?.post;
    assert.deepEqual(post?.["x-kubernetes-group-version-kind"], gvk, plural);
    if (!verbs.includes("patch")) continue;
    const patch = document.paths[`/${path}${scope}/${plural}/{name}`]!.patch!;
    const names = (patch.parameters as Json[]).map(({ name }) => name);
    assert.ok(names.includes("fieldValidation") && names.includes("dryRun"), plural);
    for (const { name } of kind.subresources) {
      assert.ok(document.paths[`/${path}${scope}/${plural}/{name}/${name}`], `${plural}/${name}`);
    }
  }
});

Deno.test("openApiV2 says the same, DeleteOptions of all groups", () => {
  const { paths, definitions } = openApiV2() as {
    paths: Record<string, Record<string, Json>>;
    definitions: Record<string, Json>;
  };
  checkRefs(paths, "#/definitions/", definitions);
  checkRefs(definitions, "#/definitions/", definitions);
  const options = definitions["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]!;
  const groups = options["x-kubernetes-group-version-kind"] as Json[];
  assert.ok(groups.some(({ group }) => group === "rbac.authorization.k8s.io"));
  const put = paths["/api/v1/namespaces/{namespace}/secrets/{name}"]!.put!;
  assert.deepEqual((put.parameters as Json[])[0], {
    name: "body",
    in: "body",
    required: true,
    schema: { $ref: "#/definitions/io.k8s.api.core.v1.Secret" },
  });
});

Deno.test("schemaOf resolves references and keeps how lists merge", () => {
  for (const kind of KINDS) assert.equal(schemaOf(kind), schemaOf(kind));
  const secret = schemaOf(KINDS.find(({ kind }) => kind === "Secret")!);
  const owners = secret.properties?.metadata?.properties?.ownerReferences;
  assert.equal(owners?.["x-kubernetes-patch-merge-key"], "uid");
  assert.equal(owners?.["x-kubernetes-patch-strategy"], "merge");
  assert.deepEqual(owners?.["x-kubernetes-list-map-keys"], ["uid"]);
  assert.ok(owners?.items?.properties?.uid);
});

Deno.test("schemaOf takes our kinds from the CRDs, with the metadata of all", () => {
  const schema = schemaOf(KINDS.find(({ kind }) => kind === "ManagedCluster")!);
  assert.ok(schema.properties?.metadata?.properties?.finalizers);
  const { conditions } = schema.properties!.status!.properties!;
  assert.equal(conditions?.["x-kubernetes-list-type"], "map");
  assert.equal(
    schema.properties?.spec?.properties?.clusterId?.["x-kubernetes-validations"]?.[0]?.rule,
    "self == oldSelf",
  );
});

Deno.test("subresourceSchema gives TokenRequest for token, and refuses what is not there", () => {
  const account = KINDS.find(({ kind }) => kind === "ServiceAccount")!;
  assert.ok(subresourceSchema(account, "token").properties?.spec?.properties?.audiences);
  const node = KINDS.find(({ kind }) => kind === "Node")!;
  assert.equal(subresourceSchema(node, "status"), schemaOf(node));
  assert.throws(() => subresourceSchema(node, "token"), /nodes have no subresource "token"/);
});
