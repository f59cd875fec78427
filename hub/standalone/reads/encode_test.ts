import assert from "node:assert/strict";
import type { ApiObject } from "../store/types.ts";
import { objectResponse } from "./encode.ts";
import { kind, NOW, object, refusal, TABLE } from "./testing.ts";

function answer(plural: string, value: ApiObject, accept: string, query = ""): Response {
  const path = plural === "managedclusters" ? "/apis/clusters.clusternet.io/v1beta1" : "/api/v1";
  const request = new Request(`https://hub.invalid${path}/x?${query}`, { headers: { accept } });
  return objectResponse({
    request,
    kind: kind(plural),
    object: value,
    now: () => NOW,
    status: 201,
    headers: { "X-Other": "1" },
    warnings: ['unknown field "spec.a"'],
  });
}

Deno.test("objectResponse carries status, headers and warnings", async () => {
  const response = answer("configmaps", object(kind("configmaps"), "a"), "application/json");
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("x-other"), "1");
  assert.equal(response.headers.get("warning"), '299 - "unknown field \\"spec.a\\""');
  assert.equal((await response.json()).metadata.name, "a");
});

Deno.test("objectResponse makes no table of a Status, and refuses that of a TokenRequest", async () => {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
  assert.deepEqual(await answer("configmaps", status, TABLE).json(), status);
  const token = { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", metadata: {} };
  const only = "only the following media types are accepted: application/json, application/yaml, " +
    "application/vnd.kubernetes.protobuf";
  assert.throws(() => answer("serviceaccounts", token, TABLE), refusal(406, only));
  const review = { ...token, kind: "TokenReview" };
  assert.throws(() => answer("tokenreviews", review, TABLE), refusal(406, only));
});

Deno.test("objectResponse refuses lists of one object and odd tables as kube-apiserver", () => {
  const list = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
  const map = object(kind("configmaps"), "a");
  assert.throws(
    () => answer("configmaps", map, list),
    refusal(
      406,
      "you requested PartialObjectMetadataList, but the requested object is not a list " +
        "(*core.ConfigMap)",
    ),
  );
  assert.throws(
    () => answer("managedclusters", object(kind("managedclusters"), "a"), list),
    refusal(500, "content is not a list"),
  );
  assert.throws(
    () => answer("configmaps", map, TABLE, "includeObject=object"),
    refusal(
      400,
      'Unable to convert to Table as requested: includeObject: Invalid value: "object": must be ' +
        "'Metadata', 'Object', 'None', or empty",
    ),
  );
});
