/**
 * The cluster a Pod runs in, as its ServiceAccount.
 *
 * Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 *
 * @module
 */
import type { ClusterConfig } from "./cluster_config.ts";
import { fileCa } from "./file_ca.ts";
import { fileToken } from "./file_token.ts";

/** Options of {@linkcode inClusterConfig}. */
export interface InClusterOptions {
  /** The environment: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are read. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where the files of the ServiceAccount are mounted. @default {"/var/run/secrets/kubernetes.io/serviceaccount"} */
  dir?: string;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Reads a file. @default {Deno.readTextFile} */
  readTextFile?: (path: string) => Promise<string>;
}

/** Thrown outside of a Pod. */
export class NotInClusterError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "NotInClusterError";
}

/**
 * Reads how to reach the cluster that this process runs in. The token is read again each minute
 * and after a 401, the CA every 10 s and when it vouches for the server no more.
 *
 * @returns the configuration, with the Pod's namespace
 * @throws {NotInClusterError} when environment or files are missing
 */
export async function inClusterConfig(options: InClusterOptions): Promise<ClusterConfig> {
  const { env, readTextFile = Deno.readTextFile, now = Date.now } = options;
  const dir = options.dir ?? "/var/run/secrets/kubernetes.io/serviceaccount";
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new NotInClusterError(
      "Cannot find the cluster this process runs in: KUBERNETES_SERVICE_HOST and " +
        "KUBERNETES_SERVICE_PORT are not set; outside of a Pod, give --kubeconfig",
    );
  }
  const read = async (file: string): Promise<string> => {
    try {
      return await readTextFile(`${dir}/${file}`);
    } catch (cause) {
      throw new NotInClusterError(
        `Cannot read "${dir}/${file}": the Pod needs automountServiceAccountToken: true and a ` +
          "ServiceAccount",
        { cause },
      );
    }
  };
  await read("token"); // A Pod without a token is to fail now, not at the first request
  const namespace = await read("namespace").then((text) => text.trim(), () => "");
  const ca = await read("ca.crt");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca,
    readCa: fileCa({ path: `${dir}/ca.crt`, first: ca, now, readTextFile }),
    token: fileToken({ path: `${dir}/token`, now, readTextFile }),
    ...(namespace === "" ? {} : { namespace }),
  };
}
