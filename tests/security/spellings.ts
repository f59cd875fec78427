/**
 * Hosts and paths as attackers spell them.
 *
 * @module
 */

/** No host at all: 400. */
export const NO_HOSTS: readonly string[] = [
  "[fe80::1%25lo]",
  "[::1%25lo]",
  "[::1%lo]",
  "127.0.0.1%2e",
  "127.0.0.1%00",
  "user@127.0.0.1",
  "user:word@127.0.0.1",
  "127.0.0.1@example.com",
  "[127.0.0.1]%20",
  "%31%32%37.0.0.1",
  "[::1",
  "127..0.0.1",
  "",
];

/** Each with `:port` behind it: 403. */
export const NEVER_BY_RANGE: readonly string[] = [
  "127.0.0.1",
  "127.1.2.3",
  "0.0.0.0",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b:1::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "[fe80::1]",
  "[fec0::1]",
  "169.254.169.254",
  "[::ffff:169.254.169.254]",
  "[::ffff:a9fe:a9fe]",
  "[64:ff9b::a9fe:a9fe]",
  "[2002:a9fe:a9fe::1]",
  "[fd00:ec2::254]",
  "100.100.100.200",
  "168.63.129.16",
  "224.0.0.1",
  "255.255.255.255",
  // Read as 127.0.0.1 by getaddrinfo
  "2130706433",
  "017700000001",
  "0x7f000001",
  "0x7f.1",
  "0177.0.0.1",
  "127.1",
  "127.0.1",
  "0",
  "127.0.0.1.",
  "2130706433.",
  "169.254.169.254.",
  "localhost.",
  "metadata.google.internal",
];

/** Behind a target: above its root for some server. */
export const OUT_OF_TARGET: readonly string[] = [
  "/..",
  "/../",
  "/../steal",
  "/../../direct/version",
  "/a/../../steal",
  "/./../steal",
  "/a//../../../steal",
  "/%2e%2e/steal",
  "/%2E./steal",
  "/.%2e/steal",
  "/..%2fsteal",
  "/..%2Fsteal",
  "/%2f../../steal",
  "/..%5csteal",
  "/..;/steal",
  "/..;x=1/steal",
  "/%252e%252e/steal",
  "/%2e%2e%252fsteal",
  "/%c0%ae%c0%ae/steal",
  "/..%00/steal",
  "/..%20/steal",
  "\\..\\steal",
  "/a\\steal",
  "/steal\0",
  "/steal\x01",
  "/steal\x7f",
  "/steal#x",
  "/st\xc3\xa4l",
];

/** What the parent's kube-apiserver makes of some of them. */
export const ENCODED: Readonly<Record<string, string>> = {
  "/a\\steal": "/a%5Csteal",
  "/st\xc3\xa4l": "/st%C3%A4l",
  "/steal#x": "/steal%23x",
};

/** Before `:port`. */
export const USER_INFO: readonly string[] = [
  "alice@127.0.0.1",
  "alice:word@127.0.0.1",
  "127.0.0.1%40x",
  "@127.0.0.1",
];

/** Behind a target: passes, byte for byte. */
export const LEGAL: readonly string[] = [
  "/",
  "//",
  "//a//b/",
  "/a/../b",
  "/a/./b/",
  "/a%2Fb%2fc",
  "/%41%7e~",
  "/a;v=1;w=2/b",
  "/-._~!$&'()*+,=:@",
  "/%25%3F%23%00%0d%0a",
  "/%C3%A4",
  "/x?",
  "/x?a=b&c=%2F..%2F..&d=/../..",
  "/x?a=b?c=d//",
  "/...",
  "/..a/b..",
];
