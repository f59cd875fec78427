import assert from "node:assert/strict";
import {
  elementText,
  fieldElement,
  fieldName,
  keyElement,
  parseElement,
  pathText,
  sortElements,
  valueElement,
} from "./path_element.ts";

Deno.test("elements are equal strings when they are equal", () => {
  assert.equal(parseElement('k:{"b":1, "a":"x"}'), keyElement({ a: "x", b: 1.0 }));
  assert.equal(parseElement('v: "x" '), valueElement("x"));
  assert.equal(parseElement("i:007"), "i:7");
  assert.equal(parseElement("f:a:b"), fieldElement("a:b"));
  assert.equal(keyElement({ a: "<" }), 'k:{"a":"\\u003c"}');
  assert.equal(fieldName("f:x"), "x");
  assert.equal(fieldName('v:"x"'), undefined);
});

Deno.test("parseElement skips what later versions may mean, and refuses what nothing means", () => {
  assert.equal(parseElement("x:y"), undefined);
  for (const text of ["", "f", "fx", "k:x", 'k:"a"', "v:", "i:x", "i:"]) {
    assert.throws(() => parseElement(text), Error, text);
  }
});

Deno.test("sortElements puts fields before keys, values and indexes", () => {
  const sorted = [
    "f:a",
    "f:b",
    'k:{"a":1}',
    'k:{"a":10}',
    'k:{"a":"1"}',
    'k:{"a":"1","b":"x"}',
    'k:{"b":0}',
    "v:2",
    "v:10",
    'v:"a"',
    "v:true",
    "i:2",
    "i:10",
  ];
  assert.deepEqual(sortElements([...sorted].reverse()), sorted);
  assert.deepEqual(sortElements(["f:b", "f:\u{1f600}", "f:\uffff", "f:a"]), [
    "f:a",
    "f:b",
    "f:\uffff",
    "f:\u{1f600}",
  ]);
});

Deno.test("pathText is what conflicts show", () => {
  assert.equal(
    pathText(["f:a", 'k:{"type":"Ready","port":1}', 'v:"x\\"y"', "i:3", "f:b.c"]),
    '.a[port=1,type="Ready"][="x\\"y"][3].b.c',
  );
  assert.equal(elementText("v:true"), "[=true]");
});
