import { strict as assert } from "node:assert";
import { isStatus } from "../../../shared/kube/status.ts";
import { type ParsedRequest, parseRequestInfo } from "./parse_request_info.ts";

function shown(method: string, path: string): string {
  const { info } = parseRequestInfo(method, `http://x${path}`);
  if (!info.isResource) return `${info.verb} ${info.path}`;
  const { verb, group, version, namespace, resource, name, subresource } = info;
  return [verb, `${group}/${version}`, namespace, resource, name, subresource].join(" ").trimEnd();
}

Deno.test("parseRequestInfo reads resources, namespaces and subresources", () => {
  const cases: [string, string, string][] = [
    ["GET", "/api/v1/namespaces", "list /v1  namespaces"],
    ["GET", "/api/v1/namespaces/a", "get /v1 a namespaces a"],
    ["PUT", "/api/v1/namespaces/a/finalize", "update /v1 a namespaces a finalize"],
    ["PATCH", "/api/v1/namespaces/a/status", "patch /v1 a namespaces a status"],
    ["GET", "/api/v1/namespaces/a/secrets", "list /v1 a secrets"],
    ["GET", "/api/v1/namespaces/a/secrets/", "list /v1 a secrets"],
    ["GET", "/api/v1/secrets", "list /v1  secrets"],
    ["DELETE", "/api/v1/namespaces/a/secrets", "deletecollection /v1 a secrets"],
    ["DELETE", "/api/v1/namespaces/a/secrets/b", "delete /v1 a secrets b"],
    [
      "POST",
      "/api/v1/namespaces/a/serviceaccounts/b/token",
      "create /v1 a serviceaccounts b token",
    ],
    ["GET", "/apis/g/v1/namespaces/a/things/b", "get g/v1 a things b"],
    ["HEAD", "/apis/g/v1/things/b", "get g/v1  things b"],
    ["GET", "/api/v1/watch/namespaces/a/secrets", "watch /v1 a secrets"],
    ["GET", "/api/v1", "get /api/v1"],
    ["GET", "/apis/g/v1", "get /apis/g/v1"],
    ["POST", "/healthz", "post /healthz"],
  ];
  for (const [method, path, wanted] of cases) assert.equal(shown(method, path), wanted, path);
});

Deno.test("parseRequestInfo takes every true spelling of watch", () => {
  for (const query of ["watch", "watch=1", "watch=true", "watch=yes", "watch="]) {
    assert.equal(shown("GET", `/api/v1/secrets?${query}`).split(" ")[0], "watch", query);
  }
  for (const query of ["watch=0", "watch=FALSE", "watches=1"]) {
    assert.equal(shown("GET", `/api/v1/secrets?${query}`).split(" ")[0], "list", query);
  }
  assert.equal(shown("GET", "/api/v1/namespaces/a/secrets/b?watch=1").split(" ")[0], "get");
});

function nameAsked({ attributes }: ParsedRequest): string {
  return attributes.isResource ? attributes.name : "";
}

Deno.test("parseRequestInfo asks for the name that a field selector requires", () => {
  const selected = (selector: string): string =>
    nameAsked(parseRequestInfo("GET", `http://x/api/v1/secrets?fieldSelector=${selector}`));
  assert.equal(selected("metadata.name%3Da"), "a");
  assert.equal(selected("type%3DOpaque,metadata.name%3D%3Da"), "a");
  assert.equal(selected("metadata.name!%3Da"), "");
  assert.equal(selected("metadata.name%3D.."), "");
});

Deno.test("parseRequestInfo never makes another resource of a path", () => {
  assert.equal(
    shown("GET", "/api/v1/namespaces/a/secrets/../configmaps"),
    "get /v1 a secrets .. configmaps",
  );
  assert.equal(shown("GET", "/api/v1/namespaces/a/secrets/%2e%2e"), "get /v1 a secrets ..");
  assert.equal(
    shown("GET", "/api/v1/namespaces/a/secrets/b%2Fstatus"),
    "get /v1 a secrets b status",
  );
  assert.equal(parseRequestInfo("GET", "http://x//api/v1/secrets").unserved, "page");
  assert.equal(parseRequestInfo("GET", "http://x/api/v1/nodes/a/b/c").unserved, "path");
  assert.equal(parseRequestInfo("BREW", "http://x/api/v1/nodes").unserved, "method");
});

Deno.test("parseRequestInfo serves no namespaces in a namespace", () => {
  const unserved = (path: string): unknown => parseRequestInfo("GET", `http://x${path}`).unserved;
  for (const path of ["", "/", "?watch", "/b", "/a", "/b/finalize"]) {
    assert.equal(unserved(`/api/v1/namespaces/a/namespaces${path}`), "path", path);
    assert.equal(unserved(`/api/v1/watch/namespaces/a/namespaces${path}`), "path", path);
  }
  for (const path of ["", "/a", "/a/status", "/a/secrets", "/namespaces", "/namespaces/status"]) {
    assert.equal(unserved(`/api/v1/namespaces${path}`), undefined, path);
  }
});

Deno.test("parseRequestInfo refuses paths that are none", () => {
  for (const path of ["/a%00b", "/a%0ab", "/%zz", "/%ff", `/${"a".repeat(9_000)}`]) {
    assert.throws(() => parseRequestInfo("GET", `http://x${path}`), (e) => isStatus(e, 400), path);
  }
});
