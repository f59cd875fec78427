/**
 * Defences against abuse cases 13 to 24.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

const TARGET_TEST = "tests/security/target_test.ts";

/** Each with the case that fails without it. */
export const PROTOCOL_DEFENCES: readonly Defence[] = [
  {
    case: 13,
    removes: "a range covers loopback, metadata and disguised addresses too",
    file: "agent/target/policy.ts",
    find: "    if (why !== undefined) throw denied(target, `${address} is ${why}`);\n",
    replace: "",
    test: TARGET_TEST,
  },
  {
    case: 13,
    removes: "an address that no entry names or covers is dialled",
    file: "agent/target/policy.ts",
    find: "    if (!inRange) throw notListed(target);\n",
    replace: "",
    test: TARGET_TEST,
  },
  {
    case: 13,
    removes: "IPv6 forms that hide an IPv4 address are ordinary addresses",
    file: "agent/target/addresses.ts",
    find: '    "::ffff:0:0/96",\n    "::/96",',
    replace: "",
    test: TARGET_TEST,
  },
  {
    case: 14,
    removes: "the name is resolved again when it is dialled",
    file: "agent/target/upstream.ts",
    find: "      hosts: decision.addresses,",
    replace: "      hosts: [decision.servername],",
    test: TARGET_TEST,
  },
  {
    case: 14,
    removes: "what a name resolves to is not looked at",
    file: "agent/target/policy.ts",
    find: "      if (why !== undefined && !isNamed(entries, address)) {",
    replace: "      if (why === undefined && !isNamed(entries, address) && address === '') {",
    test: TARGET_TEST,
  },
  {
    case: 16,
    removes: "a path that leads above its target passes",
    file: "shared/sockets_path.ts",
    find: "  if (leavesRoot(path)) {",
    replace: "  if (path === '..' && leavesRoot(path)) {",
    test: TARGET_TEST,
  },
  {
    case: 16,
    removes: "a request target in absolute form is looked up as a path",
    file: "hub/front/routes.ts",
    find: '  if (!url.startsWith("/") || NOT_IN_TARGET.test(url)) {',
    replace: "  if (NOT_IN_TARGET.test(url)) {",
    test: TARGET_TEST,
  },
  {
    case: 16,
    removes: "a host may be anything",
    file: "shared/sockets_path.ts",
    find: '  if (badPort || !(host.startsWith("[") ? IPV6 : HOST_NAME).test(host)) {',
    replace: "  if (badPort || IPV6.test(`${HOST_NAME}`)) {",
    test: TARGET_TEST,
  },
  {
    case: 17,
    removes: "a redirect of the child reaches the user",
    file: "hub/tunnels/proxy_request.ts",
    find: "      throw redirected(path.clusterId, status, location);",
    replace: "      redirected(path.clusterId, status, location);",
    test: TARGET_TEST,
  },
  {
    case: 17,
    removes: "a redirect in answer to an upgrade reaches the user",
    file: "hub/tunnels/proxy_upgrade.ts",
    find: "      throw redirected(path.clusterId, answer.status, location);",
    replace: "      redirected(path.clusterId, answer.status, location);",
    test: TARGET_TEST,
  },
];
