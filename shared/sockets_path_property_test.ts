import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatTarget,
  leavesRoot,
  parseHost,
  parseSocketsPath,
  parseTarget,
  SOCKETS_PREFIX,
  type SocketsPath,
  SocketsPathError,
} from "./sockets_path.ts";
import { escapesAnyReading } from "./testing/path_readings.ts";

const ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";
const OTHER = "00000000-0000-4000-8000-00000000000b";

function parsed(url: string): SocketsPath | undefined {
  try {
    return parseSocketsPath(url);
  } catch (error) {
    assert.ok(error instanceof SocketsPathError, String(error));
    assert.ok(error.status === 400 || error.status === 404);
    return undefined;
  }
}

/** What paths that mean to escape are made of. */
const piece = fc.constantFrom(
  ...[
    "/",
    "//",
    ".",
    "..",
    "...",
    "%2e",
    "%2E%2e",
    "%252e",
    "%2f",
    "%5c",
    "%255C",
    "\\",
    ";",
    ";x=1",
  ],
  ...[
    "%3b",
    "%00",
    "%0a",
    "%0d%0a",
    "%20",
    "%25",
    "%c0%ae",
    "%c0%af",
    "%c0",
    "%e0%80",
    "%e0%80%ae",
    "%u002e",
    "%5B",
    "%5d",
    "@",
  ],
  ...[
    "?",
    "%3f",
    "#",
    "%23",
    ":",
    "a",
    "api",
    "v1",
    "%",
    "%2",
    "%zz",
    "~",
    "*",
    "\0",
    "\r\n",
    "\u2024",
  ],
  ...[
    "direct",
    "http",
    "https",
    "h:80",
    "[::1]:443",
    "%5B::1%5D:80",
    "proxy",
    "attach",
    ID,
    OTHER,
    "sockets",
  ],
);
const pieces = fc.array(piece, { maxLength: 14 }).map((all) => all.join(""));
const hostile = fc.oneof(pieces, fc.string({ unit: "binary", maxLength: 40 }));

Deno.test("leavesRoot() refuses every path that some server would lead out of its root", () => {
  fc.assert(
    fc.property(fc.oneof(pieces, fc.webUrl({ withQueryParameters: true })), (text) => {
      const path = `/${text}`;
      const how = escapesAnyReading(path);
      assert.ok(how === undefined || leavesRoot(path), `${JSON.stringify(path)}: ${how}`);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("leavesRoot() knows separators and escapes that only some servers know", () => {
  for (
    const path of [
      "/b%5cc%2f..%2f..",
      "/b\\c%2f..%2f..",
      "/%c0%2f..%2f..",
      "/b%c0%afc%2f..%2f..",
      "/a/%c0%ae%c0%ae%c0%af..",
      "/%u002e%u002e",
      "/%252e%25252e",
      "/%252e%25252%0d%0ae%252f",
      "/..;/",
      "/;a/..",
      "/..%00x",
      "/.%00.",
      "/.%09.",
      "/..%3fx",
      "/..%23",
    ]
  ) assert.equal(leavesRoot(path), true, path);
});

Deno.test("leavesRoot() lets every path pass that no spelling of a dot leads upwards", () => {
  const segment = fc.stringMatching(
    /^[a-zA-Z0-9~!$&'()*+,=:@_-]([a-zA-Z0-9~!$&'()*+,=:@_.-]|%2[0-9a-d]){0,20}$/,
  );
  fc.assert(fc.property(fc.array(segment), fc.string(), (segments, query) => {
    assert.equal(leavesRoot(`/${segments.join("/")}?${query}/../..`), false);
    assert.equal(leavesRoot(`/${segments.map((one) => `${one}/..`).join("/")}`), false);
  }));
});

Deno.test("leavesRoot() takes time in proportion to the path", () => {
  for (const part of ["%25", "/..", "a/../", "%c0%ae", "\\", ";", "%2f%2e", "..;/", "%"]) {
    const start = performance.now();
    leavesRoot("/" + part.repeat(64 * 1024 / part.length));
    const ms = performance.now() - start;
    assert.ok(ms < 500, `${part}: ${ms} ms`);
  }
});

Deno.test("A path that parses names its cluster literally, and passes its bytes unchanged", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        ID,
        OTHER,
        ID.toUpperCase(),
        `${ID}%00`,
        `${ID};x`,
        `x${ID}`,
        `..%2f${ID}`,
        "",
      ),
      fc.constantFrom("", "/", "/proxy/direct", "/direct", "/proxy/http/", "/https/h", "/attach"),
      hostile,
      (id, form, tail) => {
        const url = SOCKETS_PREFIX + id + form + tail;
        const path = parsed(url);
        if (path === undefined) return;
        assert.equal(url.slice(SOCKETS_PREFIX.length).split(/[/?]/)[0], path.clusterId);
        if (path.kind !== "proxy") return;
        assert.ok(path.path.startsWith("/"));
        assert.equal(escapesAnyReading(path.path), undefined);
        // Nothing but what stands in the request line, save the slash before an absent path
        assert.ok(url.endsWith(path.path) || url.endsWith(path.path.slice(1)), path.path);
        const proxy = path.alias ? "" : "proxy/";
        const head = `${SOCKETS_PREFIX}${path.clusterId}/${proxy}${formatTarget(path.target)}`;
        const again = parsed(head + path.path);
        assert.deepEqual(again, path);
      },
    ),
    { numRuns: 10_000 },
  );
});

Deno.test("A mutation of a valid path names literally what it reaches, or is an error", () => {
  const valid = [
    `${ID}/proxy/direct/api/v1/pods?watch=1`,
    `${ID}/direct/healthz`,
    `${ID}/proxy/https/kube.example:8443/x`,
  ];
  let reached = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...valid),
      fc.nat({ max: 75 }),
      fc.nat({ max: 3 }),
      fc.oneof(piece, fc.string({ unit: "binary", maxLength: 2 })),
      (text, at, cut, insert) => {
        const where = at % text.length;
        const mutated = text.slice(0, where) + insert + text.slice(where + cut);
        const after = parsed(SOCKETS_PREFIX + mutated);
        if (after?.kind !== "proxy") return;
        reached++;
        const proxy = after.alias ? "" : "proxy/";
        const head = `${after.clusterId}/${proxy}${formatTarget(after.target)}`;
        assert.equal(mutated.slice(0, head.length).toLowerCase(), head);
        assert.equal(mutated.slice(0, 36), after.clusterId);
        assert.equal(
          mutated.slice(head.length),
          after.path.slice(
            after.path.length - (mutated.length - head.length),
          ),
        );
      },
    ),
    { numRuns: 10_000 },
  );
  assert.ok(reached > 1_000, `${reached}`);
});

Deno.test("A host reaches the same with its brackets encoded, and with nothing else encoded", () => {
  const host = fc.oneof(
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 65_535 })).map(([ip, port]) => `[${ip}]:${port}`),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.domain(),
    fc.array(piece, { maxLength: 4 }).map((all) => all.join("").replace(/[/?#]/g, "")),
  );
  const pathOf = (text: string): SocketsPath | undefined =>
    parsed(`${SOCKETS_PREFIX}${ID}/proxy/http/${text}/x`);
  let read = 0;
  fc.assert(
    fc.property(host, fc.nat(), fc.boolean(), (text, at, lower) => {
      const encode = (char: string): string => {
        const code = `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
        return lower ? code : code.toUpperCase();
      };
      const path = pathOf(text);
      assert.deepEqual(pathOf(text.replace(/[[\]]/g, encode)), path);
      if (path?.kind !== "proxy" || path.target.kind === "direct") return;
      read++;
      assert.equal(parseHost(path.target.host), path.target.host);
      // The agent reads what the hub writes, and takes no escapes
      assert.deepEqual(parseTarget(formatTarget(path.target)), path.target);
      const index = at % text.length;
      const char = text[index]!;
      if (/[[\]%]/.test(char) || text[index - 1] === "%" || text[index - 2] === "%") return;
      assert.equal(pathOf(text.slice(0, index) + encode(char) + text.slice(index + 1)), undefined);
    }),
    { numRuns: 5_000 },
  );
  assert.ok(read > 1_000, `${read}`);
  assert.throws(() => parseHost("%5B::1%5D:80"), SocketsPathError);
});

Deno.test("Another form of the request target is no path of ours", () => {
  const direct = `${SOCKETS_PREFIX}${ID}/proxy/direct/`;
  for (
    const url of [
      `https://hub${direct}`,
      `//hub${direct}`,
      `/${direct}`,
      direct.replace("/apis", "/./apis"),
      direct.replace("/apis", "/x/../apis"),
      direct.replace("sockets", "Sockets"),
      direct.replace("sockets", "socket%73"),
      direct.replace("/sockets/", "/sockets//"),
      direct.replace("/sockets/", "/sockets/./"),
      direct.replace("/sockets/", "/sockets;x/"),
      direct.replace("/proxy/", "//proxy/"),
      direct.replace("/proxy/", "/Proxy/"),
      direct.replace("/direct/", "//direct/"),
      direct.replace("/direct/", "%2fdirect/"),
      direct.replace("/direct/", "/direct;x/"),
      `${direct}#fragment`,
      `*${direct}`,
      ` ${direct}`,
    ]
  ) assert.equal(parsed(url), undefined, url);
});

Deno.test("parseTarget() and formatTarget() are each other's inverse, also for odd hosts", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("direct", "http/", "https/", "agent", "ftp/", "HTTP/"),
      fc.oneof(
        fc.constantFrom(
          "",
          "h",
          "H:80",
          "h:080",
          "h:0",
          "[::1]",
          "[::1]:6443",
          "%5B::1%5D:6443",
          "h.:1",
          "u@h",
          "h/x",
        ),
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().map((address) => `[${address}]:443`),
        hostile,
      ),
      (kind, host) => {
        try {
          const target = parseTarget(kind + host);
          const text = formatTarget(target);
          assert.deepEqual(parseTarget(text), target);
          assert.equal(text, (kind + host).replace(/\/.*$/, (rest) => rest.toLowerCase()));
          if (target.kind !== "direct") {
            assert.equal(parseHost(target.host), target.host);
            assert.doesNotMatch(target.host, /[/@?#\\%\s]/);
          }
        } catch (error) {
          assert.ok(error instanceof SocketsPathError, String(error));
        }
      },
    ),
    { numRuns: 5_000 },
  );
});
