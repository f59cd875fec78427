import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import type { ApiObject } from "../store/types.ts";
import type { User } from "../user.ts";
import { ensureBootstrapPolicy } from "./bootstrap_policy.ts";
import { Rbac } from "./rbac.ts";
import { RBAC_GROUP, ROLE_BINDINGS } from "./rbac_objects.ts";
import { createReviews } from "./reviews.ts";
import { FakeStore, SILENT } from "./testing.ts";
import { tokenJudge, type TokenVerdict } from "./tokens.ts";

const BOB: User = { name: "bob", groups: ["system:authenticated"], extra: {} };
const AUTHORIZATION = "authorization.k8s.io";
const AUTHENTICATION = "authentication.k8s.io";

type Json = Record<string, unknown>;
type Ask = (resource: string, fields: Json, user?: User, namespace?: string) => Promise<ApiObject>;

async function asker(verdict: TokenVerdict = { error: "" }): Promise<
  { ask: Ask; asked: unknown[]; store: FakeStore; rbac: Rbac }
> {
  const store = new FakeStore();
  await ensureBootstrapPolicy({ store, now: () => 0 });
  const rbac = new Rbac({ store, log: SILENT });
  const asked: unknown[] = [];
  const tokens = tokenJudge((token, audiences) => {
    asked.push([token, audiences]);
    return Promise.resolve(verdict);
  });
  const reviews = createReviews({ rbac, tokens, now: () => Date.parse("2026-11-25T12:54:37Z") });
  const ask: Ask = async (resource, fields, user = BOB, namespace = "") => {
    const answer = reviews[resource];
    assert.ok(answer, resource);
    const object = { kind: "K", apiVersion: "g/v1", metadata: {}, ...fields };
    return await answer({ object, user, namespace });
  };
  return { ask, asked, store, rbac };
}

async function refusal(work: Promise<unknown>): Promise<StatusError> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof StatusError);
  return error;
}

const SAR = `subjectaccessreviews.${AUTHORIZATION}`;
const SELF = `selfsubjectaccessreviews.${AUTHORIZATION}`;
const LOCAL = `localsubjectaccessreviews.${AUTHORIZATION}`;
const RULES = `selfsubjectrulesreviews.${AUTHORIZATION}`;
const TOKEN = `tokenreviews.${AUTHENTICATION}`;

Deno.test("SubjectAccessReview answers for the subject of its spec", async () => {
  const { ask } = await asker();
  const resourceAttributes = { verb: "get", resource: "secrets", namespace: "ns" };
  const spec = { user: "bob", resourceAttributes };
  assert.deepEqual(await ask(SAR, { spec }), {
    kind: "K",
    apiVersion: "g/v1",
    metadata: {},
    spec,
    status: { allowed: false },
  });
  const root = { user: "bob", groups: ["system:masters"], resourceAttributes };
  assert.deepEqual((await ask(SAR, { spec: root })).status, { allowed: true });
  const path = {
    user: "bob",
    groups: ["system:authenticated"],
    nonResourceAttributes: { verb: "get", path: "/api" },
  };
  assert.deepEqual((await ask(SAR, { spec: path })).status, {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole ' +
      '"system:discovery" to Group "system:authenticated"',
  });
});

Deno.test("SubjectAccessReview is refused without a kind, as there", async () => {
  const { ask } = await asker();
  const error = await refusal(ask(SAR, { spec: {} }));
  const attributes = "Invalid value: null: exactly one of nonResourceAttributes or " +
    "resourceAttributes must be specified";
  const user = 'Invalid value: "": at least one of user or group must be specified';
  assert.deepEqual(error.status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `.${AUTHORIZATION} "" is invalid: [spec.resourceAttributes: ${attributes}, ` +
      `spec.user: ${user}]`,
    reason: "Invalid",
    details: {
      group: AUTHORIZATION,
      causes: [
        { reason: "FieldValueInvalid", message: attributes, field: "spec.resourceAttributes" },
        { reason: "FieldValueInvalid", message: user, field: "spec.user" },
      ],
    },
    code: 422,
  });
});

Deno.test("SubjectAccessReview takes no metadata but managed fields", async () => {
  const { ask } = await asker();
  const spec = {
    user: "bob",
    resourceAttributes: { verb: "get" },
    nonResourceAttributes: { verb: "get", path: "/x" },
  };
  const metadata = { managedFields: [{ manager: "curl" }], labels: { a: "b" }, name: "x" };
  assert.equal(
    (await refusal(ask(SAR, { metadata, spec }))).message,
    `.${AUTHORIZATION} "" is invalid: [spec.nonResourceAttributes: Invalid value: ` +
      '{"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes, ' +
      'metadata: Invalid value: {"name":"x","labels":{"a":"b"},"managedFields":' +
      '[{"manager":"curl"}]}: must be empty]',
  );
  const good = { user: "bob", resourceAttributes: {} };
  const { status } = await ask(SAR, { metadata: { managedFields: [{}], labels: {} }, spec: good });
  assert.deepEqual(status, { allowed: false });
});

Deno.test("SubjectAccessReview checks selectors and says which it cannot read", async () => {
  const { ask } = await asker();
  const review = (resourceAttributes: Json): Promise<ApiObject> =>
    ask(SAR, { spec: { user: "bob", resourceAttributes } });
  const name = "name part must consist of alphanumeric characters, '-', '_' or '.', and must " +
    "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', " +
    "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const at = "spec.resourceAttributes.labelSelector";
  const error = await refusal(review({
    fieldSelector: {},
    labelSelector: {
      rawSelector: "a==b,,",
      requirements: [
        { key: "a b", operator: "In" },
        { key: "", operator: "Exists", values: ["x"] },
        { key: "ok", operator: "Foo" },
      ],
    },
  }));
  assert.equal(
    error.message,
    `.${AUTHORIZATION} "" is invalid: [` + [
      "spec.resourceAttributes.fieldSelector.requirements: Required value: when " +
      "spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
      `${at}.rawSelector: Invalid value: "a==b,,": may not specified at the same time as requirements`,
      `${at}.requirements[0].values: Required value: must be specified when \`operator\` is 'In' ` +
      "or 'NotIn'",
      `${at}.requirements[0].key: Invalid value: "a b": ${name}`,
      `${at}.requirements[1].values: Forbidden: may not be specified when \`operator\` is ` +
      "'Exists' or 'DoesNotExist'",
      `${at}.requirements[1].key: Invalid value: "": name part must be non-empty`,
      `${at}.requirements[1].key: Invalid value: "": ${name}`,
    ].join(", ") + "]",
  );
  const errors = async (attributes: Json): Promise<unknown> =>
    ((await review(attributes)).status as Json).evaluationError;
  assert.equal(
    await errors({
      fieldSelector: { rawSelector: "a=b=c" },
      labelSelector: { rawSelector: "a==b,," },
    }),
    "spec.resourceAttributes.fieldSelector ignored due to parse error; " +
      "spec.resourceAttributes.labelSelector ignored due to parse error",
  );
  assert.equal(
    await errors({
      fieldSelector: {
        requirements: [
          { key: "b", operator: "In", values: ["x"] },
          { key: "a", operator: "In", values: ["v", "b"] },
        ],
      },
      labelSelector: { requirements: [{ key: "a", operator: "Foo" }] },
    }),
    "spec.resourceAttributes.fieldSelector partially ignored due to parse error; " +
      "spec.resourceAttributes.labelSelector ignored due to parse error",
  );
  assert.equal(
    await errors({
      fieldSelector: { rawSelector: "metadata.name=x,a!=b\\,c" },
      labelSelector: { rawSelector: "a,!b,c in (x,y),d notin (z),e!=f,g>1,h==" },
    }),
    undefined,
  );
});

Deno.test("SubjectAccessReview is not slowed by a hostile selector", async () => {
  const { ask } = await asker();
  const rawSelector = "a(,".repeat(500_000);
  const started = performance.now();
  const resourceAttributes = { labelSelector: { rawSelector } };
  const { status } = await ask(SAR, { spec: { user: "bob", resourceAttributes } });
  assert.match(String((status as Json).evaluationError), /labelSelector ignored/);
  assert.ok(performance.now() - started < 100);
});

Deno.test("SelfSubjectAccessReview answers for the caller", async () => {
  const { ask } = await asker();
  const nonResourceAttributes = { path: "/version", verb: "get" };
  const { status } = await ask(SELF, { spec: { nonResourceAttributes } });
  assert.equal((status as Json).allowed, true);
  const outsider = { name: "x", groups: [], extra: {} };
  const other = await ask(SELF, { spec: { nonResourceAttributes } }, outsider);
  assert.deepEqual(other.status, { allowed: false });
  assert.match(
    (await refusal(ask(SELF, { spec: {} }))).message,
    /is invalid: spec\.resourceAttributes: Invalid value: null: exactly one of/,
  );
});

Deno.test("LocalSubjectAccessReview keeps to its namespace", async () => {
  const { ask } = await asker();
  const local = (fields: Json): Promise<ApiObject> => ask(LOCAL, fields, BOB, "part-f");
  const spec = { user: "bob", resourceAttributes: { verb: "get", namespace: "part-f" } };
  const { metadata, status } = await local({ spec });
  assert.deepEqual([metadata, status], [{ namespace: "part-f" }, { allowed: false }]);
  const other = { user: "bob", resourceAttributes: { namespace: "part-g" } };
  assert.equal(
    (await refusal(local({ spec: other }))).message,
    `.${AUTHORIZATION} "" is invalid: spec.resourceAttributes.namespace: Invalid value: ` +
      '"part-g": must match metadata.namespace',
  );
  const path = { user: "bob", nonResourceAttributes: { verb: "get", path: "/x" } };
  assert.equal(
    (await refusal(local({ metadata: { name: "q" }, spec: path }))).message,
    `.${AUTHORIZATION} "" is invalid: [metadata: Invalid value: ` +
      '{"name":"q","namespace":"part-f"}: must be empty except for namespace, ' +
      'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: disallowed on ' +
      "this kind of request]",
  );
  const wrong = await refusal(local({ metadata: { namespace: "part-g" }, spec }));
  assert.deepEqual([wrong.code, wrong.message], [
    400,
    "the namespace of the provided object does not match the namespace sent on the request",
  ]);
});

Deno.test("SelfSubjectRulesReview lists rules and is a new object", async () => {
  const { ask, store } = await asker();
  assert.equal((await refusal(ask(RULES, { spec: {} }))).message, "no namespace on request");
  store.add(ROLE_BINDINGS, {
    metadata: { name: "dangling", namespace: "ns" },
    roleRef: { apiGroup: RBAC_GROUP, kind: "Role", name: "ghost" },
    subjects: [{ kind: "User", name: "bob" }],
  });
  const { status, ...rest } = await ask(RULES, {
    metadata: { name: "x" },
    spec: { namespace: "ns" },
  });
  assert.deepEqual(rest, {
    kind: "SelfSubjectRulesReview",
    apiVersion: `${AUTHORIZATION}/v1`,
    metadata: {},
    spec: {},
  });
  const { resourceRules, nonResourceRules, ...others } = status as Json;
  assert.deepEqual((resourceRules as Json[])[0], {
    verbs: ["create"],
    apiGroups: [AUTHORIZATION],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
  });
  assert.deepEqual((nonResourceRules as Json[])[1], {
    verbs: ["get"],
    nonResourceURLs: ["/healthz", "/livez", "/readyz", "/version", "/version/"],
  });
  assert.deepEqual(others, {
    incomplete: false,
    evaluationError: `role.${RBAC_GROUP} "ghost" not found`,
  });
});

Deno.test("SelfSubjectReview tells the caller who they are", async () => {
  const { ask } = await asker();
  const user = { name: "bob", uid: "u1", groups: ["a"], extra: { "foo/bar": ["1", "2"] } };
  const resource = `selfsubjectreviews.${AUTHENTICATION}`;
  assert.deepEqual(await ask(resource, { metadata: { name: "x" } }, user), {
    kind: "SelfSubjectReview",
    apiVersion: `${AUTHENTICATION}/v1`,
    metadata: { creationTimestamp: "2026-11-25T12:54:37Z" },
    status: {
      userInfo: { username: "bob", uid: "u1", groups: ["a"], extra: { "foo/bar": ["1", "2"] } },
    },
  });
});

Deno.test("TokenReview shows the user, or an error and an empty user", async () => {
  const known = await asker({ user: { ...BOB, uid: "u" }, audiences: ["api"] });
  const { status } = await known.ask(TOKEN, { spec: { token: "abc def", audiences: ["api"] } });
  assert.deepEqual(status, {
    authenticated: true,
    user: { username: "bob", uid: "u", groups: ["system:authenticated"] },
    audiences: ["api"],
  });
  await known.ask(TOKEN, { spec: { token: "t", audiences: [] } });
  assert.deepEqual(known.asked, [["abc", ["api"]], ["t", undefined]]);
  const unknown = await asker();
  const other = await unknown.ask(TOKEN, { spec: { token: "abc" } });
  assert.deepEqual(other.status, { user: {}, error: "invalid bearer token" });
  const over = await asker({ error: "service account token has expired" });
  assert.deepEqual((await over.ask(TOKEN, { spec: { token: "abc" } })).status, {
    user: {},
    error: "[invalid bearer token, service account token has expired]",
  });
});

Deno.test("TokenReview needs a token; one that starts with a space is none", async () => {
  const { ask, asked } = await asker();
  assert.equal(
    (await refusal(ask(TOKEN, { spec: {} }))).message,
    "token is required for TokenReview in authentication",
  );
  assert.deepEqual((await ask(TOKEN, { spec: { token: " abc" } })).status, { user: {} });
  assert.deepEqual((await ask(TOKEN, { spec: { token: "  " } })).status, { user: {} });
  assert.deepEqual(asked, []);
});
