import assert from "node:assert/strict";
import { parseTables, readArguments } from "./columns.ts";

Deno.test("parseTables keeps spaces within cells, and empty cells", () => {
  const text = `NAME    READY   RESTARTS     NOMINATED NODE   AGE
web-0   1/1     2 (4d ago)   <none>           5d
wëb-1   0/1                  <none>           3s
`;
  assert.deepEqual(parseTables(text), [{
    header: ["NAME", "READY", "RESTARTS", "NOMINATED NODE", "AGE"],
    rows: [
      ["web-0", "1/1", "2 (4d ago)", "<none>", "5d"],
      ["wëb-1", "0/1", "", "<none>", "3s"],
    ],
  }]);
});

Deno.test("parseTables reads several tables, as of `get pods,svc`", () => {
  const text = "NAME    READY\npod/a   1/1\n\nNAME        TYPE\nservice/b   ClusterIP\n";
  assert.deepEqual(parseTables(text)?.map(({ header }) => header), [
    ["NAME", "READY"],
    ["NAME", "TYPE"],
  ]);
  assert.deepEqual(parseTables(""), []);
  assert.deepEqual(parseTables("NAME   CPU(cores)   CPU(%)\nn      5m           1%\n")?.length, 1);
});

Deno.test("parseTables leaves alone what is no table", () => {
  for (const text of ["pod/a\n", "hello world\n", "v1.36.3\n", "Name:   x\n", '{"a":1}\n']) {
    assert.equal(parseTables(text), undefined, text);
  }
});

Deno.test("readArguments finds verb and format behind flags with values", () => {
  const wanted = readArguments(["-n", "kube-system", "get", "pods", "--no-headers"]);
  assert.deepEqual(wanted, {
    verb: "get",
    output: "",
    table: true,
    objects: undefined,
    args: ["-n", "kube-system", "get", "pods"],
    noHeaders: true,
  });
});

Deno.test("readArguments knows every spelling of -o, and none behind --", () => {
  const cases: [string[], string, boolean][] = [
    [["get", "x", "-o", "wide"], "wide", true],
    [["get", "x", "-owide"], "wide", true],
    [["get", "x", "-o=name"], "name", false],
    [["get", "x", "--output=custom-columns=A:.b"], "custom-columns=A:.b", true],
    [["get", "x", "--output", "jsonpath={.a}"], "jsonpath={.a}", false],
    [["exec", "x", "--", "get", "-o", "json"], "", false],
    [["logs", "x"], "", false],
  ];
  for (const [args, output, table] of cases) {
    const wanted = readArguments(args);
    assert.deepEqual([wanted.output, wanted.table, wanted.args], [output, table, args]);
  }
});

Deno.test("readArguments has YAML brought as JSON", () => {
  assert.deepEqual(readArguments(["get", "x", "-oyaml"]).args, ["get", "x", "--output=json"]);
  const split = readArguments(["get", "x", "-o", "yaml", "-A"]);
  assert.deepEqual([split.objects, split.args], ["yaml", ["get", "x", "-o", "json", "-A"]]);
});
