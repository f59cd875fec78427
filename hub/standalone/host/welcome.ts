/**
 * What a standalone hub prints when it is up: the next command, ready to paste.
 *
 * @module
 */
import { shellWord } from "../../../shared/shell_word.ts";

/** What the text is made of. */
export interface WelcomeOptions {
  /** How the operator's program is called, such as `npx -y deno@2.9.6 task ctl`. */
  ctl: string;
  /** URL for agents. */
  server: string;
  /** `id.secret`. */
  token: string;
  /** When the token ends, in milliseconds since the epoch. */
  expires: number;
  /** `sha256:<hex>` of the serving CA. */
  caHash: string;
  /** The administrator's kubeconfig. */
  kubeconfig: string;
  /** Directory of the state. */
  dataDir: string;
}

/**
 * The text.
 *
 * @returns several lines, with a line break at the end
 */
export function welcome(
  { ctl, server, token, expires, caHash, kubeconfig, dataDir }: WelcomeOptions,
): string {
  const until = new Date(expires).toISOString().replace("T", " ").replace(/:\d\d\.\d+Z$/, " UTC");
  const file = shellWord(kubeconfig);
  return `
The hub is up. It is its own Kubernetes API; its state is in ${dataDir}

1. Join a cluster: run this where its kubeconfig is (the token is good until ${until})

  ${ctl} join --hub ${server} --token ${token} --ca-hash ${caHash} --grant-hub-admins cluster-admin --run

   --run runs the agent in that terminal; --image IMAGE in its place installs it into the cluster.
   --grant-hub-admins makes the admins of this hub admins there: leave it out to grant by yourself.

2. Look at your clusters, in a terminal of its own on this machine

  export KUBECONFIG=${file}
  ${ctl} clusters
  kubectl get managedclusters -A

3. Work on one

  ${ctl} kubectl CLUSTER -- get nodes

`;
}
