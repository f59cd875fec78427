import assert from "node:assert/strict";
import fc from "fast-check";
import {
  fromRaw,
  type HeaderList,
  isIdentityHeader,
  isOverrideHeader,
  toRaw,
  withoutHopByHop,
  withoutIdentity,
} from "./headers.ts";

const HOP_BY_HOP = [
  "Connection",
  "HTTP2-Settings",
  "Keep-Alive",
  "Proxy-Authenticate",
  "Proxy-Authorization",
  "Proxy-Connection",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
];
const IDENTITY = [
  "Authorization",
  "Impersonate-User",
  "Impersonate-Extra-Scopes",
  "X-Remote-User",
  "X-Remote-Group",
  "Remote-User",
  "X-Forwarded-User",
  "X-Auth-Request-Email",
  "X-WEBAUTH-USER",
];
const OVERRIDES = [
  "X-HTTP-Method-Override",
  "X-HTTP-Method",
  "X-Method-Override",
  "X-Original-URL",
  "X-Rewrite-URL",
  "Proxy",
];
const HARMLESS = ["Accept", "X-Stream-Protocol-Version", "X-Forwarded-For", "Forwarded", "Cookie"];

/** The same name in another case, and with other separators. */
const spelled = (names: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom(...names), fc.constantFrom("-", "_", "."))
    .chain(([name, separator]) => fc.mixedCase(fc.constant(name.replaceAll("-", separator))));
const name = fc.oneof(
  spelled(HOP_BY_HOP),
  spelled(IDENTITY),
  spelled(OVERRIDES),
  fc.constantFrom(...HARMLESS),
  fc.constantFrom("Content-Length", "Host"),
  fc.string({ maxLength: 8 }),
);
const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.array(name, { maxLength: 4 }).map((names) => names.join(", ")),
);
const list: fc.Arbitrary<HeaderList> = fc.array(
  fc.oneof(fc.tuple(name, value), fc.tuple(fc.constant("Connection"), value)),
  { maxLength: 12 },
);

const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "-");
const hygienic = (headers: HeaderList): HeaderList => withoutIdentity(withoutHopByHop(headers));

Deno.test("Headers that pass are end-to-end, name nobody, override nothing and end no line", () => {
  fc.assert(
    fc.property(list, (headers) => {
      const listed = headers.filter(([name]) => plain(name) === "connection")
        .flatMap(([name, value]) => /^connection$/i.test(name) ? value.split(",") : [])
        .map((token) => token.trim().toLowerCase());
      for (const [name, value] of hygienic(headers)) {
        const lower = name.toLowerCase();
        assert.ok(!HOP_BY_HOP.some((one) => plain(one) === plain(name)), name);
        assert.ok(!/^(impersonate|x-remote|x-auth-request|x-webauth)-/.test(plain(name)), name);
        assert.ok(!IDENTITY.some((one) => plain(one) === plain(name)), name);
        assert.ok(!OVERRIDES.some((one) => plain(one) === plain(name)), name);
        assert.ok(/^(content-length|host)$/.test(lower) || !listed.includes(lower), name);
        assert.ok(!/[\0\r\n]/.test(name + value), JSON.stringify([name, value]));
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Headers that pass keep their order, their duplicates and their bytes; once is enough", () => {
  fc.assert(
    fc.property(list, (headers) => {
      const passed = hygienic(headers);
      // Each passed line is one of the given ones, in the given order
      let at = 0;
      for (const [name, value] of passed) {
        while (at < headers.length && !(headers[at]![0] === name && headers[at]![1] === value)) {
          at++;
        }
        assert.ok(at++ < headers.length, `${name} is out of order`);
      }
      assert.deepEqual(hygienic(passed), passed);
      assert.deepEqual(fromRaw(toRaw(passed)), passed);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("Harmless headers always pass, as often as they came", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.constantFrom(...HARMLESS), fc.constantFrom("a", "b, c", "")), {
      maxLength: 10,
    }),
    list,
    (harmless, noise) => {
      const others = noise.filter(([name]) => plain(name) !== "connection");
      const passed = hygienic([...others, ...harmless]);
      assert.deepEqual(passed.slice(passed.length - harmless.length), harmless);
    },
  ));
});

Deno.test("An upgrade that passes on has exactly one Connection and one Upgrade", () => {
  fc.assert(fc.property(list, (headers) => {
    const passed = withoutHopByHop(headers, { keepUpgrade: true });
    const count = (wanted: string): number =>
      passed.filter(([name]) => plain(name) === wanted).length;
    assert.ok(count("upgrade") <= 1);
    assert.equal(count("connection"), count("upgrade"));
    assert.deepEqual(withoutHopByHop(passed, { keepUpgrade: true }), passed);
  }));
});

Deno.test("Connection cannot take off a length, or a request's body could change its meaning", () => {
  const headers = fromRaw([
    "Connection",
    "Content-Length, Host, X-A",
    "Content-Length",
    "3",
    "X-A",
    "1",
  ]);
  assert.deepEqual(withoutHopByHop(headers), [["Content-Length", "3"]]);
});

Deno.test("Identity and overrides are known in the spellings that servers fold together", () => {
  for (const name of ["X_Remote_User", "impersonate_user", "X.Remote-Group", "REMOTE_USER"]) {
    assert.equal(isIdentityHeader(name), true, name);
  }
  for (const name of ["x_http_method_override", "X-Http.Method", "PROXY", "x-original_url"]) {
    assert.equal(isOverrideHeader(name), true, name);
  }
  for (
    const name of ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Remotely", "Proxied"]
  ) {
    assert.equal(isIdentityHeader(name) || isOverrideHeader(name), false, name);
  }
});
