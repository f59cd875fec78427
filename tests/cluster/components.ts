/**
 * The command lines of a control plane. Pure: what a component is told, nothing started.
 *
 * @module
 */

/** Loopback ports of one cluster. */
export interface ClusterPorts {
  /** etcd, clients. */
  etcd: number;
  /** etcd, peers. */
  etcdPeer: number;
  /** kube-apiserver. */
  apiserver: number;
  /** kwok's kubelet server. */
  kubelet: number;
}

/** Names of the files below `<dir>/pki`. */
export const PKI_FILES = [
  "ca",
  "front-proxy-ca",
  "apiserver",
  "kubelet-client",
  "front-proxy-client",
  "kubelet",
] as const;

/** @returns etcd's arguments; it never waits for the disk: a test's data need not survive a power cut */
export function etcdArgs(dir: string, ports: ClusterPorts): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    "--name=testbed",
    `--data-dir=${dir}/etcd`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=testbed=${peer}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    "--quota-backend-bytes=4294967296",
  ];
}

/** Options of {@linkcode apiServerArgs}. */
export interface ApiServerArgs {
  /** The cluster's directory. */
  dir: string;
  /** Its ports. */
  ports: ClusterPorts;
  /** Writes `<dir>/audit.log` by `<dir>/audit-policy.yaml`. */
  audit: boolean;
  /** Appended, so that they win. */
  extra: readonly string[];
}

/** @returns kube-apiserver's arguments */
export function apiServerArgs({ dir, ports, audit, extra }: ApiServerArgs): string[] {
  const pki = `${dir}/pki`;
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${ports.apiserver}`,
    // 127.0.0.1 may not stand in an Endpoints object, and nothing here dials the service's address.
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged=true",
    "--authorization-mode=Node,RBAC",
    "--enable-bootstrap-token-auth=true",
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    `--kubelet-client-certificate=${pki}/kubelet-client.crt`,
    `--kubelet-client-key=${pki}/kubelet-client.key`,
    "--kubelet-preferred-address-types=InternalIP",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${pki}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    `--requestheader-client-ca-file=${pki}/front-proxy-ca.crt`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-uid-headers=X-Remote-Uid",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${pki}/front-proxy-client.crt`,
    `--proxy-client-key-file=${pki}/front-proxy-client.key`,
    "--enable-aggregator-routing=false",
    "--profiling=false",
    ...(audit
      ? [`--audit-policy-file=${dir}/audit-policy.yaml`, `--audit-log-path=${dir}/audit.log`]
      : []),
    ...extra,
  ];
}

/**
 * The controllers that a test can see at work. The rest (volumes, autoscaling, cloud) would only
 * cost start-up time; node-lifecycle would taint nodes whenever the machine is slow.
 */
export const CONTROLLERS = [
  "bootstrap-signer-controller",
  "token-cleaner-controller",
  "namespace-controller",
  "garbage-collector-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
  "clusterrole-aggregation-controller",
  "deployment-controller",
  "replicaset-controller",
  "daemonset-controller",
  "job-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "resourcequota-controller",
  "certificatesigningrequest-signing-controller",
] as const;

/** @returns kube-controller-manager's arguments */
export function controllerManagerArgs(dir: string, extra: readonly string[] = []): string[] {
  const pki = `${dir}/pki`;
  return [
    `--kubeconfig=${dir}/controller-manager.kubeconfig`,
    `--controllers=${CONTROLLERS.join(",")}`,
    "--leader-elect=false",
    "--use-service-account-credentials=true",
    "--secure-port=0",
    `--root-ca-file=${pki}/ca.crt`,
    `--service-account-private-key-file=${pki}/sa.key`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    "--kube-api-qps=100",
    "--kube-api-burst=200",
    ...extra,
  ];
}

/** The kwok resources that tests create per pod. */
export const KWOK_CRDS = ["PortForward", "Logs", "Attach"] as const;

/** @returns kwok's arguments: it plays every node, and serves as kubelet of all of them */
export function kwokArgs(dir: string, ports: ClusterPorts): string[] {
  return [
    `--kubeconfig=${dir}/kubeconfig`,
    `--config=${dir}/kwok.yaml`,
    "--manage-all-nodes",
    "--node-ip=127.0.0.1",
    `--node-port=${ports.kubelet}`,
    `--server-address=127.0.0.1:${ports.kubelet}`,
    `--tls-cert-file=${dir}/pki/kubelet.crt`,
    `--tls-private-key-file=${dir}/pki/kubelet.key`,
    `--enable-crds=${KWOK_CRDS.join(",")}`,
    // With Leases, a kwok that was killed would find its nodes held by its former self for 40 s.
    "--node-lease-duration-seconds=0",
  ];
}

/** The audit policy: `RequestReceived` is left out, it says nothing that the end does not. */
export function auditPolicy(level: "Metadata" | "Request" | "RequestResponse"): string {
  return JSON.stringify({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level }],
  });
}
