import { strict as assert } from "node:assert";
import { StatusError } from "../../../shared/kube/status.ts";
import { bodyType } from "./body.ts";
import { readDeleteOptions } from "./delete_options.ts";
import { managerOf, readOptions } from "./options.ts";

function message(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "";
}

const at = (query: string): URL => new URL(`http://x/?${query}`);

Deno.test("readOptions refuses in the words of kube-apiserver", () => {
  const cases: [string, string][] = [
    [
      "dryRun=All&dryRun=x",
      '422 CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["All","x"]: supported values: "All"',
    ],
    [
      "fieldValidation=x",
      '422 CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      "fieldManager=%01",
      '422 CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "\\x01": invalid character U+0001 (at position 0)',
    ],
    [
      `fieldManager=${"a".repeat(129)}`,
      '422 CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
    ],
  ];
  for (const [query, wanted] of cases) {
    assert.equal(message(() => readOptions(at(query), "CreateOptions")), wanted);
  }
});

Deno.test("readOptions wants a manager of an apply, and force of nothing else", () => {
  assert.match(
    message(() => readOptions(at(""), "PatchOptions", true)),
    /fieldManager: Required value: is required for apply patch$/,
  );
  assert.match(
    message(() => readOptions(at("force=true"), "PatchOptions")),
    /force: Forbidden: may not be specified for non-apply patch$/,
  );
  assert.equal(readOptions(at("force=true&fieldManager=a"), "PatchOptions", true).force, true);
});

Deno.test("managerOf takes the program's name", () => {
  const manager = (agent: string): string =>
    managerOf(
      new Request("http://x", { headers: { "User-Agent": agent } }),
      readOptions(at(""), "CreateOptions"),
    );
  assert.equal(manager("kubectl/v1.36 (linux/amd64)"), "kubectl");
  assert.equal(manager(""), "unknown");
});

async function deleteMessage(query: string, body = "", type = "application/json"): Promise<string> {
  const request = new Request("http://x", { method: "DELETE", headers: { "Content-Type": type } });
  try {
    const bytes = new TextEncoder().encode(body);
    await readDeleteOptions(at(query), bytes, () => bodyType(request));
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "";
}

Deno.test("readDeleteOptions refuses in the words of kube-apiserver", async () => {
  const invalid = '422 DeleteOptions.meta.k8s.io "" is invalid: ';
  const cases: [string, string, string][] = [
    [
      "propagationPolicy=x",
      "",
      `${invalid}propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"`,
    ],
    [
      "propagationPolicy=Orphan&orphanDependents=true",
      "",
      `${invalid}propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set`,
    ],
    ["gracePeriodSeconds=abc", "", '400 strconv.ParseInt: parsing "abc": invalid syntax'],
    [
      "",
      '{"kind":"ConfigMap","apiVersion":"v1"}',
      '400 no kind "ConfigMap" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      "",
      '{"gracePeriodSeconds":"a"}',
      "400 json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
    ],
    ["", "{", "400 couldn't get version/kind; json parse error: unexpected end of JSON input"],
    ["dryRun=zz", "{}", ""],
    ["gracePeriodSeconds=-5&orphanDependents=zz", "", ""],
  ];
  for (const [query, body, wanted] of cases) {
    assert.equal(await deleteMessage(query, body), wanted);
  }
  assert.match(await deleteMessage("", "{}", "text/plain"), /^415 /);
});
