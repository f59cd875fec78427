/**
 * Defences against abuse cases 1 to 12.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

const FENCES = "tests/security/fences_test.ts";
const IDENTITY = "tests/security/identity_test.ts";
const REVIEWS = "tests/security/reviews_test.ts";
const RIGHTS = "tests/security/rights_test.ts";
const TAKEOVER = "tests/security/takeover_test.ts";

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
    removes: "Connection takes lines off before the identity is read",
    file: "hub/front/identity.ts",
    find: "      const headers = fromRaw(request.rawHeaders);\n",
    replace: `      const all = fromRaw(request.rawHeaders);
      const listed = headerValues(all, "connection").join().toLowerCase();
      const headers = all.filter(([name]) => !listed.includes(name.toLowerCase()));
`,
    test: IDENTITY,
  },
  {
    case: 6,
    removes: "Connection takes the length and the host off",
    file: "shared/headers.ts",
    find: "(listed.has(lower) && !END_TO_END.has(lower))",
    replace: "listed.has(lower)",
    test: IDENTITY,
  },
  {
    case: 8,
    removes: "who cannot be checked is let through",
    file: "hub/front/authorizer.ts",
    find: "      throw StatusError.of(503, `Cannot check your rights: ${whyUnavailable(error)}`);",
    replace: '      return { allowed: true, reason: "" };',
    test: REVIEWS,
  },
  {
    case: 8,
    removes: "a review may take as long as it likes",
    file: "hub/front/authorizer.ts",
    find: '        deadlineMs,\n        "review access",',
    replace: '        deadlineMs * 100,\n        "review access",',
    test: REVIEWS,
  },
  {
    case: 8,
    removes: "an answer of the parent is kept for ever",
    file: "hub/front/review_cache.ts",
    find: "if (kept !== undefined && now() < kept.until) return",
    replace: "if (kept !== undefined) return",
    test: REVIEWS,
  },
  {
    case: 7,
    removes: "nobody's rights are checked",
    file: "hub/front/admission.ts",
    find: "    await authorizer.authorize(identity, route.attributes);\n",
    replace: "    void authorizer;\n",
    test: RIGHTS,
  },
  {
    case: 7,
    removes: "an id may be written in upper case",
    file: "shared/sockets_path.ts",
    find: "-[0-9a-f]{12}$/;",
    replace: "-[0-9a-f]{12}$/i;",
    test: RIGHTS,
  },
  {
    case: 7,
    removes: "a path may lead out of its child, at the hub and at the agent",
    file: "shared/leaves_root.ts",
    find: "    if (depth + low < 0) return true;",
    replace: "    if (depth + low < 0) return false;",
    test: RIGHTS,
  },
  {
    case: 9,
    removes: "who holds the right to attach is the agent",
    file: "hub/front/admission.ts",
    find: '    if (route.kind === "attach") agentCheck(identity, route.clusterId);\n',
    replace: "    void agentCheck;\n",
    test: RIGHTS,
  },
  {
    case: 9,
    removes: "nobody's rights are checked",
    file: "hub/front/admission.ts",
    find: "    await authorizer.authorize(identity, route.attributes);\n",
    replace: "    void authorizer;\n",
    test: RIGHTS,
  },
  {
    case: 9,
    removes: "whoever is authenticated reads requests",
    file: "deploy/hub/11-bootstrap-rbac.yaml",
    find: "    name: system:bootstrappers:clusternet:register-cluster-token",
    replace: "    name: system:authenticated",
    test: RIGHTS,
  },
  {
    case: 9,
    removes: "an agent may change its ManagedCluster, not the status alone",
    file: "hub/registration/objects.ts",
    find: 'resources: ["managedclusters"], verbs: ["get"] },',
    replace: 'resources: ["managedclusters"], verbs: ["get", "patch"] },',
    test: RIGHTS,
  },
  {
    case: 9,
    removes: "the hub's Secret may be a token that never expires",
    file: "deploy/hub/12-admission-policy.yaml",
    find: "(object.?type.orValue('Opaque') == 'Opaque'\n",
    replace: "(true\n",
    test: FENCES,
  },
  {
    case: 9,
    removes: "the hub's Secret may be made to vanish, and its name be taken",
    file: "deploy/hub/12-admission-policy.yaml",
    find: `        && size(variables.meta.?ownerReferences.orValue([])) == 0
        && size(variables.meta.?finalizers.orValue([])) == 0)`,
    replace: "        )",
    test: FENCES,
  },
  {
    case: 10,
    removes: "a bootstrap token lists requests",
    file: "deploy/hub/11-bootstrap-rbac.yaml",
    find: "    verbs: [create, get]",
    replace: "    verbs: [create, get, list, watch]",
    test: TAKEOVER,
  },
  {
    case: 10,
    removes: "tokens stand in the status of requests in clear",
    file: "hub/registration/grant.ts",
    find: "    const legacy = legacyCredentials ? {",
    replace: "    const legacy = !legacyCredentials ? {",
    test: TAKEOVER,
  },
  {
    case: 11,
    removes: "an agent does not look whose key a request holds",
    file: "agent/registration/request.ts",
    find:
      '  if (!samePublicKey(request.spec.publicKey, publicKey)) return { kind: "other-key" };\n',
    replace: "  void samePublicKey;\n",
    test: TAKEOVER,
  },
  {
    case: 11,
    removes: "the key of a request may be changed",
    file: "deploy/hub/01-crd-clusterregistrationrequests.yaml",
    find: `                  x-kubernetes-validations:
                    - rule: self == oldSelf
                      message: >-
                        spec.publicKey is immutable: another agent holds this cluster id. To let a
                        new key in, delete the ClusterRegistrationRequest first
`,
    replace: "",
    test: TAKEOVER,
  },
  {
    case: 11,
    removes: "forged conditions stay",
    file: "hub/lifecycle/monitor.ts",
    find:
      "    if (forged && at - state.writtenAt < REPAIR_MS) return { requeueAfterMs: REPAIR_MS };",
    replace: "    if (forged) return recheck;",
    test: TAKEOVER,
  },
  {
    case: 11,
    removes: "two agents of one cluster show nowhere",
    file: "hub/lifecycle/conditions.ts",
    find: "  if (facts.duplicateUntil > now) {",
    replace: "  if (facts.duplicateUntil > Infinity) {",
    test: TAKEOVER,
  },
  {
    case: 11,
    removes: "returns of a thrown-out instance are not counted",
    file: "hub/tunnels/duplicates.ts",
    find: "count < replacements && back < returns",
    replace: "count < replacements",
    test: "tests/security/thief_test.ts",
  },
  {
    case: 12,
    removes: "a name that begins as the agent's is the agent's",
    file: "hub/front/agent_check.ts",
    find:
      "if (identity.user !== `system:serviceaccount:${agent.namespace}:${agent.name}`) throw refused();",
    replace:
      "if (!identity.user.startsWith(`system:serviceaccount:${agent.namespace}:${agent.name}`)) throw refused();",
    test: RIGHTS,
  },
  {
    case: 12,
    removes: "an account made anew is the old one",
    file: "hub/front/agent_check.ts",
    find: "      if (identity.uid !== agent.uid) throw refused();\n",
    replace: "",
    test: RIGHTS,
  },
  {
    case: 12,
    removes: "a front proxy that tells UIDs may leave one out",
    file: "hub/front/agent_check.ts",
    find:
      'if (identity.via !== "front-proxy" || settings.value.uidHeaders.length > 0) throw refused();',
    replace: 'if (identity.via !== "front-proxy") throw refused();',
    test: RIGHTS,
  },
  {
    case: 12,
    removes: "any text is a cluster id in a request",
    file: "deploy/hub/01-crd-clusterregistrationrequests.yaml",
    find:
      "                  pattern: ^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$\n",
    replace: "",
    test: RIGHTS,
  },
];
