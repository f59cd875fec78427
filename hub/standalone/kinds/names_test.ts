import assert from "node:assert/strict";
import { labelName, pathSegmentName, subdomainName } from "./names.ts";

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

Deno.test("subdomainName takes DNS subdomains, and prefixes that end in a dash", () => {
  assert.deepEqual(subdomainName("a.b-c", false), []);
  assert.deepEqual(subdomainName("A_b", false), [SUBDOMAIN]);
  assert.deepEqual(subdomainName("a".repeat(254), false), ["must be no more than 253 characters"]);
  assert.deepEqual(subdomainName("a-", false), [SUBDOMAIN]);
  assert.deepEqual(subdomainName("a-", true), []);
});

Deno.test("labelName takes DNS labels", () => {
  assert.deepEqual(labelName("a-b", false), []);
  assert.deepEqual(labelName("a.b", false), ["must not contain dots"]);
  assert.match(labelName("A.b", false)[0]!, /^a lowercase RFC 1123 label must consist of/);
});

Deno.test("pathSegmentName takes what fits into a path", () => {
  assert.deepEqual(pathSegmentName("system:a b", false), []);
  assert.deepEqual(pathSegmentName("..", false), ["may not be '..'"]);
  assert.deepEqual(pathSegmentName("a/b%", false), ["may not contain '/'", "may not contain '%'"]);
});

Deno.test("subdomainName and labelName are quick on long names", () => {
  const start = performance.now();
  subdomainName(`${"a-".repeat(100_000)}_`, false);
  labelName(`${"a".repeat(100_000)}_`, false);
  assert.ok(performance.now() - start < 1_000);
});
