import assert from "node:assert/strict";
import {
  compactRules,
  MAX_SINGLE_RULES,
  parseRules,
  ruleAllows,
  ruleText,
  TooManyRulesError,
  uncovered,
} from "./rbac_rules.ts";
import type { Attributes } from "./types.ts";

function resource(verb: string, path: string, more: Partial<Attributes> = {}): Attributes {
  const [group = "", whole = ""] = path.includes(":") ? path.split(":") : ["", path];
  const [name = "", subresource = ""] = whole.split("/");
  return {
    isResource: true,
    verb,
    group,
    resource: name,
    subresource,
    namespace: "ns",
    name: "",
    ...more,
  } as Attributes;
}

function allows(rule: Record<string, string[]>, attributes: Attributes): boolean {
  return parseRules([rule]).some((one) => ruleAllows(one, attributes));
}

Deno.test("ruleAllows compares verbs, groups and resources, each with *", () => {
  const rule = { verbs: ["get"], apiGroups: ["", "apps"], resources: ["pods", "deployments"] };
  assert.equal(allows(rule, resource("get", "pods")), true);
  assert.equal(allows(rule, resource("get", "apps:deployments")), true);
  assert.equal(allows(rule, resource("list", "pods")), false);
  assert.equal(allows(rule, resource("get", "batch:pods")), false);
  assert.equal(allows(rule, resource("get", "pods/log")), false);
  const all = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
  assert.equal(allows(all, resource("frob", "x.y:pods/log")), true);
  assert.equal(allows(all, { isResource: false, verb: "get", path: "/" }), false);
});

Deno.test("ruleAllows knows res/sub and */sub, but not res/*", () => {
  const rule = { verbs: ["get"], apiGroups: [""], resources: ["pods/log", "*/scale", "nodes/*"] };
  assert.equal(allows(rule, resource("get", "pods/log")), true);
  assert.equal(allows(rule, resource("get", "anything/scale")), true);
  assert.equal(allows(rule, resource("get", "pods")), false);
  assert.equal(allows(rule, resource("get", "nodes/proxy")), false);
  assert.equal(allows(rule, resource("get", "anything")), false);
});

Deno.test("ruleAllows by name leaves out requests without one", () => {
  const rule = { verbs: ["*"], apiGroups: [""], resources: ["pods"], resourceNames: ["a", "b"] };
  assert.equal(allows(rule, resource("get", "pods", { name: "b" })), true);
  assert.equal(allows(rule, resource("get", "pods", { name: "c" })), false);
  assert.equal(allows(rule, resource("list", "pods")), false);
});

Deno.test("ruleAllows of paths takes a * at the end", () => {
  const rule = { verbs: ["get"], nonResourceURLs: ["/healthz", "/api/*", "/x*/y"] };
  const ask = (path: string): boolean => allows(rule, { isResource: false, verb: "get", path });
  assert.deepEqual(
    ["/healthz", "/healthz/", "/api/", "/api/v1", "/api", "/x1/y"].map(ask),
    [true, false, true, true, false, false],
  );
  assert.equal(
    allows({ verbs: ["*"], nonResourceURLs: ["*"] }, { isResource: false, verb: "x", path: "/y" }),
    true,
  );
});

Deno.test("parseRules takes what it finds and leaves out what is no rule", () => {
  assert.deepEqual(parseRules(null), []);
  assert.deepEqual(parseRules([null, 1, { verbs: ["get", 2] }]).map(ruleText), [
    '{Verbs:["get"]}',
  ]);
});

Deno.test("uncovered names single permissions, several rules may cover one", () => {
  const owned = parseRules([
    { verbs: ["get"], apiGroups: [""], resources: ["pods", "secrets"] },
    { verbs: ["list"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["*"], apiGroups: ["*"], resources: ["*/scale"] },
    { verbs: ["update"], apiGroups: [""], resources: ["configmaps"], resourceNames: ["a", "b"] },
    { verbs: ["get"], nonResourceURLs: ["/api/*"] },
  ]);
  const missing = (rule: Record<string, string[]>): string[] =>
    compactRules(uncovered(owned, parseRules([rule]))).map(ruleText);
  assert.deepEqual(missing({ verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] }), []);
  assert.deepEqual(missing({ verbs: ["get"], apiGroups: ["apps"], resources: ["x/scale"] }), []);
  assert.deepEqual(
    missing({ verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["secrets"] }),
    ['{APIGroups:[""], Resources:["secrets"], Verbs:["list" "watch"]}'],
  );
  assert.deepEqual(
    missing({
      verbs: ["update"],
      apiGroups: [""],
      resources: ["configmaps"],
      resourceNames: ["b", "c"],
    }),
    ['{APIGroups:[""], Resources:["configmaps"], ResourceNames:["c"], Verbs:["update"]}'],
  );
  assert.deepEqual(missing({ verbs: ["update"], apiGroups: [""], resources: ["configmaps"] }), [
    '{APIGroups:[""], Resources:["configmaps"], Verbs:["update"]}',
  ]);
  assert.deepEqual(missing({ verbs: ["get"], nonResourceURLs: ["/api/x", "/apis"] }), [
    '{NonResourceURLs:["/apis"], Verbs:["get"]}',
  ]);
  assert.deepEqual(missing({ verbs: ["*"], apiGroups: [""], resources: ["pods"] }), [
    '{APIGroups:[""], Resources:["pods"], Verbs:["*"]}',
  ]);
});

Deno.test("uncovered stops at rules that stand for too many permissions", () => {
  const many = Array.from({ length: 3000 }, (_, index) => `x${index}`);
  const huge = parseRules([{ verbs: many, apiGroups: many, resources: many, resourceNames: many }]);
  const started = performance.now();
  assert.throws(() => uncovered([], huge), TooManyRulesError);
  assert.ok(performance.now() - started < 1000, `${MAX_SINGLE_RULES} are too many`);
  const all = parseRules([{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }]);
  assert.deepEqual(uncovered(all, huge), []);
});
