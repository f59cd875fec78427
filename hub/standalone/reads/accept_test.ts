import assert from "node:assert/strict";
import { negotiate } from "./accept.ts";
import { refusal } from "./testing.ts";

const BUILT_IN = "/api/v1/namespaces/n/configmaps";
const CUSTOM = "/apis/clusters.clusternet.io/v1beta1/managedclusters";

function request(accept: string, path = BUILT_IN): Request {
  return new Request(`https://hub.invalid${path}`, { headers: { accept } });
}

function fails(run: () => unknown, message: string): void {
  assert.throws(run, refusal(406, message));
}

Deno.test("negotiate takes what kube-apiserver takes, but for Protobuf", () => {
  const json = [
    "*/*",
    "",
    "application/json",
    "application/json;foo=bar",
    "application/json;stream=watch",
    "application/json;charset=utf-8",
    "text/html, */*;q=0.1",
    "application/vnd.kubernetes.protobuf,application/json",
    "application/json;as=Foo;v=v1;g=meta.k8s.io,application/json",
  ];
  for (const accept of json) {
    const { as, yaml } = negotiate(request(accept), "object");
    assert.deepEqual([as, yaml], ["Object", false], accept);
  }
  assert.equal(negotiate(request("application/*", CUSTOM), "object").as, "Object");
  assert.equal(negotiate(request("*/*;as=Table;v=v1;g=meta.k8s.io"), "list").as, "Table");
  assert.equal(negotiate(request("application/yaml"), "object").yaml, true);
  const kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io," +
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
  assert.deepEqual(negotiate(request(kubectl), "watch"), {
    as: "Table",
    version: "v1",
    yaml: false,
    pretty: false,
  });
});

Deno.test("negotiate refuses in the words of kube-apiserver and of its router", () => {
  const types = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  const streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
  const router = `406: Not Acceptable\n\nAvailable representations: ${types}`;
  for (const accept of ["text/html", "application/*", "text/*", "APPLICATION/JSON"]) {
    fails(() => negotiate(request(accept), "object"), router);
    fails(() => negotiate(request(accept), "list"), `${router}, ${streams}`);
  }
  const only = "only the following media types are accepted:";
  for (
    const accept of ["application/json;as=Table", "application/json;as=Foo;v=v1;g=meta.k8s.io"]
  ) {
    fails(() => negotiate(request(accept), "list"), `${only} ${types}`);
  }
  fails(() => negotiate(request("text/html", CUSTOM), "list"), `${only} ${types}`);
  fails(() => negotiate(request("text/html", CUSTOM), "watch"), `${only} ${types}`);
  fails(() => negotiate(request("application/yaml"), "watch"), `${only} ${streams}`);
});

Deno.test("negotiate breaks lines for those who read", () => {
  const pretty = (query: string, agent = "kubectl"): boolean =>
    negotiate(
      new Request(`https://hub.invalid${BUILT_IN}?${query}`, { headers: { "user-agent": agent } }),
      "object",
    ).pretty;
  assert.equal(pretty(""), false);
  assert.equal(pretty("", "curl/8"), true);
  assert.equal(pretty("pretty=0", "curl/8"), false);
  assert.equal(pretty("pretty=true"), true);
});
