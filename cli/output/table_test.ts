import assert from "node:assert/strict";
import { cell, Table } from "./table.ts";

Deno.test("Table aligns as kubectl does", () => {
  const text = new Table().format([["NAME", "AGE", "X"], ["kube-root", "5s", ""], ["ä", "1", "y"]]);
  assert.equal(text, "NAME        AGE   X\nkube-root   5s\nä           1     y\n");
});

Deno.test("Table keeps its widths for rows that come later", () => {
  const table = new Table();
  table.format([["a-long-name", "x"]]);
  assert.equal(table.format([["b", "y"]]), "b             y\n");
});

Deno.test("cell lets no escape sequence and no second line through", () => {
  assert.equal(cell("a\x1b[31mb"), "a^[[31mb");
  assert.equal(cell("one\ntwo"), "one...");
  assert.equal(cell("\x9b2J\x07"), " 2J ");
  assert.equal(cell(""), "<none>");
  assert.equal(cell(undefined), "<none>");
});
