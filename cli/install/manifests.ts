/**
 * The files of `deploy/`, carried by this program, with what the operator chose filled in.
 *
 * @module
 */
import { parseAllDocuments, stringify } from "yaml";
import agentRbac from "../../deploy/agent/00-rbac.yaml" with { type: "text" };
import agentDeployment from "../../deploy/agent/10-deployment.yaml" with { type: "text" };
import agentNetwork from "../../deploy/agent/20-networkpolicy.yaml" with { type: "text" };
import hubNamespaces from "../../deploy/hub/00-namespaces.yaml" with { type: "text" };
import hubRequests from "../../deploy/hub/01-crd-clusterregistrationrequests.yaml" with {
  type: "text",
};
import hubClusters from "../../deploy/hub/02-crd-managedclusters.yaml" with { type: "text" };
import hubRbac from "../../deploy/hub/10-rbac.yaml" with { type: "text" };
import hubBootstrap from "../../deploy/hub/11-bootstrap-rbac.yaml" with { type: "text" };
import hubAdmission from "../../deploy/hub/12-admission-policy.yaml" with { type: "text" };
import hubService from "../../deploy/hub/20-service.yaml" with { type: "text" };
import hubApiService from "../../deploy/hub/21-apiservice.yaml" with { type: "text" };
import hubDeployment from "../../deploy/hub/30-deployment.yaml" with { type: "text" };
import hubNetwork from "../../deploy/hub/31-networkpolicy.yaml" with { type: "text" };
import hubAdmins from "../../deploy/samples/child/hub_admins.yaml" with { type: "text" };
import { SYSTEM_NAMESPACE } from "../../shared/kube/clusternet_types.ts";
import type { Manifest } from "./kinds.ts";

/** Secret of the agent's Deployment: URL, token and CA, as the template in `deploy/` has it. */
export const REGISTRATION_SECRET = "clusternet-agent-cluster-registration";

/** ClusterRoleBinding in a child that `join --grant-hub-admins` makes. */
export const HUB_ADMINS = "clusternet-hub-admins";

/** The agent's pull policies, security and ports stay as the file says; this is what may change. */
interface Workload extends Manifest {
  spec: {
    replicas: number;
    template: { spec: { containers: { image: string; args: string[] }[] } };
  };
}

function parse(...texts: readonly string[]): Manifest[] {
  return texts.flatMap((text) =>
    parseAllDocuments(text).map((one) => one.toJS() as Manifest | null)
  )
    .filter((object): object is Manifest => object !== null);
}

function container(objects: readonly Manifest[]): { image: string; args: string[] } {
  const deployment = objects.find(({ kind }) => kind === "Deployment") as Workload;
  return deployment.spec.template.spec.containers[0]!;
}

/** What may be chosen about a hub. */
export interface HubChoices {
  /** Image of the hub. @default {as the file says} */
  image?: string | undefined;
  /** How many hubs. @default {as the file says} */
  replicas?: number | undefined;
  /** Who approves. @default {as the file says: auto} */
  approval?: "auto" | "manual" | undefined;
}

/**
 * The objects of `deploy/hub`, in the order in which they are applied.
 *
 * @returns new objects at each call
 */
export function hubObjects({ image, replicas, approval }: HubChoices = {}): Manifest[] {
  const objects = parse(
    hubNamespaces,
    hubRequests,
    hubClusters,
    hubRbac,
    hubBootstrap,
    hubAdmission,
    hubService,
    hubApiService,
    hubDeployment,
    hubNetwork,
  );
  const hub = container(objects);
  if (image !== undefined) hub.image = image;
  if (approval !== undefined) hub.args = withFlag(hub.args, "--approval", approval);
  if (replicas !== undefined) {
    (objects.find(({ kind }) => kind === "Deployment") as Workload).spec.replicas = replicas;
  }
  return objects;
}

/** What an agent's Deployment is made of. */
export interface AgentChoices {
  /** Image of the agent. */
  image: string;
  /** More flags for the agent, each with its value. */
  flags: Readonly<Record<string, string>>;
  /** URL of the hub. */
  hubUrl: string;
  /** Token to register with. */
  token: string;
  /** PEM of the hub's CA; the system's count when absent. */
  ca: string | undefined;
}

/**
 * The namespace that `deploy/agent` wants to be there.
 *
 * @returns a new object
 */
export function agentNamespace(): Manifest {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM_NAMESPACE } };
}

/**
 * The namespace, the Secret and the objects of `deploy/agent`, in the order in which they are
 * applied: the Deployment last.
 *
 * @returns new objects at each call
 */
export function agentObjects(choices: AgentChoices): Manifest[] {
  const deployment = parse(agentDeployment);
  const agent = container(deployment);
  agent.image = choices.image;
  for (const [flag, value] of Object.entries(choices.flags)) {
    agent.args = withFlag(agent.args, flag, value);
  }
  return [
    agentNamespace(),
    ...parse(agentRbac, agentNetwork),
    registrationSecret(choices),
    ...deployment,
  ];
}

function registrationSecret({ hubUrl, token, ca }: AgentChoices): Manifest {
  const encoder = new TextEncoder();
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: REGISTRATION_SECRET, namespace: SYSTEM_NAMESPACE },
    type: "Opaque",
    data: {
      parentURL: encoder.encode(hubUrl).toBase64(),
      regToken: encoder.encode(token).toBase64(),
      parentCA: encoder.encode(ca ?? "").toBase64(),
    },
  };
}

/**
 * What `unjoin` removes of `deploy/agent`, Deployment first.
 *
 * @returns new objects at each call
 */
export function agentLeftovers(): Manifest[] {
  return parse(agentDeployment, agentNetwork, agentRbac);
}

/**
 * The binding by which the parent's admins have a ClusterRole in the child.
 *
 * @returns a new object
 */
export function hubAdminsBinding(role: "view" | "cluster-admin"): Manifest {
  const [binding] = parse(hubAdmins) as [Manifest & { roleRef: { name: string } }];
  binding.roleRef.name = role;
  return binding;
}

function withFlag(args: readonly string[], flag: string, value: string): string[] {
  return [...args.filter((arg) => !arg.startsWith(`${flag}=`)), `${flag}=${value}`];
}

/**
 * Objects as one YAML file.
 *
 * @returns documents with `---` between them
 */
export function toYaml(objects: readonly Manifest[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}
