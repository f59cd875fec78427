import assert from "node:assert/strict";
import {
  qualifiedNameFaults,
  validateAnnotations,
  validateLabels,
  validateSelector,
} from "./labels.ts";

const NAME =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with " +
  "an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation " +
  "is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

Deno.test("qualifiedNameFaults speaks as kube-apiserver does", () => {
  assert.deepEqual(qualifiedNameFaults("example.com/Name_1"), []);
  assert.deepEqual(qualifiedNameFaults("a b"), [NAME]);
  assert.deepEqual(qualifiedNameFaults(""), ["name part must be non-empty", NAME]);
  assert.deepEqual(qualifiedNameFaults("/x"), ["prefix part must be non-empty"]);
  assert.match(qualifiedNameFaults("A.B/c")[0]!, /^prefix part a lowercase RFC 1123 subdomain/);
  assert.match(qualifiedNameFaults("a/b/c")[0]!, /with an optional DNS subdomain prefix and '\/'/);
  assert.deepEqual(qualifiedNameFaults("a".repeat(64)), [
    "name part must be no more than 63 bytes",
  ]);
});

Deno.test("validateLabels names key and value, with the field of the map", () => {
  assert.deepEqual(validateLabels({ ok: "", "example.com/a": "b" }, "metadata.labels"), []);
  const [fault] = validateLabels({ a: "b c" }, "metadata.labels");
  assert.equal(fault?.field, "metadata.labels");
  assert.match(fault!.message, /^Invalid value: "b c": a valid label must be an empty string or/);
});

Deno.test("validateAnnotations takes keys in any case, and 256 KiB", () => {
  assert.deepEqual(validateAnnotations({ "UP/Low": "any text" }, "f"), []);
  assert.deepEqual(validateAnnotations({ a: "x".repeat(262_144) }, "f"), [
    {
      type: "FieldValueTooLong",
      field: "f",
      message: "Too long: may not be more than 262144 bytes",
    },
  ]);
});

Deno.test("validateSelector checks operators and their values", () => {
  const matchExpressions = [
    { key: "a", operator: "Foo" },
    { key: "b", operator: "In" },
    { key: "c", operator: "Exists", values: ["x"] },
  ];
  assert.deepEqual(
    validateSelector({ matchExpressions }, "s").map(({ field, message }) => [field, message]),
    [
      ["s.matchExpressions[0].operator", 'Invalid value: "Foo": not a valid selector operator'],
      [
        "s.matchExpressions[1].values",
        "Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
      [
        "s.matchExpressions[2].values",
        "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      ],
    ],
  );
});
