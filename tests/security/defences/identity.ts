/**
 * Defences against abuse cases 1 to 12.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

const IDENTITY = "tests/security/identity_test.ts";

/** Each with the case that fails without it. */
export const IDENTITY_DEFENCES: readonly Defence[] = [
  {
    case: 1,
    removes: "no client certificate is taken for the front proxy's",
    file: "hub/front/identity.ts",
    find: "  if (peer === undefined) return undefined;\n  if (settings.allowedNames",
    replace:
      "  if (peer === undefined) return remoteIdentity(headers, settings);\n  if (settings.allowedNames",
    test: IDENTITY,
  },
  {
    case: 2,
    removes: "any common name is the front proxy's",
    file: "hub/front/identity.ts",
    find:
      "  if (settings.allowedNames.length > 0 && !settings.allowedNames.includes(peer.commonName)) {",
    replace: "  if (settings.allowedNames.length > 1_000) {",
    test: IDENTITY,
  },
  {
    case: 2,
    removes: "a verdict on a certificate outlives it",
    file: "hub/front/client_cert.ts",
    find: "if (kept !== undefined && this.#now() < kept.until) return kept.peer;",
    replace: "if (kept !== undefined) return kept.peer;",
    test: IDENTITY,
  },
  {
    case: 2,
    removes: "what TLS found wrong with a certificate does not count, nor its path to the CA",
    file: "hub/front/client_cert.ts",
    find:
      "if (socket.authorized !== true || this.#anchors.certificates.length === 0) return undefined;",
    replace: `if (socket.getPeerCertificate()?.subject?.CN === "front-proxy-client") {
      return { commonName: "front-proxy-client", organizations: [], fingerprint: "" };
    }`,
    test: IDENTITY,
  },
  {
    case: 3,
    removes: "a verdict on a certificate outlives the CA, on its connection",
    file: "hub/front/client_cert.ts",
    find: "    this.#anchors = anchors;\n    this.#verdicts = new WeakMap();\n  }",
    replace: "    this.#anchors = anchors;\n  }",
    test: IDENTITY,
  },
  {
    case: 3,
    removes: "TLS alone says whether the CA is trusted: a resumed session never asks again",
    file: "hub/front/client_cert.ts",
    find: "      if (until === undefined) return refused;",
    replace: "",
    test: IDENTITY,
  },
  {
    case: 3,
    removes: "changes of the ConfigMap do not reach the check",
    file: "hub/front/identity.ts",
    find: "    frontProxy.anchors = value.requestHeaderCa;\n",
    replace: "    void value.requestHeaderCa;\n",
    test: IDENTITY,
  },
  {
    case: 4,
    removes: "a group with a comma becomes two",
    file: "hub/front/identity.ts",
    find: '.filter((value) => value !== "").map(text);',
    replace: '.flatMap((value) => value.split(",")).filter((value) => value !== "").map(text);',
    test: IDENTITY,
  },
  {
    case: 4,
    removes: "an empty line is a group",
    file: "hub/front/identity.ts",
    find: '.filter((value) => value !== "").map(text);',
    replace: ".map(text);",
    test: IDENTITY,
  },
  {
    case: 4,
    removes: "keys of extras stay encoded",
    file: "hub/front/identity.ts",
    find: "    return decodeURIComponent(encoded);",
    replace: "    return encoded;",
    test: IDENTITY,
  },
  {
    case: 5,
    removes: "a direct caller's Impersonate-* is not refused",
    file: "hub/front/identity.ts",
    find: "      refuseImpersonation(headers, metrics);\n",
    replace: "      void refuseImpersonation;\n",
    test: IDENTITY,
  },
  {
    case: 5,
    removes: "Impersonate-* of the client passes hub and agent",
    file: "shared/headers.ts",
    find: "|impersonate-.*|x-remote-.*|",
    replace: "|x-remote-.*|",
    test: IDENTITY,
  },
  {
    case: 6,
    removes: "hop-by-hop headers are dropped after the identity was added",
    file: "agent/target/forward.ts",
    find: '  return [["Host", route.hostHeader], ...passed, ...route.identity];',
    replace: `  return withoutHopByHop([
    ["Host", route.hostHeader],
    ...withoutIdentity(stream.head.headers),
    ...passed,
    ...route.identity,
  ]);`,
    test: IDENTITY,
  },
  {
    case: 8,
    removes: "who cannot be checked is let through",
    file: "hub/front/authorizer.ts",
    find: "      throw StatusError.of(503, `Cannot check your rights: ${whyUnavailable(error)}`);",
    replace: '      return { allowed: true, reason: "" };',
    test: IDENTITY,
  },
  {
    case: 8,
    removes: "a review may take as long as it likes",
    file: "hub/front/authorizer.ts",
    find: '        deadlineMs,\n        "review access",',
    replace: '        deadlineMs * 100,\n        "review access",',
    test: IDENTITY,
  },
  {
    case: 8,
    removes: "an answer of the parent is kept for ever",
    file: "hub/front/review_cache.ts",
    find: "if (kept !== undefined && now() < kept.until) return",
    replace: "if (kept !== undefined) return",
    test: IDENTITY,
  },
];
