import assert from "node:assert/strict";
import fc from "fast-check";
import { StatusError } from "../../../shared/kube/status.ts";
import { kindOf } from "../kinds/kinds.ts";
import type { ApiObject } from "../store/types.ts";
import type { User } from "../user.ts";
import { checkEscalation } from "./escalation.ts";
import { Rbac } from "./rbac.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  RBAC_GROUP,
  ROLE_BINDINGS,
  ROLES,
} from "./rbac_objects.ts";
import { FakeStore, SILENT } from "./testing.ts";
import type { Attributes } from "./types.ts";

const BOB: User = { name: "bob", groups: ["system:authenticated"], extra: {} };
const NOT_HELD = 'user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC ' +
  "permissions not currently held:\n";

type Rule = Record<string, string[]>;

interface Case {
  user?: User;
  /** Held at cluster scope. */
  cluster?: Rule[];
  /** Held in namespace ns. */
  own?: Rule[];
  plural: string;
  object: Record<string, unknown>;
  old?: Record<string, unknown>;
  /** Further things in the store. */
  also?: (store: FakeStore) => void;
}

function whole(fields: Record<string, unknown>): ApiObject {
  return { apiVersion: `${RBAC_GROUP}/v1`, kind: "", ...fields } as ApiObject;
}

function grant(store: FakeStore, namespace: string, rules: Rule[], user = "bob"): void {
  const metadata = namespace === "" ? { name: "held" } : { name: "held", namespace };
  store.add(namespace === "" ? CLUSTER_ROLES : ROLES, { metadata, rules });
  store.add(namespace === "" ? CLUSTER_ROLE_BINDINGS : ROLE_BINDINGS, {
    metadata,
    roleRef: {
      apiGroup: RBAC_GROUP,
      kind: namespace === "" ? "ClusterRole" : "Role",
      name: "held",
    },
    subjects: [{ kind: "User", name: user }],
  });
}

/** The refusal of a write; `undefined` when it is let through. */
function refusal({ user = BOB, cluster = [], own = [], ...rest }: Case): StatusError | undefined {
  const store = new FakeStore();
  if (cluster.length > 0) grant(store, "", cluster, user.name);
  if (own.length > 0) grant(store, "ns", own, user.name);
  rest.also?.(store);
  const rbac = new Rbac({ store, log: SILENT });
  const kind = kindOf(RBAC_GROUP, "v1", rest.plural);
  assert.ok(kind);
  const old = rest.old === undefined ? {} : { old: whole(rest.old) };
  try {
    rbac.checkWrite({ user, kind, object: whole(rest.object), ...old });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return error;
  } finally {
    rbac.close();
  }
}

const SECRETS: Rule = { verbs: ["get"], apiGroups: [""], resources: ["secrets"] };
const CONFIGMAPS: Rule = { verbs: ["get", "list"], apiGroups: [""], resources: ["configmaps"] };

Deno.test("checkWrite lists what is not held, sorted, verbs together", () => {
  const error = refusal({
    own: [CONFIGMAPS],
    plural: "roles",
    object: {
      metadata: { name: "e1", namespace: "ns" },
      rules: [
        {
          apiGroups: [""],
          resources: ["secrets", "configmaps"],
          verbs: ["get", "list", "create"],
        },
        {
          apiGroups: ["apps", ""],
          resources: ["deployments/scale"],
          verbs: ["get"],
          resourceNames: ["a", "b"],
        },
      ],
    },
  });
  assert.deepEqual(error?.status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `roles.${RBAC_GROUP} "e1" is forbidden: ${NOT_HELD}` + [
      '{APIGroups:[""], Resources:["configmaps"], Verbs:["create"]}',
      '{APIGroups:[""], Resources:["deployments/scale"], ResourceNames:["a"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["deployments/scale"], ResourceNames:["b"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list" "create"]}',
      '{APIGroups:["apps"], Resources:["deployments/scale"], ResourceNames:["a"], Verbs:["get"]}',
      '{APIGroups:["apps"], Resources:["deployments/scale"], ResourceNames:["b"], Verbs:["get"]}',
    ].join("\n"),
    reason: "Forbidden",
    code: 403,
    details: { name: "e1", group: RBAC_GROUP, kind: "roles" },
  });
});

Deno.test("checkWrite keeps paths apart by verb", () => {
  const error = refusal({
    cluster: [{ verbs: ["get"], nonResourceURLs: ["/healthz"] }],
    plural: "clusterroles",
    object: {
      metadata: { name: "e2" },
      rules: [{ nonResourceURLs: ["/x/*", "/healthz"], verbs: ["get", "post"] }, SECRETS],
    },
  });
  assert.equal(
    error?.message,
    `clusterroles.${RBAC_GROUP} "e2" is forbidden: ${NOT_HELD}` + [
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      '{NonResourceURLs:["/healthz"], Verbs:["post"]}',
      '{NonResourceURLs:["/x/*"], Verbs:["get"]}',
      '{NonResourceURLs:["/x/*"], Verbs:["post"]}',
    ].join("\n"),
  );
});

Deno.test("checkWrite of a name to be generated names none", () => {
  const error = refusal({
    plural: "roles",
    object: { metadata: { generateName: "gen-", namespace: "ns" }, rules: [SECRETS] },
  });
  assert.equal(
    error?.message,
    `roles.${RBAC_GROUP} is forbidden: ${NOT_HELD}{APIGroups:[""], Resources:["secrets"], ` +
      'Verbs:["get"]}',
  );
  assert.deepEqual(error?.status.details, { group: RBAC_GROUP, kind: "roles" });
});

Deno.test("checkWrite lets pass what is held here, and masters and escalate", () => {
  const object = { metadata: { name: "r", namespace: "ns" }, rules: [SECRETS] };
  assert.equal(refusal({ own: [SECRETS], plural: "roles", object }), undefined);
  assert.equal(refusal({ cluster: [SECRETS], plural: "roles", object }), undefined);
  const root = { ...BOB, groups: ["system:masters"] };
  assert.equal(refusal({ user: root, plural: "roles", object }), undefined);
  const escalate = { verbs: ["escalate"], apiGroups: [RBAC_GROUP], resources: ["roles"] };
  assert.equal(refusal({ own: [escalate], plural: "roles", object }), undefined);
  const cluster = { metadata: { name: "r" }, rules: [SECRETS] };
  assert.equal(
    refusal({ own: [SECRETS, escalate], plural: "clusterroles", object: cluster })?.code,
    403,
  );
});

Deno.test("checkWrite of escalate by name looks at the name that is changed", () => {
  const escalate = {
    verbs: ["escalate"],
    apiGroups: [RBAC_GROUP],
    resources: ["roles"],
    resourceNames: ["r"],
  };
  const object = { metadata: { name: "r", namespace: "ns" }, rules: [SECRETS] };
  const old = { metadata: { name: "r", namespace: "ns" }, rules: [] };
  assert.equal(refusal({ own: [escalate], plural: "roles", object })?.code, 403);
  assert.equal(refusal({ own: [escalate], plural: "roles", object, old }), undefined);
});

Deno.test("checkWrite of unchanged rules refuses labels but not finalizers", () => {
  const old = { metadata: { name: "r", namespace: "ns" }, rules: [SECRETS] };
  const labelled = { ...old, metadata: { ...old.metadata, labels: { a: "b" } } };
  const finalized = { ...old, metadata: { ...old.metadata, finalizers: ["a/b"] } };
  assert.equal(refusal({ plural: "roles", object: labelled, old })?.code, 403);
  assert.equal(refusal({ plural: "roles", object: finalized, old }), undefined);
  assert.equal(refusal({ plural: "roles", object: { ...old, rules: [] }, old }), undefined);
});

Deno.test("checkWrite of an aggregationRule needs everything", () => {
  const object = {
    metadata: { name: "agg" },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
    rules: null,
  };
  assert.equal(
    refusal({ cluster: [SECRETS], plural: "clusterroles", object })?.message,
    `clusterroles.${RBAC_GROUP} "agg" is forbidden: must have cluster-admin privileges to use ` +
      "the aggregationRule",
  );
  const all = [
    { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
    { verbs: ["*"], nonResourceURLs: ["*"] },
  ];
  assert.equal(refusal({ cluster: all, plural: "clusterroles", object }), undefined);
  const plain = { metadata: { name: "agg" }, rules: [] };
  assert.equal(refusal({ plural: "clusterroles", object: plain, old: object })?.code, 403);
});

function bindingTo(kind: string, name: string, namespace?: string): Record<string, unknown> {
  return {
    metadata: { name: "b", ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: RBAC_GROUP, kind, name },
    subjects: [{ kind: "User", name: "eve" }],
  };
}

Deno.test("checkWrite of a binding needs the role's rules, or bind", () => {
  const also = (store: FakeStore): void => {
    store.add(CLUSTER_ROLES, { metadata: { name: "reader" }, rules: [SECRETS] });
  };
  const here = bindingTo("ClusterRole", "reader", "ns");
  assert.equal(
    refusal({ plural: "rolebindings", object: here, also })?.message,
    `rolebindings.${RBAC_GROUP} "b" is forbidden: ${NOT_HELD}{APIGroups:[""], ` +
      'Resources:["secrets"], Verbs:["get"]}',
  );
  assert.equal(refusal({ own: [SECRETS], plural: "rolebindings", object: here, also }), undefined);
  const bind = {
    verbs: ["bind"],
    apiGroups: [RBAC_GROUP],
    resources: ["clusterroles"],
    resourceNames: ["reader"],
  };
  assert.equal(refusal({ own: [bind], plural: "rolebindings", object: here, also }), undefined);
  const wide = bindingTo("ClusterRole", "reader");
  const more = { own: [SECRETS, bind], plural: "clusterrolebindings", object: wide, also };
  assert.equal(refusal(more)?.code, 403);
});

Deno.test("checkWrite of a binding to no role speaks as kube-apiserver", () => {
  const missing = refusal({ plural: "rolebindings", object: bindingTo("ClusterRole", "x", "ns") });
  assert.equal(missing?.message, `rolebindings.${RBAC_GROUP} "x" not found`);
  assert.deepEqual(missing?.status.details, { name: "x", group: RBAC_GROUP, kind: "rolebindings" });
  const namespaced = refusal({ plural: "clusterrolebindings", object: bindingTo("Role", "x") });
  assert.equal(namespaced?.message, "Namespace parameter required.");
  assert.equal(namespaced?.code, 400);
  const strange = refusal({ plural: "clusterrolebindings", object: bindingTo("Foo", "x") });
  assert.deepEqual(JSON.parse(JSON.stringify(strange?.status)), {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'unsupported role reference kind: "Foo"',
    code: 500,
  });
});

Deno.test("checkWrite tells which roles of one's own are missing", () => {
  const ghost = (name: string, kind: string) => (store: FakeStore): void => {
    store.add(ROLE_BINDINGS, {
      metadata: { name: `b-${name}`, namespace: "ns" },
      roleRef: { apiGroup: RBAC_GROUP, kind, name },
      subjects: [{ kind: "Group", name: 'g"x' }],
    });
  };
  const user = { ...BOB, groups: ['g"x', "system:authenticated"] };
  const object = { metadata: { name: "e", namespace: "ns" }, rules: [SECRETS] };
  const base = `roles.${RBAC_GROUP} "e" is forbidden: user "bob" (groups=["g\\"x" ` +
    '"system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
    '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}; resolution errors: ';
  const one = refusal({ user, plural: "roles", object, also: ghost("ghost", "Role") });
  assert.equal(one?.message, `${base}[roles.${RBAC_GROUP} "ghost" not found]`);
  const two = refusal({
    user,
    plural: "roles",
    object,
    also: (store) => {
      ghost("ghost", "Role")(store);
      ghost("ghost2", "ClusterRole")(store);
    },
  });
  assert.equal(
    two?.message,
    `${base}[[roles.${RBAC_GROUP} "ghost" not found, roles.${RBAC_GROUP} "ghost2" not found]]`,
  );
});

Deno.test("checkWrite refuses rules that are too many to compare", () => {
  const many = Array.from({ length: 500 }, (_, index) => `x${index}`);
  const rules = [{ verbs: many, apiGroups: many, resources: many }];
  const error = refusal({
    plural: "roles",
    object: { metadata: { name: "r", namespace: "ns" }, rules },
  });
  assert.equal(error?.code, 403);
});

// Small alphabets, so that rules meet
const words = <T>(...all: T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 3 });
const resourceRule: fc.Arbitrary<Rule> = fc.record({
  verbs: words("get", "list", "*"),
  apiGroups: words("", "apps", "*"),
  resources: words("pods", "pods/log", "*/log", "*", "nodes"),
  resourceNames: fc.oneof(fc.constant<string[]>([]), words("a", "b")),
});
const pathRule: fc.Arbitrary<Rule> = fc.record({
  verbs: words("get", "list", "*"),
  nonResourceURLs: words("/a", "/a/*", "/a*", "/b", "*"),
});
const someRules = fc.array(fc.oneof({ weight: 3, arbitrary: resourceRule }, pathRule), {
  minLength: 1,
  maxLength: 4,
});

const REQUESTS: readonly Attributes[] = ["get", "list", "frob"].flatMap((verb): Attributes[] => [
  ...["", "apps", "other"].flatMap((group) =>
    ["pods", "pods/log", "nodes", "nodes/log", "things/log"].flatMap((whole) =>
      ["", "a", "b", "c"].map((name): Attributes => {
        const [resource = "", subresource = ""] = whole.split("/");
        return { isResource: true, verb, group, resource, subresource, namespace: "ns", name };
      })
    )
  ),
  ...["/a", "/a/", "/a/x", "/ab", "/b", "/c"].map((path) => ({
    isResource: false as const,
    verb,
    path,
  })),
]);

Deno.test("checkEscalation: who may grant rules without escalate may do all that they allow", () => {
  const kind = kindOf(RBAC_GROUP, "v1", "clusterroles");
  assert.ok(kind);
  let passed = 0;
  fc.assert(
    fc.property(someRules, someRules, (held, granted) => {
      const [own, given] = [held, granted].map((rules) => {
        const store = new FakeStore();
        grant(store, "", rules);
        return new Rbac({ store, log: SILENT });
      });
      assert.ok(own && given);
      // A right to everything is a right to escalate: that is no part of the rule
      const resolver = {
        authorize: () => ({ allowed: false, reason: "" }),
        rulesFor: own.rulesFor.bind(own),
        roleRules: own.roleRules.bind(own),
      };
      const object = whole({ metadata: { name: "r" }, rules: granted });
      try {
        checkEscalation(resolver, { user: BOB, kind, object });
      } catch (error) {
        assert.ok(error instanceof StatusError);
        return;
      }
      passed++;
      for (const request of REQUESTS) {
        if (!given.authorize(BOB, request).allowed) continue;
        assert.equal(own.authorize(BOB, request).allowed, true, JSON.stringify(request));
      }
    }),
    { numRuns: 1500 },
  );
  assert.ok(passed > 50, `only ${passed} rules were let through`);
});
