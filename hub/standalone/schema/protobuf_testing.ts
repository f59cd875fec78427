/**
 * Bodies in protobuf, recorded, and the JSON that is expected of them.
 *
 * @module
 */

/** A body and what it says. */
export interface Recorded {
  /** What made it. */
  readonly name: string;
  /** Base64. */
  readonly body: string;
  /** The object. */
  readonly json: unknown;
}

/** What kubectl 1.36 sends, by command. */
export const SENT: readonly Recorded[] = [
  {
    name: "create configmap",
    body:
      "azhzAAoPCgJ2MRIJQ29uZmlnTWFwEkoKHQoIc2V0dGluZ3MSABoFcHJvdG8iACoAMgA4AEIAEg4KCV9fcHJvdG9fXxIBeBINCgVjb2xvchIEYmx1ZRoKCgNiaW4SA/8AARoAIgA=",
    json: {
      "apiVersion": "v1",
      "kind": "ConfigMap",
      "metadata": { "name": "settings", "namespace": "proto" },
      "data": { ["__proto__"]: "x", "color": "blue" },
      "binaryData": { "bin": "/wAB" },
    },
  },
  {
    name: "create secret",
    body:
      "azhzAAoMCgJ2MRIGU2VjcmV0Ej0KGQoEcGFzcxIAGgVwcm90byIAKgAyADgAQgASCQoFZW1wdHkSABITCghwYXNzd29yZBIHaHVudGVyMhoAGgAiAA==",
    json: {
      "apiVersion": "v1",
      "kind": "Secret",
      "metadata": { "name": "pass", "namespace": "proto" },
      "data": { "empty": "", "password": "aHVudGVyMg==" },
    },
  },
  {
    name: "create namespace",
    body: "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEh0KFQoFcHJvdG8SABoAIgAqADIAOABCABIAGgIKABoAIgA=",
    json: {
      "apiVersion": "v1",
      "kind": "Namespace",
      "metadata": { "name": "proto" },
      "spec": {},
      "status": {},
    },
  },
  {
    name: "create serviceaccount",
    body: "azhzAAoUCgJ2MRIOU2VydmljZUFjY291bnQSHAoaCgVyb2JvdBIAGgVwcm90byIAKgAyADgAQgAaACIA",
    json: {
      "apiVersion": "v1",
      "kind": "ServiceAccount",
      "metadata": { "name": "robot", "namespace": "proto" },
    },
  },
  {
    name: "create role",
    body:
      "azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEjsKGwoGcmVhZGVyEgAaBXByb3RvIgAqADIAOABCABIcCgNnZXQKBGxpc3QSABoKY29uZmlnbWFwcyIBYRoAIgA=",
    json: {
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": "Role",
      "metadata": { "name": "reader", "namespace": "proto" },
      "rules": [{
        "verbs": ["get", "list"],
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": ["a"],
      }],
    },
  },
  {
    name: "create clusterrole of a path",
    body:
      "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRImChMKA2FsbBIAGgAiACoAMgA4AEIAEg8KA2dldCoIL2hlYWx0aHoaACIA",
    json: {
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": "ClusterRole",
      "metadata": { "name": "all" },
      "rules": [{ "verbs": ["get"], "nonResourceURLs": ["/healthz"] }],
    },
  },
  {
    name: "create clusterrole with an aggregation rule",
    body:
      "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRI9ChgKCGdhdGhlcmVkEgAaACIAKgAyADgAQgAaIQofCh0KFXJiYWMuZXhhbXBsZS5jb20vdmlldxIEdHJ1ZRoAIgA=",
    json: {
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": "ClusterRole",
      "metadata": { "name": "gathered" },
      "rules": null,
      "aggregationRule": {
        "clusterRoleSelectors": [{ "matchLabels": { "rbac.example.com/view": "true" } }],
      },
    },
  },
  {
    name: "create rolebinding",
    body:
      "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxKVAQocCgdyZWFkZXJzEgAaBXByb3RvIgAqADIAOABCABIoCgRVc2VyEhlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvGgNhbm4iABIgCg5TZXJ2aWNlQWNjb3VudBIAGgVyb2JvdCIFcHJvdG8aKQoZcmJhYy5hdXRob3JpemF0aW9uLms4cy5pbxIEUm9sZRoGcmVhZGVyGgAiAA==",
    json: {
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": "RoleBinding",
      "metadata": { "name": "readers", "namespace": "proto" },
      "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ann" }, {
        "kind": "ServiceAccount",
        "name": "robot",
        "namespace": "proto",
      }],
      "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
    },
  },
  {
    name: "create clusterrolebinding",
    body:
      "azhzAAoyChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEhJDbHVzdGVyUm9sZUJpbmRpbmcScwoUCgRhbGxzEgAaACIAKgAyADgAQgASLAoFR3JvdXASGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8aBnBlb3BsZSIAGi0KGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8SC0NsdXN0ZXJSb2xlGgNhbGwaACIA",
    json: {
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": "ClusterRoleBinding",
      "metadata": { "name": "alls" },
      "subjects": [{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "people" }],
      "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all" },
    },
  },
  {
    name: "auth can-i of a resource",
    body:
      "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSQAoQCgASABoAIgAqADIAOABCABIiCiAKBXByb3RvEgNnZXQaACIAKgpjb25maWdtYXBzMgA6ABoICAASABoAIAAaACIA",
    json: {
      "apiVersion": "authorization.k8s.io/v1",
      "kind": "SelfSubjectAccessReview",
      "metadata": {},
      "spec": {
        "resourceAttributes": { "namespace": "proto", "verb": "get", "resource": "configmaps" },
      },
      "status": { "allowed": false },
    },
  },
  {
    name: "auth can-i of a path",
    body:
      "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSLwoQCgASABoAIgAqADIAOABCABIREg8KCC9oZWFsdGh6EgNnZXQaCAgAEgAaACAAGgAiAA==",
    json: {
      "apiVersion": "authorization.k8s.io/v1",
      "kind": "SelfSubjectAccessReview",
      "metadata": {},
      "spec": { "nonResourceAttributes": { "path": "/healthz", "verb": "get" } },
      "status": { "allowed": false },
    },
  },
  {
    name: "auth can-i --list",
    body:
      "azhzAAoxChdhdXRob3JpemF0aW9uLms4cy5pby92MRIWU2VsZlN1YmplY3RSdWxlc1JldmlldxIhChAKABIAGgAiACoAMgA4AEIAEgcKBXByb3RvGgQYACIAGgAiAA==",
    json: {
      "apiVersion": "authorization.k8s.io/v1",
      "kind": "SelfSubjectRulesReview",
      "metadata": {},
      "spec": { "namespace": "proto" },
      "status": { "resourceRules": null, "nonResourceRules": null, "incomplete": false },
    },
  },
  {
    name: "auth whoami",
    body:
      "azhzAAotChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESEVNlbGZTdWJqZWN0UmV2aWV3EhoKEAoAEgAaACIAKgAyADgAQgASBgoECgASABoAIgA=",
    json: {
      "apiVersion": "authentication.k8s.io/v1",
      "kind": "SelfSubjectReview",
      "metadata": {},
      "status": { "userInfo": {} },
    },
  },
  {
    name: "create token with audience and duration",
    body:
      "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIgChAKABIAGgAiACoAMgA4AEIAEgYKAWEgkBwaBAoAEgAaACIA",
    json: {
      "apiVersion": "authentication.k8s.io/v1",
      "kind": "TokenRequest",
      "metadata": {},
      "spec": { "audiences": ["a"], "expirationSeconds": 3600, "boundObjectRef": null },
      "status": { "token": "", "expirationTimestamp": null },
    },
  },
  {
    name: "create token",
    body:
      "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIaChAKABIAGgAiACoAMgA4AEIAEgAaBAoAEgAaACIA",
    json: {
      "apiVersion": "authentication.k8s.io/v1",
      "kind": "TokenRequest",
      "metadata": {},
      "spec": { "audiences": null, "expirationSeconds": null, "boundObjectRef": null },
      "status": { "token": "", "expirationTimestamp": null },
    },
  },
];
