/**
 * Cells of what is only ever created: reviews, tokens, and the finalizing of a namespace.
 *
 * @module
 */
import type { Answer, Cell, Step } from "./cell.ts";
import { type Json, NAMESPACE } from "./fixtures.ts";

const STRANGER = "mallory";
const AUTHENTICATION = "/apis/authentication.k8s.io/v1";
const AUTHORIZATION = "/apis/authorization.k8s.io/v1";
const RESOURCE = {
  verb: "get",
  group: "",
  version: "v1",
  resource: "secrets",
  namespace: NAMESPACE,
};

function review(path: string, kind: string, spec: Json, extra: Partial<Step> = {}): Step {
  const apiVersion = path.slice("/apis/".length).split("/").slice(0, 2).join("/");
  return { method: "POST", path, body: { apiVersion, kind, spec }, ...extra };
}

function cell(id: string, request: Step, setup: Step[] = [], cleanup: Step[] = []): Cell {
  return { id, setup, request, cleanup };
}

function subjectReviews(): Cell[] {
  const path = `${AUTHORIZATION}/subjectaccessreviews`;
  const kind = "SubjectAccessReview";
  const id = "create/subjectaccessreviews";
  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "reviewed", namespace: NAMESPACE },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "carol" }],
  };
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`;
  return [
    cell(
      `${id}/happy`,
      review(path, kind, { user: "carol", resourceAttributes: RESOURCE }),
      [
        { method: "POST", path: bindings, body: binding },
        // RBAC of the real one follows its watch: ask until it has seen the binding
        { method: "GET", path: `/api/v1/namespaces/${NAMESPACE}/secrets`, as: "carol", until: 200 },
      ],
      [{ method: "DELETE", path: `${bindings}/reviewed`, cleanup: true }],
    ),
    cell(`${id}/missing`, review(path, kind, { resourceAttributes: RESOURCE })),
    cell(
      `${id}/conflict`,
      review(path, kind, {
        user: "carol",
        resourceAttributes: RESOURCE,
        nonResourceAttributes: { path: "/healthz", verb: "get" },
      }),
    ),
    cell(`${id}/invalid`, review(path, kind, { user: "carol" })),
    cell(
      `${id}/forbidden`,
      review(path, kind, { user: "carol", resourceAttributes: RESOURCE }, { as: STRANGER }),
    ),
    cell(
      "feature/review-of-masters",
      review(path, kind, {
        user: "x",
        groups: ["system:masters"],
        nonResourceAttributes: { path: "/metrics", verb: "get" },
      }),
    ),
    cell(
      "feature/review-denied",
      review(path, kind, { user: "nobody-at-all", resourceAttributes: RESOURCE }),
    ),
  ];
}

function localReviews(): Cell[] {
  const path = `${AUTHORIZATION}/namespaces/${NAMESPACE}/localsubjectaccessreviews`;
  const kind = "LocalSubjectAccessReview";
  const id = "create/localsubjectaccessreviews";
  const good = { user: "nobody-at-all", resourceAttributes: RESOURCE };
  const elsewhere = { ...RESOURCE, namespace: "elsewhere" };
  return [
    cell(`${id}/happy`, review(path, kind, good)),
    cell(`${id}/missing`, review(path, kind, { user: "x" })),
    cell(`${id}/conflict`, review(path, kind, { user: "x", resourceAttributes: elsewhere })),
    cell(
      `${id}/invalid`,
      review(path, kind, { user: "x", nonResourceAttributes: { path: "/", verb: "get" } }),
    ),
    cell(`${id}/forbidden`, review(path, kind, good, { as: STRANGER })),
  ];
}

function selfReviews(): Cell[] {
  const access = `${AUTHORIZATION}/selfsubjectaccessreviews`;
  const rules = `${AUTHORIZATION}/selfsubjectrulesreviews`;
  const self = `${AUTHENTICATION}/selfsubjectreviews`;
  const anonymous = { as: "system:anonymous", groups: ["system:unauthenticated"] };
  return [
    cell(
      "create/selfsubjectaccessreviews/happy",
      review(access, "SelfSubjectAccessReview", { resourceAttributes: RESOURCE }, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectaccessreviews/missing",
      review(access, "SelfSubjectAccessReview", {}, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectaccessreviews/conflict",
      review(access, "SelfSubjectAccessReview", {
        resourceAttributes: RESOURCE,
        nonResourceAttributes: { path: "/healthz", verb: "get" },
      }, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectaccessreviews/invalid",
      review(access, "SelfSubjectAccessReview", { resourceAttributes: "secrets" }),
    ),
    cell(
      "create/selfsubjectaccessreviews/forbidden",
      review(access, "SelfSubjectAccessReview", { resourceAttributes: RESOURCE }, anonymous),
    ),
    cell(
      "create/selfsubjectrulesreviews/happy",
      review(rules, "SelfSubjectRulesReview", { namespace: NAMESPACE }, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectrulesreviews/missing",
      review(rules, "SelfSubjectRulesReview", {}, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectrulesreviews/invalid",
      review(rules, "SelfSubjectRulesReview", { namespace: 5 }, { as: STRANGER }),
    ),
    cell(
      "create/selfsubjectrulesreviews/forbidden",
      review(rules, "SelfSubjectRulesReview", { namespace: NAMESPACE }, anonymous),
    ),
    cell(
      "create/selfsubjectreviews/happy",
      review(self, "SelfSubjectReview", undefined, { as: STRANGER, groups: ["ops"] }),
    ),
    cell(
      "create/selfsubjectreviews/forbidden",
      review(self, "SelfSubjectReview", undefined, anonymous),
    ),
  ];
}

function tokens(): Cell[] {
  const accounts = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
  const account: Step = {
    method: "POST",
    path: accounts,
    body: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } },
  };
  const remove: Step = { method: "DELETE", path: `${accounts}/robot`, cleanup: true };
  const token = (spec: Json, extra: Partial<Step> = {}): Step => ({
    method: "POST",
    path: `${accounts}/robot/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec },
    ...extra,
  });
  const judged = (body: (seen: readonly Answer[]) => Json, extra: Partial<Step> = {}): Step => ({
    method: "POST",
    path: `${AUTHENTICATION}/tokenreviews`,
    body: (seen: readonly Answer[]) => ({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: body(seen),
    }),
    ...extra,
  });
  const minted = (seen: readonly Answer[]): string => seen[1]!.body.status.token;
  const id = "create/serviceaccounts-token";
  const reviews = "create/tokenreviews";
  const secret = { kind: "Secret", apiVersion: "v1", name: "no-such-secret" };
  return [
    cell(`${id}/happy`, token({ expirationSeconds: 3600 }), [account], [remove]),
    cell(`${id}/missing`, token({})),
    cell(`${id}/conflict`, token({ boundObjectRef: secret }), [account], [remove]),
    cell(`${id}/invalid`, token({ expirationSeconds: 599 }), [account], [remove]),
    cell(`${id}/forbidden`, token({}, { as: STRANGER }), [account], [remove]),
    cell(`${reviews}/happy`, judged((seen) => ({ token: minted(seen) })), [account, token({})], [
      remove,
    ]),
    cell(`${reviews}/missing`, judged(() => ({}))),
    cell(
      `${reviews}/conflict`,
      judged((seen) => ({ token: minted(seen), audiences: ["somebody-else"] })),
      [account, token({})],
      [remove],
    ),
    cell(`${reviews}/invalid`, judged(() => ({ token: "not.a.token" }))),
    cell(`${reviews}/forbidden`, judged(() => ({ token: "x" }), { as: STRANGER })),
    cell(
      "feature/token-of-a-deleted-account",
      judged((seen) => ({ token: minted(seen) })),
      [account, token({}), { ...remove, cleanup: false }],
    ),
  ];
}

function finalize(): Cell[] {
  const name = "to-be-finalized";
  const path = `/api/v1/namespaces/${name}`;
  const create: Step = {
    method: "POST",
    path: "/api/v1/namespaces",
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
  };
  const put = (change: (object: Json) => Json, extra: Partial<Step> = {}): Step => ({
    method: "PUT",
    path: `${path}/finalize`,
    body: (seen: readonly Answer[]) => change(seen[0]!.body),
    ...extra,
  });
  const remove: Step[] = [
    { method: "DELETE", path, cleanup: true },
    { method: "GET", path, until: 404, cleanup: true },
  ];
  const id = "update/namespaces-finalize";
  const extended = (object: Json): Json => ({
    ...object,
    spec: { finalizers: [...object.spec.finalizers, "example.com/mine"] },
  });
  const lifted: Step = {
    method: "PUT",
    path: `${path}/finalize`,
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: { finalizers: [] } },
    cleanup: true,
  };
  return [
    cell(`${id}/happy`, put(extended), [create], [remove[0]!, lifted, remove[1]!]),
    cell(`${id}/missing`, { ...lifted, cleanup: false }),
    cell(
      `${id}/conflict`,
      put((object) => ({ ...object, metadata: { ...object.metadata, resourceVersion: "1" } })),
      [create],
      remove,
    ),
    cell(
      `${id}/invalid`,
      put((object) => ({ ...object, spec: { finalizers: ["not a name"] } })),
      [create],
      remove,
    ),
    cell(`${id}/forbidden`, put((object) => object, { as: STRANGER }), [create], remove),
  ];
}

/** See the module text. */
export function reviewCells(): Cell[] {
  return [...subjectReviews(), ...localReviews(), ...selfReviews(), ...tokens(), ...finalize()];
}
