/**
 * Defences against abuse cases 13 to 24.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

const TARGET_TEST = "tests/security/target_test.ts";
const HUB_TEST = "tests/security/hostile_hub_test.ts";

/** Each with the case that fails without it. */
export const PROTOCOL_DEFENCES: readonly Defence[] = [
  {
    case: 13,
    removes: "a range covers loopback, metadata and disguised addresses too",
    file: "agent/target/policy.ts",
    find: "      if (why === undefined || isNamed(entries, address)) continue;",
    replace: "      if (literal || why === undefined || isNamed(entries, address)) continue;",
    test: TARGET_TEST,
  },
  {
    case: 13,
    removes: "an address that no entry names or covers is dialled",
    file: "agent/target/policy.ts",
    find: "    if (literal && !this.#lists(dial)) throw this.#notListed(target);\n",
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
    find: "      if (why === undefined || isNamed(entries, address)) continue;",
    replace: "      if (!literal || why === undefined || isNamed(entries, address)) continue;",
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
  {
    case: 18,
    removes: "the agent dials what the hub asks for",
    file: "agent/target/policy.ts",
    find: "      if (why === undefined || isNamed(entries, address)) continue;",
    replace: "      if (literal) return;",
    test: HUB_TEST,
  },
  {
    case: 18,
    removes: "names that hold power by themselves arrive as they are",
    file: "agent/target/identity.ts",
    find: "  return reserved ? HUB_PREFIX + name : name;",
    replace: "  return reserved ? name : name;",
    test: HUB_TEST,
  },
  {
    case: 18,
    removes: "identity headers that the hub passes on go to the child",
    file: "agent/target/forward.ts",
    find: "withoutIdentity(withoutHopByHop(stream.head.headers, { keepUpgrade: upgrade }))",
    replace: "withoutHopByHop(stream.head.headers, { keepUpgrade: upgrade })",
    test: HUB_TEST,
  },
  {
    case: 18,
    removes: "the agent sends any method on",
    file: "agent/target/request_check.ts",
    find: '  if (!path.startsWith("/") || !METHODS.has(method)) {',
    replace: '  if (!path.startsWith("/") || METHODS.size === 0) {',
    test: HUB_TEST,
  },
];
