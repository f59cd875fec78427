import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import type { User } from "../user.ts";
import { impersonate, wantedUser } from "./impersonation.ts";
import type { Attributes, Authorizer } from "./types.ts";

const SA: User = { name: "system:serviceaccount:part-f:sa1", groups: [], extra: {} };
const LIST: Attributes = {
  isResource: true,
  verb: "list",
  group: "",
  resource: "configmaps",
  subresource: "",
  namespace: "part-f",
  name: "",
};

/** `verb group/resource[/subresource] [namespace/]name`, or `verb path`. */
function text(attributes: Attributes): string {
  if (!attributes.isResource) return `${attributes.verb} ${attributes.path}`;
  const { verb, group, resource, subresource, namespace, name } = attributes;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  return `${verb} ${group}/${whole} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

function only(...allowed: string[]): Authorizer {
  return {
    authorize: (_, attributes) => ({ allowed: allowed.includes(text(attributes)), reason: "" }),
  };
}

const ANYTHING: Authorizer = {
  authorize: (_, { verb }) => ({ allowed: verb === "impersonate", reason: "" }),
};

function refusal(work: () => unknown): StatusError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return error;
  }
  throw new Error("let through");
}

function as(headers: [string, string][], authorizer = ANYTHING): User {
  return impersonate(headers, SA, authorizer, LIST);
}

const USER: [string, string] = ["Impersonate-User", "bob"];

Deno.test("impersonate leaves a request without the headers as it is", () => {
  assert.equal(as([["Accept", "x"], ["Impersonate-User", ""]]), SA);
});

Deno.test("impersonate without a user is refused in Go's syntax", () => {
  const words = (headers: [string, string][]): string => {
    const error = refusal(() => as(headers));
    assert.equal(error.code, 400);
    return error.message;
  };
  assert.equal(
    words([["Impersonate-Group", "a"]]),
    'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, ' +
      "Extra:map[string][]string(nil)} without impersonating a user name",
  );
  assert.equal(
    words([["impersonate-uid", "a"], ["Impersonate-Extra-Foo", "1"], ["Impersonate-Group", "g"]]),
    'requested &user.DefaultInfo{Name:"", UID:"a", Groups:[]string{"g"}, ' +
      'Extra:map[string][]string{"foo":[]string{"1"}}} without impersonating a user name',
  );
});

Deno.test("impersonate takes uid, groups and extras, unescaped and in lower case", () => {
  assert.deepEqual(
    as([
      USER,
      ["Impersonate-Uid", "u1"],
      ["Impersonate-Extra-Foo%2fbar", "1"],
      ["impersonate-extra-foo%2Fbar", "2"],
      ["Impersonate-Extra-A%zz", "x"],
      ["Impersonate-Group", "a"],
      ["Impersonate-Group", "b, c"],
    ]),
    {
      name: "bob",
      uid: "u1",
      groups: ["a", "b, c", "system:authenticated"],
      extra: { "foo/bar": ["1", "2"], "a%zz": ["x"] },
    },
  );
});

Deno.test("wantedUser takes the joined lines of Headers apart, and reads UTF-8", () => {
  const headers = new Headers([["Impersonate-User", "CN=a, O=b"]]);
  headers.append("Impersonate-Group", "a");
  headers.append("Impersonate-Group", "b");
  assert.deepEqual(wantedUser(headers)?.groups, ["a", "b"]);
  assert.equal(wantedUser(headers)?.name, "CN=a, O=b");
  assert.equal(wantedUser([["Impersonate-User", "J\u00c3\u00bcrgen"]])?.name, "Jürgen");
});

Deno.test("wantedUser refuses several users or uids, whatever they are", () => {
  const uid: [string, string] = ["Impersonate-Uid", "u1"];
  const cases: [string, string][][] = [
    [USER, USER],
    [USER, ["impersonate-USER", "eve"]],
    [USER, ["Impersonate-User", ""]],
    [["Impersonate-User", ""], USER],
    [USER, uid, uid],
  ];
  for (const headers of cases) {
    const { code, message } = refusal(() => wantedUser(headers));
    assert.equal(code, 400);
    assert.match(message, /^there are several impersonate-(user|uid) headers$/);
  }
});

Deno.test("impersonate completes groups as kube-apiserver", () => {
  const groups = (name: string, ...given: string[]): readonly string[] =>
    as([
      ["Impersonate-User", name],
      ...given.map((group): [string, string] => ["Impersonate-Group", group]),
    ]).groups;
  const account = "system:serviceaccount:part-f:sa2";
  assert.deepEqual(groups(account), [
    "system:serviceaccounts",
    "system:serviceaccounts:part-f",
    "system:authenticated",
  ]);
  assert.deepEqual(groups(account, "q"), ["q", "system:authenticated"]);
  assert.deepEqual(groups("system:serviceaccount:Part-f:sa2"), ["system:authenticated"]);
  assert.deepEqual(groups("bob", "system:unauthenticated"), ["system:unauthenticated"]);
  assert.deepEqual(groups("bob", "system:authenticated", "system:authenticated"), [
    "system:authenticated",
    "system:authenticated",
  ]);
  assert.deepEqual(groups("system:anonymous"), ["system:unauthenticated"]);
  assert.deepEqual(groups("system:anonymous", "system:authenticated"), [
    "system:authenticated",
    "system:unauthenticated",
  ]);
  assert.deepEqual(groups("bob", ""), ["", "system:authenticated"]);
  assert.deepEqual(groups("system:node:n1"), ["system:authenticated"]);
});

Deno.test("impersonate refuses at first in the words of the constrained mode", () => {
  const words = (name: string): string =>
    refusal(() => as([["Impersonate-User", name]], only())).message;
  const start = `configmaps is forbidden: User "${SA.name}" cannot impersonate-on:`;
  const end = ':list resource "configmaps" in API group "" in the namespace "part-f"';
  assert.equal(words("bob"), `${start}user-info${end}`);
  assert.equal(words("system:serviceaccount:part-f:sa2"), `${start}serviceaccount${end}`);
  assert.equal(words("system:node:n1"), `${start}arbitrary-node${end}`);
  const version = { isResource: false, verb: "get", path: "/version" } as const;
  const error = refusal(() => impersonate([USER], SA, only(), version));
  assert.equal(
    error.message,
    `forbidden: User "${SA.name}" cannot impersonate-on:user-info:get path "/version"`,
  );
  assert.deepEqual(error.status.details, {});
});

Deno.test("impersonate asks for each thing, and refuses in the mode that worked last", () => {
  const authorizer = only(
    "impersonate /users bob",
    "impersonate authentication.k8s.io/userextras/scopes one",
  );
  assert.equal(as([USER, ["Impersonate-Extra-Scopes", "one"]], authorizer).name, "bob");
  const error = (header: [string, string]): StatusError =>
    refusal(() => as([USER, header], authorizer));
  const masters = error(["Impersonate-Group", "system:masters"]);
  assert.equal(
    masters.message,
    `groups "system:masters" is forbidden: User "${SA.name}" cannot impersonate resource ` +
      '"groups" in API group "" at the cluster scope',
  );
  assert.deepEqual(masters.status.details, { name: "system:masters", kind: "groups" });
  assert.match(error(["Impersonate-Uid", "12"]).message, /^uids\.authentication\.k8s\.io "12" is/);
  assert.match(error(["Impersonate-Extra-Scopes", "two"]).message, /"userextras\/scopes" in API/);
});

Deno.test("impersonate asks for a service account in its namespace", () => {
  const name = "system:serviceaccount:ns:acc";
  const may = (authorizer: Authorizer): User => as([["Impersonate-User", name]], authorizer);
  assert.equal(may(only("impersonate /serviceaccounts ns/acc")).name, name);
  assert.equal(refusal(() => may(only(`impersonate /users ${name}`))).code, 403);
});

Deno.test("impersonate as user-info needs both rights and never gives system:masters", () => {
  const rights = [
    "impersonate-on:user-info:list /configmaps part-f/",
    "impersonate:user-info authentication.k8s.io/users bob",
    "impersonate:user-info authentication.k8s.io/groups system:masters",
  ];
  const authorizer = only(...rights);
  assert.equal(as([USER], authorizer).name, "bob");
  assert.equal(refusal(() => as([USER], only(...rights.slice(1)))).code, 403);
  assert.equal(refusal(() => as([USER], only(rights[0] ?? ""))).code, 403);
  assert.equal(refusal(() => impersonate([USER], SA, only(...rights))).code, 403);
  assert.match(
    refusal(() => as([USER, ["Impersonate-Group", "system:masters"]], authorizer)).message,
    /cannot impersonate:user-info .*: impersonating the system:masters group is not allowed$/,
  );
  assert.match(
    refusal(() => as([USER, ["Impersonate-Group", ""]], authorizer)).message,
    /impersonating the empty string group is not allowed$/,
  );
  assert.match(
    refusal(() => as([USER, ["Impersonate-Extra-FOO_", "g"]], authorizer)).message,
    /extra\.key: Invalid value: "foo_": must be a domain-prefixed path \(such as "acme\.io\/foo"\)$/,
  );
});

Deno.test("impersonate as user-info asks once for many groups", () => {
  const authorizer = only(
    "impersonate-on:user-info:list /configmaps part-f/",
    "impersonate:user-info authentication.k8s.io/users bob",
    "impersonate:user-info authentication.k8s.io/groups *",
  );
  const groups = (count: number): [string, string][] =>
    Array.from({ length: count }, (_, index) => ["Impersonate-Group", `g${index}`]);
  assert.equal(as([USER, ...groups(4)], authorizer).groups.length, 5);
  assert.equal(refusal(() => as([USER, ...groups(3)], authorizer)).code, 403);
});

Deno.test("impersonate as a node gives its group; one's own node is for its service accounts", () => {
  const node: [string, string] = ["Impersonate-User", "system:node:n1"];
  const arbitrary = only(
    "impersonate-on:arbitrary-node:list /configmaps part-f/",
    "impersonate:arbitrary-node authentication.k8s.io/nodes n1",
  );
  assert.deepEqual(as([node], arbitrary).groups, ["system:nodes", "system:authenticated"]);
  const rights = [
    "impersonate-on:associated-node:list /configmaps part-f/",
    "impersonate:associated-node authentication.k8s.io/nodes *",
  ];
  const there = { ...SA, extra: { "authentication.kubernetes.io/node-name": ["n1"] } };
  const elsewhere = { ...SA, extra: { "authentication.kubernetes.io/node-name": ["n2"] } };
  assert.equal(impersonate([node], there, only(...rights), LIST).name, "system:node:n1");
  assert.equal(refusal(() => impersonate([node], elsewhere, only(...rights), LIST)).code, 403);
});

Deno.test("impersonate escapes what looks like HTML in what it refuses", () => {
  const user = { ...SA, name: "<b&c>" };
  const { message } = refusal(() => impersonate([USER], user, only(), LIST));
  assert.match(message, /User "&lt;b&amp;c&gt;" cannot/);
});
