import assert from "node:assert/strict";
import { parseLabelSelector } from "./label_selector.ts";

const NAME = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " +
  "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE = "a valid label must be an empty string or consist of alphanumeric characters, '-', " +
  "'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or " +
  "'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const OPERATORS = "expected: in, notin, =, ==, !=, gt, lt";
const BAD = "unable to parse requirement: ";

Deno.test("parseLabelSelector matches as kube-apiserver", () => {
  const labels = { app: "x", n: "5", empty: "", in: "x" };
  const yes = [
    "app",
    "app=x",
    "app==x",
    "app in (x,y)",
    "app in (x, y )",
    "app notin (y)",
    "none notin (y)",
    "none!=y",
    "!none",
    "n>4",
    "n<6",
    "empty=",
    "empty in ()",
    "empty in (,a)",
    "in=x",
    "app=x,n=5,!none",
    " app = x , n ",
  ];
  for (const text of yes) assert.equal(parseLabelSelector(text)!(labels), true, text);
  const no = ["none", "app!=x", "!app", "app notin (x)", "n>5", "n<5", "app>1", "none=", "app=x,z"];
  for (const text of no) assert.equal(parseLabelSelector(text)!(labels), false, text);
  for (const text of ["", " "]) assert.equal(parseLabelSelector(text), undefined);
  assert.equal(parseLabelSelector("constructor")!(labels), false);
});

Deno.test("parseLabelSelector refuses in the words of kube-apiserver", () => {
  const refusals: Record<string, string> = {
    "a=b,": "found '', expected: identifier after ','",
    ",": "found ',', expected: !, identifier, or 'end of string'",
    "a in (x": `${BAD}found '', expected: ',' or ')'`,
    "a in x": `${BAD}found 'x' expected: '('`,
    "a b": `${BAD}found 'b', ${OPERATORS}`,
    "n gt 5": `${BAD}found 'gt', ${OPERATORS}`,
    "!": `${BAD}found '', expected: identifier`,
    "=x": "found '=', expected: !, identifier, or 'end of string'",
    "a>x": `${BAD}values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an ` +
      "integer",
    "a>": `${BAD}values[0]: Invalid value: "": for 'Gt', 'Lt' operators, the value must be an ` +
      "integer",
    "a=b=c": "found '=', expected: ',' or 'end of string'",
    "a===b": `${BAD}found '=', expected: identifier`,
    "a = b c": "found 'c', expected: ',' or 'end of string'",
    "a=!b": `${BAD}found '!', expected: identifier`,
    "a!b": `${BAD}found '!', ${OPERATORS}`,
    "a=(b)": `${BAD}found '(', expected: identifier`,
    "a)": `${BAD}found ')', ${OPERATORS}`,
    "a in (x) b": "found 'b', expected: ',' or 'end of string'",
    "!a=b": "found '=', expected: ',' or 'end of string'",
    "a,,b": "found ',', expected: identifier after ','",
    "a in (b b)": `${BAD}found 'b', expected: ',' or ')'`,
    "a-": `${BAD}<nil>: Invalid value: "a-": name part ${NAME}`,
    "/y": `${BAD}<nil>: Invalid value: "/y": prefix part must be non-empty`,
    "x/": `${BAD}<nil>: Invalid value: "x/": name part must be non-empty; name part ${NAME}`,
    "x/y/z=1": `${BAD}<nil>: Invalid value: "x/y/z": a valid label key ${NAME} with an optional ` +
      "DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    [`${"a".repeat(64)}=b`]: `${BAD}<nil>: Invalid value: "${"a".repeat(64)}": name part must ` +
      "be no more than 63 bytes",
    "a=-b": `${BAD}values[0][a]: Invalid value: "-b": ${VALUE}`,
    'a="x"': `${BAD}values[0][a]: Invalid value: "\\"x\\"": ${VALUE}`,
    "a=\x01b": `${BAD}values[0][a]: Invalid value: "\\x01b": ${VALUE}`,
    "a=\u200b\x7f\x07€": `${BAD}values[0][a]: Invalid value: "\\u200b\\x7f\\a€": ${VALUE}`,
    "a in (-b,-c)": `${BAD}[values[0][a]: Invalid value: "-b": ${VALUE}, ` +
      `values[1][a]: Invalid value: "-c": ${VALUE}]`,
  };
  for (const [text, message] of Object.entries(refusals)) {
    assert.throws(() => parseLabelSelector(text), { message, code: 400 }, text);
  }
});

Deno.test("parseLabelSelector reads a long hostile selector in no time", () => {
  for (
    const text of ["a".repeat(1e5), "a-".repeat(5e4), "a.".repeat(5e4) + "/x", "(".repeat(1e5)]
  ) {
    const start = performance.now();
    assert.throws(() => parseLabelSelector(text));
    assert.ok(performance.now() - start < 200);
  }
});
