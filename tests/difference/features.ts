/**
 * Cells of what is not a verb alone: tables, pages, selectors, dry runs, finalizers, owners,
 * bodies and paths that are wrong.
 *
 * @module
 */
import { resourcePath } from "../../shared/kube/resources.ts";
import type { Answer, Cell, Step } from "./cell.ts";
import { FIXTURES, type Json, NAMESPACE, objectOf } from "./fixtures.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const MERGE = "application/merge-patch+json";

function cell(id: string, request: Step, setup: Step[] = [], cleanup: Step[] = []): Cell {
  return { id: `feature/${id}`, setup, request, cleanup };
}

function map(name: string, fields: Json = {}): Json {
  const { metadata, ...rest } = fields;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, ...metadata },
    data: { key: "value" },
    ...rest,
  };
}

function post(name: string, fields: Json = {}, query = ""): Step {
  return { method: "POST", path: MAPS + query, body: map(name, fields) };
}

function remove(name: string): Step {
  return { method: "DELETE", path: `${MAPS}/${name}`, cleanup: true };
}

function get(path: string, accept?: string): Step {
  return { method: "GET", path, ...(accept === undefined ? {} : { accept }) };
}

/** Tables and metadata of each kind, as kubectl asks for them; each cell has an object of its own. */
function representations(): Cell[] {
  let index = 9_000;
  return FIXTURES.flatMap((fixture) => {
    const { ref } = fixture;
    const where = ref.namespaced ? { namespace: NAMESPACE } : {};
    const shown = (
      id: string,
      request: (all: string, one: string) => Step,
    ): Cell => {
      const labels = { shown: `cell-${++index}` };
      const all = `${resourcePath(ref, where)}?labelSelector=shown%3D${labels.shown}`;
      const one = resourcePath(ref, { ...where, name: fixture.name(index) });
      const body = objectOf(fixture, index, labels);
      return cell(
        `${id}/${ref.plural}`,
        request(all, one),
        [get(all), { method: "POST", path: resourcePath(ref, where), body }],
        [{ method: "DELETE", path: one, cleanup: true }],
      );
    };
    return [
      shown("table", (all) => get(all, TABLE)),
      shown("table-of-one", (_, one) => get(one, TABLE)),
      shown("table-without-objects", (all) => get(`${all}&includeObject=None`, TABLE)),
      shown("metadata", (_, one) => get(one, METADATA)),
      shown("metadata-list", (all) => get(all, METADATA_LIST)),
      shown("watch-table", (all) => ({
        ...get("", TABLE),
        path: (seen) =>
          `${all}&watch=true&timeoutSeconds=1&resourceVersion=${
            seen[0]!.body.metadata.resourceVersion
          }`,
      })),
    ];
  });
}

function lists(): Cell[] {
  const names = ["page-a", "page-b", "page-c"];
  const labels = (index: number): Json => ({
    metadata: { labels: { paged: "yes", number: String(index) } },
  });
  const setup = names.map((name, index) => post(name, labels(index)));
  const cleanup = names.map(remove);
  const list = (query: string): Step => get(`${MAPS}?${query}`);
  const selected = (id: string, selector: string): Cell =>
    cell(
      `label-selector/${id}`,
      list(`labelSelector=${encodeURIComponent(selector)}`),
      setup,
      cleanup,
    );
  const fields = (id: string, selector: string): Cell =>
    cell(
      `field-selector/${id}`,
      list(`fieldSelector=${encodeURIComponent(selector)}`),
      setup,
      cleanup,
    );
  return [
    cell("limit", list("labelSelector=paged&limit=2"), setup, cleanup),
    cell(
      "limit-without-selector",
      get("/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=1"),
      [],
    ),
    cell(
      "continue",
      {
        method: "GET",
        path: (seen) =>
          `${MAPS}?labelSelector=paged&limit=2&continue=${
            encodeURIComponent(seen[3]!.body.metadata.continue)
          }`,
      },
      [...setup, list("labelSelector=paged&limit=2")],
      cleanup,
    ),
    cell("continue-that-is-nonsense", list("limit=2&continue=nonsense")),
    cell("limit-that-is-no-number", list("limit=two")),
    selected("in", "number in (0,2)"),
    selected("notin", "paged,number notin (0)"),
    selected("exists-not", "paged,!absent"),
    selected("not-equal", "paged=yes,number!=1"),
    selected("greater", "number>0"),
    fields("name", "metadata.name=page-b"),
    fields("not-name", "metadata.name!=page-b,metadata.namespace=default"),
    fields("unknown", "data.key=value"),
    fields("malformed", "metadata.name"),
    cell("resource-version-in-the-future", list("resourceVersion=99999999999&limit=1")),
    cell("resource-version-match-without-version", list("resourceVersionMatch=NotOlderThan")),
    cell("all-namespaces", get("/api/v1/configmaps?labelSelector=paged"), setup, cleanup),
    cell(
      "secrets-by-type",
      get(`/api/v1/namespaces/${NAMESPACE}/secrets?fieldSelector=type%3DOpaque`),
    ),
  ];
}

function watches(): Cell[] {
  const path = (seen: readonly Answer[], query: string): string =>
    `${MAPS}?watch=true&timeoutSeconds=1&labelSelector=watched&resourceVersion=${
      seen[0]!.body.metadata.resourceVersion
    }${query}`;
  const labelled = { metadata: { labels: { watched: "yes" } } };
  const base = get(`${MAPS}?labelSelector=watched`);
  const patch = (name: string, body: Json): Step => ({
    method: "PATCH",
    path: `${MAPS}/${name}`,
    contentType: MERGE,
    body,
  });
  const watch = (query = ""): Step => ({ method: "GET", path: (seen) => path(seen, query) });
  return [
    cell("watch-crosses-selector", watch(), [
      base,
      post("crossing"),
      patch("crossing", labelled),
      patch("crossing", { data: { key: "second" } }),
      patch("crossing", { metadata: { labels: { watched: null } } }),
    ], [remove("crossing")]),
    cell(
      "watch-resumes",
      {
        method: "GET",
        path: (seen) =>
          `${MAPS}?watch=true&timeoutSeconds=1&labelSelector=watched&resourceVersion=${
            seen[1]!.body.metadata.resourceVersion
          }`,
      },
      [base, post("resumed", labelled), patch("resumed", { data: { key: "second" } })],
      [
        remove("resumed"),
      ],
    ),
    cell(
      "watch-from-nothing",
      get(`${MAPS}?watch=true&timeoutSeconds=1&labelSelector=watched`),
      [post("standing", labelled)],
      [remove("standing")],
    ),
    cell(
      "watch-list",
      get(
        `${MAPS}?watch=true&timeoutSeconds=1&labelSelector=watched&allowWatchBookmarks=true` +
          "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
      ),
      [post("listed", labelled)],
      [remove("listed")],
    ),
    cell("watch-bad-version", get(`${MAPS}?watch=true&timeoutSeconds=1&resourceVersion=abc`)),
    cell("watch-metadata", { ...watch(), accept: METADATA }, [base, post("meta", labelled)], [
      remove("meta"),
    ]),
  ];
}

function writes(): Cell[] {
  const existing = post("dry");
  const dry = "?dryRun=All";
  return [
    cell("generate-name-taken-from-prefix", {
      method: "POST",
      path: `${MAPS}${dry}`,
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "made-" } },
    }),
    cell("dry-run-create", post("dry-created", {}, dry)),
    cell(
      "dry-run-update",
      {
        method: "PUT",
        path: `${MAPS}/dry${dry}`,
        body: map("dry", { data: { key: "other" } }),
      },
      [existing],
      [remove("dry")],
    ),
    cell(
      "dry-run-patch",
      {
        method: "PATCH",
        path: `${MAPS}/dry${dry}`,
        contentType: MERGE,
        body: { data: { key: "other" } },
      },
      [existing],
      [remove("dry")],
    ),
    cell("dry-run-delete", { method: "DELETE", path: `${MAPS}/dry${dry}` }, [existing], [
      remove("dry"),
    ]),
    cell("dry-run-leaves-no-trace", get(`${MAPS}/dry`), [post("dry", {}, dry)]),
    cell("dry-run-of-what", post("dry", {}, "?dryRun=Some")),
    cell("field-manager-too-long", post("managed", {}, `?fieldManager=${"x".repeat(129)}`)),
    cell("unknown-field-strict", post("strict", { dta: { a: "b" } }, "?fieldValidation=Strict")),
    cell("unknown-field-warned", post("warned", { dta: { a: "b" } }, "?fieldValidation=Warn"), [], [
      remove("warned"),
    ]),
    cell(
      "unknown-field-ignored",
      post("ignored", { dta: { a: "b" } }, "?fieldValidation=Ignore"),
      [],
      [
        remove("ignored"),
      ],
    ),
    cell("field-validation-of-what", post("x", {}, "?fieldValidation=Some")),
    cell(
      "no-op-update",
      {
        method: "PUT",
        path: `${MAPS}/same`,
        body: (seen: readonly Answer[]) => seen[0]!.body,
      },
      [post("same")],
      [remove("same")],
    ),
    cell("finalizer-holds", { method: "DELETE", path: `${MAPS}/held` }, [
      post("held", { metadata: { finalizers: ["example.com/hold"] } }),
    ], [
      {
        method: "PATCH",
        path: `${MAPS}/held`,
        contentType: MERGE,
        body: { metadata: { finalizers: null } },
        cleanup: true,
      },
    ]),
    cell("finalizer-removed", {
      method: "PATCH",
      path: `${MAPS}/held`,
      contentType: MERGE,
      body: { metadata: { finalizers: null } },
    }, [
      post("held", { metadata: { finalizers: ["example.com/hold"] } }),
      { method: "DELETE", path: `${MAPS}/held` },
    ]),
    cell("owner-gone", get(`${MAPS}/owned`), [
      post("owner"),
      {
        method: "POST",
        path: MAPS,
        body: (seen: readonly Answer[]) =>
          map("owned", {
            metadata: {
              ownerReferences: [{
                apiVersion: "v1",
                kind: "ConfigMap",
                name: "owner",
                uid: seen[0]!.body.metadata.uid,
              }],
            },
          }),
      },
      { method: "DELETE", path: `${MAPS}/owner` },
      { ...get(`${MAPS}/owned`), until: 404 },
    ]),
    cell(
      "yaml-body",
      {
        method: "POST",
        path: MAPS,
        contentType: "application/yaml",
        body:
          "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  key: value\n",
      },
      [],
      [remove("from-yaml")],
    ),
    cell(
      "immutable",
      {
        method: "PATCH",
        path: `${MAPS}/fixed`,
        contentType: MERGE,
        body: { data: { key: "other" } },
      },
      [post("fixed", { immutable: true })],
      [remove("fixed")],
    ),
    cell("namespace-terminates", get("/api/v1/namespaces/short-lived"), [
      {
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "short-lived" } },
      },
      { method: "POST", path: "/api/v1/namespaces/short-lived/configmaps", body: map("inside") },
      { method: "DELETE", path: "/api/v1/namespaces/short-lived" },
      { ...get("/api/v1/namespaces/short-lived"), until: 404 },
    ]),
    cell("namespace-is-protected", { method: "DELETE", path: "/api/v1/namespaces/kube-system" }),
    cell(
      "namespace-gets-default-account",
      get("/api/v1/namespaces/with-account/serviceaccounts/default"),
      [
        {
          method: "POST",
          path: "/api/v1/namespaces",
          body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "with-account" } },
        },
        { ...get("/api/v1/namespaces/with-account/serviceaccounts/default"), until: 200 },
      ],
      [{ method: "DELETE", path: "/api/v1/namespaces/with-account", cleanup: true }],
    ),
    cell("namespace-gets-root-ca", get("/api/v1/namespaces/with-ca/configmaps/kube-root-ca.crt"), [
      {
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "with-ca" } },
      },
      { ...get("/api/v1/namespaces/with-ca/configmaps/kube-root-ca.crt"), until: 200 },
    ], [{ method: "DELETE", path: "/api/v1/namespaces/with-ca", cleanup: true }]),
  ];
}

function wrong(): Cell[] {
  const send = (id: string, step: Partial<Step>): Cell =>
    cell(`wrong/${id}`, { method: "POST", path: MAPS, ...step });
  return [
    send("json", { body: "{nonsense" }),
    send("empty", { body: "" }),
    send("array", { body: "[]" }),
    send("no-kind", { body: { metadata: { name: "x" } } }),
    send("other-kind", { body: { ...map("x"), kind: "Secret" } }),
    send("other-version", { body: { ...map("x"), apiVersion: "v2" } }),
    send("type-of-field", { body: { ...map("x"), data: "text" } }),
    send("type-of-metadata", { body: { ...map("x"), metadata: [] } }),
    send("name-is-a-number", { body: { ...map("x"), metadata: { name: 5 } } }),
    send("content-type", { body: map("x"), contentType: "text/plain" }),
    send("namespace", { body: map("x", { metadata: { namespace: "elsewhere" } }) }),
    send("version-on-create", { body: map("x", { metadata: { resourceVersion: "5" } }) }),
    send("too-large", { body: `"${"x".repeat(4 * 1024 * 1024)}"` }),
    send("name-in-capitals", { body: map("UPPER") }),
    send("name-too-long", { body: map("x".repeat(254)) }),
    cell("wrong/put-other-name", { method: "PUT", path: `${MAPS}/a`, body: map("b") }),
    cell("wrong/put-without-name", {
      method: "PUT",
      path: `${MAPS}/a`,
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: {} },
    }),
    cell("wrong/post-to-name", { method: "POST", path: `${MAPS}/a`, body: map("a") }),
    cell("wrong/put-to-collection", { method: "PUT", path: MAPS, body: map("a") }),
    cell("wrong/unknown-resource", get("/api/v1/gadgets")),
    cell("wrong/unknown-group", get("/apis/example.com/v1/gadgets")),
    cell("wrong/unknown-version", get("/apis/coordination.k8s.io/v9/leases")),
    cell("wrong/unknown-path", get("/nonsense")),
    cell("wrong/unknown-subresource", get(`${MAPS}/kube-root-ca.crt/status`)),
    cell("wrong/path-of-stranger", { ...get("/metrics"), as: "mallory" }),
    cell("wrong/accept", get(MAPS, "application/xml")),
    cell("wrong/patch-type", {
      method: "PATCH",
      path: `${MAPS}/kube-root-ca.crt`,
      contentType: "application/json",
      body: {},
    }),
    cell("wrong/apply-without-manager", {
      method: "PATCH",
      path: `${MAPS}/x`,
      contentType: "application/apply-patch+yaml",
      body: map("x"),
    }),
    cell("wrong/deep-nesting", {
      method: "POST",
      path: MAPS,
      body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"data":${
        "[".repeat(20_000)
      }${"]".repeat(20_000)}}`,
    }),
    cell("wrong/impersonate-groups-alone", { ...get(MAPS), groups: ["ops"] }),
  ];
}

function documents(): Cell[] {
  return [
    cell("discovery/core", get("/api/v1")),
    cell("discovery/rbac", get("/apis/rbac.authorization.k8s.io/v1")),
    cell("discovery/coordination-group", get("/apis/coordination.k8s.io")),
    cell("discovery/authentication", get("/apis/authentication.k8s.io/v1")),
    cell("discovery/authorization", get("/apis/authorization.k8s.io/v1")),
    cell("discovery/clusters", get("/apis/clusters.clusternet.io/v1beta1")),
    cell("discovery/api", get("/api")),
  ];
}

/** See the module text. */
export function featureCells(): Cell[] {
  return [
    ...representations(),
    ...lists(),
    ...watches(),
    ...writes(),
    ...wrong(),
    ...documents(),
  ];
}
