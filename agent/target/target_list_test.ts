import assert from "node:assert/strict";
import { formatAllowEntry } from "./allow_entry.ts";
import {
  MAX_LIST_BYTES,
  MAX_LIST_ENTRIES,
  readTargetList,
  TargetListError,
} from "./target_list.ts";

function read(text: string): string[] {
  return readTargetList(text).map(formatAllowEntry);
}

Deno.test("readTargetList reads mappings and the short form", () => {
  const text = `# what may be reached
targets:
  - host: grafana.monitoring.svc
    port: 3000
    scheme: http
  - host: 10.1.0.0/16
    port: 9100
  - { host: fd00::1, scheme: https }
  - host: "[FD00:1::]/64"
  - host: "[::1]"
  - https://Dash.tools.svc:8443
  - 10.0.0.7
`;
  assert.throws(() => read(text), /line 9: cannot read .*a slash|line 9: cannot read/);
  assert.deepEqual(read(text.replace("[FD00:1::]/64", "FD00:1::/64")), [
    "http://grafana.monitoring.svc:3000",
    "10.1.0.0/16:9100",
    "https://[fd00:0:0:0:0:0:0:1]",
    "[fd00:1:0:0:0:0:0:0/64]",
    "[0:0:0:0:0:0:0:1]",
    "https://dash.tools.svc:8443",
    "10.0.0.7",
  ]);
});

Deno.test("readTargetList takes an emptied list for an empty one", () => {
  for (const text of ["", "# none\n", "targets: []\n", "targets:\n# - host: a\n", "---\n"]) {
    assert.deepEqual(read(text), [], JSON.stringify(text));
  }
});

Deno.test("readTargetList refuses a typo as a whole, with its line", () => {
  const good = "targets:\n  - host: a.svc\n";
  const cases: [text: string, message: RegExp][] = [
    ["target:\n  - host: a\n", /line 1: .*target/],
    [good + "more: 1\n", /line 3: .*more is unknown/],
    [good + "targets:\n  - host: b\n", /line 3: .*unique/],
    [good + "    host: b\n", /line 3: .*unique/],
    [good + "    prot: 80\n", /line 3: .*targets\.0\.prot is unknown/],
    [good + "    port: eighty\n", /line 3: targets\.0\.port/],
    [good + '    port: "80"\n', /line 3: targets\.0\.port/],
    [good + "    port: 0\n", /line 3: targets\.0\.port/],
    [good + "    port: 65536\n", /line 3: targets\.0\.port/],
    [good + "    port: 80.5\n", /line 3: .*decimal/],
    [good + "    port: 0x50\n", /line 3: .*decimal/],
    [good + "    port: 0o120\n", /line 3: .*decimal/],
    [good + "    port: 8e1\n", /line 3: .*decimal/],
    [good + "    port:\n", /line 3: targets\.0\.port/],
    [good + "    scheme: ftp\n", /line 3: targets\.0\.scheme/],
    [good + "    scheme: HTTP\n", /line 3: targets\.0\.scheme/],
    ["targets:\n  - port: 80\n", /line 2: .*targets\.0\.host is missing/],
    ["targets:\n  - host: true\n", /line 2: targets\.0\.host/],
    ["targets:\n  - host: [a]\n", /line 2: targets\.0\.host/],
    ['targets:\n  - host: ""\n', /line 2: targets\.0\.host/],
    ['targets:\n  - ""\n', /line 2/],
    ["targets:\n  -\n", /line [23]: targets\.0/],
    ["targets:\n  - 10\n", /line 2: targets\.0/],
    ["targets: all\n", /line 1: targets/],
    ["targets:\n  host: a\n", /targets/],
    ["- host: a\n", /line 1/],
    ["all\n", /line 1/],
    ['targets:\n  - host: "*"\n', /line 2: .*wildcards/],
    ["targets:\n  - host: *\n", /line 2/],
    ["targets:\n  - host: '*.svc'\n", /line 2: .*wildcards/],
    ["targets:\n  - host: &a b\n  - host: *a\n", /line 2: anchors/],
    ["targets: &x\n  - host: b\n", /anchors/],
    ["targets:\n  - host: !!str 10\n", /line 2: tags/],
    ["targets:\n  - host: !x y\n", /line 2/],
    ["%TAG ! tag:example.com,2000:\n---\n" + good, /TAG/],
    ["targets:\n  - <<: {host: a}\n", /line 2/],
    ["targets:\n  - host: a.svc\n   port: 80\n", /line 3/],
    ["targets:\n\t- host: a\n", /line 2/],
    ["targets:\n  - host: 'a\n", /line [23]/],
    [good + "---\n" + good, /line 3|document/],
    ["targets:\n  - host: a\n  - http://a:80\n  - a\n", /line 4: .*twice/],
    ["targets:\n  - host: 169.254.169\n", /line 2: .*in full/],
    ["targets:\n  - host: 0177.0.0.1\n", /line 2: .*in full/],
    ["targets:\n  - host: a:80\n", /line 2/],
    ["targets:\n  - host: http://a\n", /line 2/],
    ["targets:\n  - host: a/b\n", /line 2/],
    ["targets:\n  - host: u@a\n", /line 2/],
    ["targets:\n  - host: fe80::1%eth0\n", /line 2/],
    ["? [a]\n: 1\n", /line 1/],
    ["targets: " + "[".repeat(20_000), /deep/],
    ["targets: " + "{a: ".repeat(10_000), /deep/],
    ["- ".repeat(20_000), /deep/],
    ["targets:\n" + "#".repeat(MAX_LIST_BYTES), /bytes/],
  ];
  for (const [text, message] of cases) {
    const what = JSON.stringify(text.slice(0, 80));
    assert.throws(() => read(text), (error) => {
      assert.ok(error instanceof TargetListError, `${what}: ${error}`);
      assert.match(error.message, message, what);
      assert.ok(error.message.length < 400);
      return true;
    }, what);
  }
});

Deno.test("readTargetList bounds the number of entries", () => {
  const list = (count: number): string =>
    "targets:\n" + Array.from({ length: count }, (_, index) => `  - h${index}.svc\n`).join("");
  assert.equal(read(list(MAX_LIST_ENTRIES)).length, MAX_LIST_ENTRIES);
  assert.throws(() => read(list(MAX_LIST_ENTRIES + 1)), /at most 256 entries/);
});
