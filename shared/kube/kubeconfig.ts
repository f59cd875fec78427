/**
 * Kubeconfig files.
 *
 * Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import type { ClusterConfig } from "./cluster_config.ts";
import { fileCa } from "./file_ca.ts";
import { fileToken } from "./file_token.ts";
import {
  KubeConfigError,
  type KubeConfigFile,
  type NamedCluster,
  type NamedUser,
  readKubeConfigFile,
} from "./kubeconfig_file.ts";

/** Options of {@linkcode loadKubeConfig}. */
export interface KubeConfigOptions {
  /** One file, or several that are merged as those of `KUBECONFIG`: the first to say it wins. */
  path: string | readonly string[];
  /** Which context of the file. @default {current-context} */
  context?: string | undefined;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Reads a file. @default {Deno.readTextFile} */
  readTextFile?: (path: string) => Promise<string>;
}

/** Text of a value that is written out in base64 or stands in a file. */
interface Source {
  data: string | undefined;
  file: string | undefined;
  /** Directory of the kubeconfig that says so. */
  dir: string;
  what: string;
}

class Loader {
  readonly #readTextFile: (path: string) => Promise<string>;

  constructor(readTextFile: (path: string) => Promise<string>) {
    this.#readTextFile = readTextFile;
  }

  async text({ data, file, dir, what }: Source): Promise<string | undefined> {
    if (data) {
      try {
        return new TextDecoder().decode(Uint8Array.fromBase64(data));
      } catch (cause) {
        throw new KubeConfigError(`Cannot read ${what}-data of the kubeconfig: it is not base64`, {
          cause,
        });
      }
    }
    if (!file) return undefined;
    const path = absolute(dir, file);
    try {
      return await this.#readTextFile(path);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new KubeConfigError(`Cannot read ${what} of the kubeconfig: ${detail}`, { cause });
    }
  }
}

function absolute(dir: string, file: string): string {
  return isAbsolute(file) ? file : join(dir, file);
}

function byName<T extends { name?: string }>(
  files: readonly KubeConfigFile[],
  pick: (file: KubeConfigFile) => T[] | undefined,
  name: string,
  what: string,
): T & { dir: string } {
  for (const file of files) {
    const found = pick(file)?.find((entry) => entry.name === name);
    if (found !== undefined) return { ...found, dir: file.dir };
  }
  throw new KubeConfigError(
    `Cannot use the kubeconfig "${files.map(({ path }) => path).join(":")}": it has no ${what} ` +
      `"${name}"`,
  );
}

/**
 * Reads a kubeconfig: certificates, tokens and token files by itself; exec plugins and auth
 * providers through `@kubernetes/client-node`, which is loaded only then because it costs 90 MB.
 * A token file is read again each minute, a CA file every 10 s, and a plugin is run again when its token expires or was
 * refused; a client certificate is read once.
 *
 * @param options which file and context
 * @returns how to reach the cluster
 * @throws {KubeConfigError} says what is missing; also for `insecure-skip-tls-verify`, which has
 * no equivalent here
 *
 * @example
 * ```ts ignore
 * const config = await loadKubeConfig({ path: "/etc/kubernetes/admin.conf" });
 * using connection = kubeTransport(config);
 * ```
 */
export async function loadKubeConfig(options: KubeConfigOptions): Promise<ClusterConfig> {
  const readTextFile = options.readTextFile ?? Deno.readTextFile;
  const paths = typeof options.path === "string" ? [options.path] : options.path;
  const files: KubeConfigFile[] = [];
  for (const path of paths) files.push(await readKubeConfigFile(path, readTextFile));
  const contextName = options.context || files.find((file) => file["current-context"])
    ?.["current-context"];
  if (!contextName) {
    throw new KubeConfigError(
      `Cannot use the kubeconfig "${paths.join(":")}": it has no current-context; name one with ` +
        "--context",
    );
  }
  const { context = {} } = byName(files, (file) => file.contexts, contextName, "context");
  const cluster = byName(files, (file) => file.clusters, context.cluster ?? "", "cluster");
  const user = context.user
    ? byName(files, (file) => file.users, context.user, "user")
    : { dir: dirname(paths[0] ?? "."), user: {} };
  const loader = new Loader(readTextFile);
  return {
    ...await clusterPart(loader, cluster, options),
    ...await userPart(loader, user, cluster, options),
    ...(context.namespace ? { namespace: context.namespace } : {}),
  };
}

async function clusterPart(
  loader: Loader,
  { name = "", cluster = {}, dir }: NamedCluster & { dir: string },
  { now = Date.now, readTextFile = Deno.readTextFile }: KubeConfigOptions,
): Promise<ClusterConfig> {
  if (!cluster.server) {
    throw new KubeConfigError(`Cannot use cluster "${name}" of the kubeconfig: it has no server`);
  }
  if (cluster["insecure-skip-tls-verify"]) {
    throw new KubeConfigError(
      `Cannot use cluster "${name}" of the kubeconfig: insecure-skip-tls-verify would hand ` +
        "credentials to whoever answers; remove it and set certificate-authority-data to the " +
        "cluster's CA",
    );
  }
  const { "certificate-authority-data": data, "certificate-authority": file } = cluster;
  const ca = await loader.text({
    data,
    file,
    dir,
    what: "certificate-authority",
  });
  return {
    server: cluster.server,
    ...(ca === undefined ? {} : { ca }),
    ...(ca === undefined || data || !file ? {} : {
      readCa: fileCa({ path: absolute(dir, file), first: ca, now, readTextFile }),
    }),
    ...(cluster["tls-server-name"] ? { tlsServerName: cluster["tls-server-name"] } : {}),
    ...(cluster["proxy-url"] ? { proxyUrl: cluster["proxy-url"] } : {}),
  };
}

async function userPart(
  loader: Loader,
  named: NamedUser & { dir: string },
  cluster: NamedCluster & { dir: string },
  { now = Date.now, readTextFile }: KubeConfigOptions,
): Promise<Pick<ClusterConfig, "clientCert" | "token">> {
  const { user = {}, dir, name = "" } = named;
  if (user.username || user.password) {
    throw new KubeConfigError(
      `Cannot use user "${name}" of the kubeconfig: API servers have no basic authentication ` +
        "since Kubernetes 1.19; use a token or a client certificate",
    );
  }
  if (user.as) {
    throw new KubeConfigError(
      `Cannot use user "${name}" of the kubeconfig: impersonation ("as") is not supported here`,
    );
  }
  if (user.exec !== undefined || user["auth-provider"] !== undefined) {
    const { pluginCredentials } = await import("./kubeconfig_plugin.ts");
    return await pluginCredentials({ user: named, cluster });
  }
  const certificate = { dir, what: "client-certificate" };
  const cert = await loader.text({
    ...certificate,
    data: user["client-certificate-data"],
    file: user["client-certificate"],
  });
  const key = await loader.text({
    dir,
    what: "client-key",
    data: user["client-key-data"],
    file: user["client-key"],
  });
  if ((cert === undefined) !== (key === undefined)) {
    throw new KubeConfigError(
      `Cannot use user "${name}" of the kubeconfig: a client certificate and its key belong ` +
        "together, and one is missing",
    );
  }
  const { token, tokenFile } = user;
  const file = tokenFile === undefined ? undefined : fileToken({
    path: absolute(dir, tokenFile),
    now,
    ...(readTextFile === undefined ? {} : { readTextFile }),
  });
  return {
    ...(cert === undefined || key === undefined ? {} : { clientCert: { cert, key } }),
    // As client-go: tokenFile takes precedence
    ...(file !== undefined
      ? { token: file }
      : token
      ? { token: () => Promise.resolve(token) }
      : {}),
  };
}
