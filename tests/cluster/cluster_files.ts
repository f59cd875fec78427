/**
 * The files of a cluster: certificates, kubeconfigs, configuration.
 *
 * @module
 */
import type { ClusterOptions } from "./cluster_options.ts";
import { auditPolicy, type ClusterPorts, PKI_FILES } from "./components.ts";
import { TestBedError } from "./errors.ts";
import { kubeconfigYaml } from "./kubeconfig.ts";
import { kwokConfig } from "./kwok.ts";
import { runRoot } from "./paths.ts";
import type { ClusterPki, KeyPair } from "./pki.ts";

/** Writes the certificates and keys to `<dir>/pki`. */
async function writePki(dir: string, pki: ClusterPki): Promise<void> {
  await Deno.mkdir(`${dir}/pki`, { mode: 0o700 });
  const pairs: Record<(typeof PKI_FILES)[number], KeyPair> = {
    "ca": await pki.ca.keyPair(),
    "front-proxy-ca": await pki.frontProxyCa.keyPair(),
    "apiserver": pki.apiserver,
    "kubelet-client": pki.kubeletClient,
    "front-proxy-client": pki.frontProxyClient,
    "kubelet": pki.kubelet,
  };
  const write = (name: string, text: string): Promise<void> =>
    Deno.writeTextFile(`${dir}/pki/${name}`, text, { mode: 0o600 });
  for (const name of PKI_FILES) {
    await write(`${name}.crt`, pairs[name].cert);
    await write(`${name}.key`, pairs[name].key);
  }
  await write("sa.key", pki.serviceAccount.private);
  await write("sa.pub", pki.serviceAccount.public);
}

/** Writes everything that the components read. */
export async function writeFiles(
  dir: string,
  ports: ClusterPorts,
  pki: ClusterPki,
  options: ClusterOptions,
): Promise<void> {
  await writePki(dir, pki);
  const server = `https://127.0.0.1:${ports.apiserver}`;
  const caPem = pki.ca.pem;
  const kubeconfig = (name: string, clientCert: KeyPair): string =>
    kubeconfigYaml({ name, server, caPem, clientCert });
  const write = (name: string, text: string): Promise<void> =>
    Deno.writeTextFile(`${dir}/${name}`, text, { mode: 0o600 });
  await write("kubeconfig", kubeconfig(options.name, pki.admin));
  await write("controller-manager.kubeconfig", kubeconfig(options.name, pki.controllerManager));
  if (options.audit !== undefined) await write("audit-policy.yaml", auditPolicy(options.audit));
  if (options.kwok) {
    await Deno.mkdir(`${dir}/pods`);
    await write("pods/default.log", "");
    const stages = await Deno.readTextFile(new URL("./kwok_stages.yaml", import.meta.url));
    await write("kwok.yaml", kwokConfig(stages, dir, ports));
  }
}

/** @returns the directory of a new cluster, empty; throws where the one named is not */
export async function newDir(options: ClusterOptions): Promise<string> {
  if (options.dir !== undefined) {
    await Deno.mkdir(options.dir, { recursive: true, mode: 0o700 });
    for await (const _ of Deno.readDir(options.dir)) {
      throw new TestBedError(`${options.dir} is not empty: name a new directory`);
    }
    return options.dir;
  }
  const root = runRoot();
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  return await Deno.makeTempDir({ dir: root, prefix: `${options.name}-` });
}

/** Empties a directory that a failed start has filled. */
export async function emptyDir(dir: string): Promise<void> {
  for await (const entry of Deno.readDir(dir)) {
    await Deno.remove(`${dir}/${entry.name}`, { recursive: true });
  }
}
