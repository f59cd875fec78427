/**
 * The Go structs of the built-in kinds: fields in the order in which Go writes them. OpenAPI does
 * not say what is a pointer and what is left out when empty, and refusals name Go's types.
 *
 * `!` after a name: written when empty, too. `*T`: a pointer, so that an empty value is kept.
 *
 * Source: k8s.io/api and k8s.io/apimachinery v0.36, `types.go` of each group
 *
 * @module
 */

/** A Go type. */
export type GoType =
  | {
    readonly sort: "string" | "bool" | "time" | "micro" | "quantity" | "raw";
    readonly go: string;
  }
  | { readonly sort: "int"; readonly go: "int32" | "int64" }
  | { readonly sort: "bytes"; readonly go: "[]uint8" }
  | { readonly sort: "slice" | "map"; readonly go: string; readonly item: GoType }
  | { readonly sort: "struct"; readonly go: string; readonly struct: string }
  | { readonly sort: "pointer"; readonly go: string; readonly item: GoType };

/** A field of a struct. */
export interface GoField {
  /** As in JSON. */
  readonly name: string;
  /** Its type. */
  readonly type: GoType;
  /** Whether it is written when empty. */
  readonly always: boolean;
}

/** By the name of the struct. */
const STRUCTS: Readonly<Record<string, string>> = {
  ObjectMeta: `name string, generateName string, namespace string, selfLink string, uid types.UID,
    resourceVersion string, generation int64, creationTimestamp *Time, deletionTimestamp *Time,
    deletionGracePeriodSeconds *int64, labels map[string]string, annotations map[string]string,
    ownerReferences []OwnerReference, finalizers []string, managedFields []ManagedFieldsEntry`,
  OwnerReference: `apiVersion! string, kind! string, name! string, uid! types.UID,
    controller *bool, blockOwnerDeletion *bool`,
  ManagedFieldsEntry: `manager string, operation v1.ManagedFieldsOperationType, apiVersion string,
    time *Time, fieldsType string, fieldsV1 *FieldsV1, subresource string`,
  LabelSelector: `matchLabels map[string]string, matchExpressions []LabelSelectorRequirement`,
  LabelSelectorRequirement: `key! string, operator! v1.LabelSelectorOperator, values []string`,
  FieldSelectorRequirement: `key! string, operator! v1.FieldSelectorOperator, values []string`,
  DeleteOptions: `gracePeriodSeconds *int64, preconditions *Preconditions, orphanDependents *bool,
    propagationPolicy *v1.DeletionPropagation, dryRun []string,
    ignoreStoreReadErrorWithClusterBreakingPotential *bool`,
  Preconditions: `uid *types.UID, resourceVersion *string`,

  ConfigMap: `metadata! ObjectMeta, immutable *bool, data map[string]string,
    binaryData map[string][]byte`,
  Secret: `metadata! ObjectMeta, immutable *bool, data map[string][]byte,
    stringData map[string]string, type v1.SecretType`,
  ServiceAccount: `metadata! ObjectMeta, secrets []ObjectReference,
    imagePullSecrets []LocalObjectReference, automountServiceAccountToken *bool`,
  ObjectReference: `kind string, namespace string, name string, uid types.UID, apiVersion string,
    resourceVersion string, fieldPath string`,
  LocalObjectReference: `name string`,

  Event: `metadata! ObjectMeta, involvedObject! ObjectReference, reason string, message string,
    source! EventSource, firstTimestamp! Time, lastTimestamp! Time, count int32, type string,
    eventTime! MicroTime, series *EventSeries, action string, related *ObjectReference,
    reportingComponent! string, reportingInstance! string`,
  EventSource: `component string, host string`,
  EventSeries: `count int32, lastObservedTime! MicroTime`,

  Namespace: `metadata! ObjectMeta, spec! NamespaceSpec, status! NamespaceStatus`,
  NamespaceSpec: `finalizers []v1.FinalizerName`,
  NamespaceStatus: `phase v1.NamespacePhase, conditions []NamespaceCondition`,
  NamespaceCondition: `type! v1.NamespaceConditionType, status! v1.ConditionStatus,
    lastTransitionTime! Time, reason string, message string`,

  Node: `metadata! ObjectMeta, spec! NodeSpec, status! NodeStatus`,
  NodeSpec: `podCIDR string, podCIDRs []string, providerID string, unschedulable bool,
    taints []Taint, configSource *NodeConfigSource, externalID string`,
  Taint: `key! string, value string, effect! v1.TaintEffect, timeAdded *Time`,
  NodeConfigSource: `configMap *ConfigMapNodeConfigSource`,
  ConfigMapNodeConfigSource: `namespace! string, name! string, uid types.UID,
    resourceVersion string, kubeletConfigKey! string`,
  NodeStatus: `capacity v1.ResourceList, allocatable v1.ResourceList, phase v1.NodePhase,
    conditions []NodeCondition, addresses []NodeAddress, daemonEndpoints! NodeDaemonEndpoints,
    nodeInfo! NodeSystemInfo, images []ContainerImage, volumesInUse []v1.UniqueVolumeName,
    volumesAttached []AttachedVolume, config *NodeConfigStatus,
    runtimeHandlers []NodeRuntimeHandler, features *NodeFeatures, declaredFeatures []string`,
  NodeCondition: `type! v1.NodeConditionType, status! v1.ConditionStatus,
    lastHeartbeatTime! Time, lastTransitionTime! Time, reason string, message string`,
  NodeAddress: `type! v1.NodeAddressType, address! string`,
  NodeDaemonEndpoints: `kubeletEndpoint! DaemonEndpoint`,
  DaemonEndpoint: `Port! int32`,
  NodeSystemInfo: `machineID! string, systemUUID! string, bootID! string, kernelVersion! string,
    osImage! string, containerRuntimeVersion! string, kubeletVersion! string,
    kubeProxyVersion! string, operatingSystem! string, architecture! string,
    swap *NodeSwapStatus`,
  NodeSwapStatus: `capacity *int64`,
  ContainerImage: `names! []string, sizeBytes int64`,
  AttachedVolume: `name! v1.UniqueVolumeName, devicePath! string`,
  NodeConfigStatus: `assigned *NodeConfigSource, active *NodeConfigSource,
    lastKnownGood *NodeConfigSource, error string`,
  NodeRuntimeHandler: `name! string, features *NodeRuntimeHandlerFeatures`,
  NodeRuntimeHandlerFeatures: `recursiveReadOnlyMounts *bool, userNamespaces *bool`,
  NodeFeatures: `supplementalGroupsPolicy *bool`,

  Lease: `metadata! ObjectMeta, spec! LeaseSpec`,
  LeaseSpec: `holderIdentity *string, leaseDurationSeconds *int32, acquireTime *MicroTime,
    renewTime *MicroTime, leaseTransitions *int32, strategy *v1.CoordinatedLeaseStrategy,
    preferredHolder *string`,

  Role: `metadata! ObjectMeta, rules! []PolicyRule`,
  ClusterRole: `metadata! ObjectMeta, rules! []PolicyRule, aggregationRule *AggregationRule`,
  PolicyRule: `verbs! []string, apiGroups []string, resources []string, resourceNames []string,
    nonResourceURLs []string`,
  AggregationRule: `clusterRoleSelectors []LabelSelector`,
  RoleBinding: `metadata! ObjectMeta, subjects []Subject, roleRef! RoleRef`,
  ClusterRoleBinding: `metadata! ObjectMeta, subjects []Subject, roleRef! RoleRef`,
  Subject: `kind! string, apiGroup string, name! string, namespace string`,
  RoleRef: `apiGroup! string, kind! string, name! string`,

  TokenRequest: `metadata! ObjectMeta, spec! TokenRequestSpec, status! TokenRequestStatus`,
  TokenRequestSpec: `audiences! []string, expirationSeconds! *int64,
    boundObjectRef! *BoundObjectReference`,
  BoundObjectReference: `kind string, apiVersion string, name string, uid types.UID`,
  TokenRequestStatus: `token! string, expirationTimestamp! Time`,
  TokenReview: `metadata! ObjectMeta, spec! TokenReviewSpec, status! TokenReviewStatus`,
  TokenReviewSpec: `token string, audiences []string`,
  TokenReviewStatus: `authenticated bool, user! UserInfo, audiences []string, error string`,
  UserInfo: `username string, uid string, groups []string, extra map[string]v1.ExtraValue`,
  SelfSubjectReview: `metadata! ObjectMeta, status! SelfSubjectReviewStatus`,
  SelfSubjectReviewStatus: `userInfo! UserInfo`,
  SubjectAccessReview: `metadata! ObjectMeta, spec! SubjectAccessReviewSpec,
    status! SubjectAccessReviewStatus`,
  LocalSubjectAccessReview: `metadata! ObjectMeta, spec! SubjectAccessReviewSpec,
    status! SubjectAccessReviewStatus`,
  SelfSubjectAccessReview: `metadata! ObjectMeta, spec! SelfSubjectAccessReviewSpec,
    status! SubjectAccessReviewStatus`,
  SubjectAccessReviewSpec: `resourceAttributes *ResourceAttributes,
    nonResourceAttributes *NonResourceAttributes, user string, groups []string,
    extra map[string]v1.ExtraValue, uid string`,
  SelfSubjectAccessReviewSpec: `resourceAttributes *ResourceAttributes,
    nonResourceAttributes *NonResourceAttributes`,
  ResourceAttributes: `namespace string, verb string, group string, version string,
    resource string, subresource string, name string, fieldSelector *FieldSelectorAttributes,
    labelSelector *LabelSelectorAttributes`,
  FieldSelectorAttributes: `rawSelector string, requirements []FieldSelectorRequirement`,
  LabelSelectorAttributes: `rawSelector string, requirements []LabelSelectorRequirement`,
  NonResourceAttributes: `path string, verb string`,
  SubjectAccessReviewStatus: `allowed! bool, denied bool, reason string, evaluationError string`,
  SelfSubjectRulesReview: `metadata! ObjectMeta, spec! SelfSubjectRulesReviewSpec,
    status! SubjectRulesReviewStatus`,
  SelfSubjectRulesReviewSpec: `namespace string`,
  SubjectRulesReviewStatus: `resourceRules! []ResourceRule, nonResourceRules! []NonResourceRule,
    incomplete! bool, evaluationError string`,
  ResourceRule: `verbs! []string, apiGroups []string, resources []string, resourceNames []string`,
  NonResourceRule: `verbs! []string, nonResourceURLs []string`,
};

/** Types that look like a named string, but are not. */
const NAMED: Readonly<Record<string, string>> = {
  "v1.ResourceList": "map[v1.ResourceName]Quantity",
  "v1.ExtraValue": "[]string",
};

const cache = new Map<string, readonly GoField[]>();

function parseType(text: string): GoType {
  const map = /^map\[[^\]]+\](.*)$/.exec(text);
  if (text.startsWith("*")) {
    const item = parseType(text.slice(1));
    return { sort: "pointer", go: item.go, item };
  }
  if (text === "[]byte") return { sort: "bytes", go: "[]uint8" };
  if (text.startsWith("[]")) {
    const item = parseType(text.slice(2));
    return { sort: "slice", go: `[]${item.go}`, item };
  }
  if (map !== null) {
    const item = parseType(map[1]!);
    return { sort: "map", go: text.slice(0, text.length - map[1]!.length) + item.go, item };
  }
  if (Object.hasOwn(NAMED, text)) {
    const named = parseType(NAMED[text]!);
    if (named.sort === "map" || named.sort === "slice") return { ...named, go: text };
  }
  if (Object.hasOwn(STRUCTS, text)) return { sort: "struct", go: `v1.${text}`, struct: text };
  if (text === "bool") return { sort: "bool", go: text };
  if (text === "int32" || text === "int64") return { sort: "int", go: text };
  if (text === "Time") return { sort: "time", go: "v1.Time" };
  if (text === "MicroTime") return { sort: "micro", go: "v1.MicroTime" };
  if (text === "Quantity") return { sort: "quantity", go: "resource.Quantity" };
  if (text === "FieldsV1") return { sort: "raw", go: "v1.FieldsV1" };
  return { sort: "string", go: text };
}

/** Whether there is a struct of that name. */
export function isGoStruct(name: string): boolean {
  return Object.hasOwn(STRUCTS, name);
}

/** Names of all structs. */
export const GO_STRUCTS: readonly string[] = Object.keys(STRUCTS);

/**
 * Fields of a struct, in the order in which Go writes them.
 *
 * @param struct name, such as `ObjectMeta`
 * @throws {Error} when there is none of that name
 */
export function goFields(struct: string): readonly GoField[] {
  const known = cache.get(struct);
  if (known !== undefined) return known;
  const text = STRUCTS[struct];
  if (text === undefined) throw new Error(`No Go struct "${struct}": add it to go_types.ts`);
  const fields = text.split(",").map((entry) => {
    const [name, type] = entry.trim().split(/\s+/) as [string, string];
    return { name: name.replace("!", ""), type: parseType(type), always: name.endsWith("!") };
  });
  cache.set(struct, fields);
  return fields;
}
