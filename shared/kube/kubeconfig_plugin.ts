/**
 * Credentials from exec plugins and auth providers, through `@kubernetes/client-node`.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { withDeadline } from "../backoff.ts";
import type { ClusterConfig } from "./cluster_config.ts";
import {
  type ExecPlugin,
  KubeConfigError,
  type NamedCluster,
  type NamedUser,
} from "./kubeconfig_file.ts";

/** What {@linkcode pluginCredentials} is given. */
export interface PluginOptions {
  user: NamedUser & { dir: string };
  cluster: NamedCluster & { dir: string };
  /** A plugin that takes longer has failed, in milliseconds. @default {60_000} */
  timeoutMs?: number;
}

interface Credentials {
  token: string | undefined;
  cert: string | undefined;
  key: string | undefined;
}

/** The cluster as a plugin reads it (`KUBERNETES_EXEC_INFO`). */
async function execInfo(exec: ExecPlugin, named: NamedCluster & { dir: string }): Promise<string> {
  const { cluster = {}, dir } = named;
  const file = cluster["certificate-authority"];
  const ca = cluster["certificate-authority-data"] ??
    (file ? await readFile(isAbsolute(file) ? file : join(dir, file), "base64") : undefined);
  const config = cluster.extensions?.find(({ name }) =>
    name === "client.authentication.k8s.io/exec"
  )?.extension;
  return JSON.stringify({
    apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo
        ? {
          cluster: {
            server: cluster.server,
            ...(ca === undefined ? {} : { "certificate-authority-data": ca }),
            ...(cluster["proxy-url"] ? { "proxy-url": cluster["proxy-url"] } : {}),
            ...(config === undefined ? {} : { config }),
          },
        }
        : {}),
    },
  });
}

/** As client-go: a command with a slash is relative to the kubeconfig. */
function commandPath(command: string, dir: string): string {
  return command.includes("/") && !isAbsolute(command) ? join(dir, command) : command;
}

/**
 * Runs the user's plugin once, and makes a token source that runs it again when its token expires
 * or was refused.
 *
 * @returns token, client certificate, or both
 * @throws {KubeConfigError} when the plugin fails; without its output, which may hold a token
 */
export async function pluginCredentials(
  { user: named, cluster, timeoutMs = 60_000 }: PluginOptions,
): Promise<Pick<ClusterConfig, "clientCert" | "token">> {
  const { user = {}, name = "", dir } = named;
  const { exec } = user;
  if (exec?.interactiveMode === "Always") {
    throw new KubeConfigError(
      `Cannot use user "${name}" of the kubeconfig: its plugin wants to ask somebody ` +
        "(interactiveMode: Always)",
    );
  }
  const plugin = exec === undefined ? undefined : {
    ...exec,
    command: commandPath(exec.command ?? "", dir),
    args: exec.args ?? [],
    env: [
      { name: "KUBERNETES_EXEC_INFO", value: await execInfo(exec, cluster) },
      ...exec.env ?? [],
    ],
  };
  const hint = exec?.installHint ? `; ${exec.installHint.trim().slice(0, 300)}` : "";
  const { KubeConfig } = await import("@kubernetes/client-node");

  const make = (): InstanceType<typeof KubeConfig> => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "cluster", server: cluster.cluster?.server ?? "", skipTLSVerify: false }],
      users: [{ name: "user", exec: plugin, authProvider: user["auth-provider"] }],
      contexts: [{ name: "context", cluster: "cluster", user: "user" }],
      currentContext: "context",
    });
    return config;
  };
  let config = make();

  // Requests that find the token expired at the same time share one run
  let running: Promise<Credentials> | undefined;
  const run = (): Promise<Credentials> => running ??= runOnce().finally(() => running = undefined);
  const runOnce = async (): Promise<Credentials> => {
    const options: {
      headers?: Record<string, string>;
      cert?: string | Uint8Array;
      key?: string | Uint8Array;
    } = {};
    try {
      await withDeadline(
        timeoutMs,
        "run the plugin",
        () => config.applyToHTTPSOptions(options as never),
      );
    } catch (cause) {
      const what = exec?.command ?? user["auth-provider"]?.name ?? "";
      const code = (cause as { code?: unknown } | null)?.code;
      const detail = cause instanceof SyntaxError
        ? ": what it printed is not JSON"
        : typeof code === "string"
        ? `: ${code}`
        : "";
      throw new KubeConfigError(
        `Cannot get credentials from plugin "${what}" of user "${name}"${detail}${hint}`,
        { cause: detail.includes("JSON") ? undefined : cause },
      );
    }
    const text = (value: string | Uint8Array | undefined): string | undefined =>
      value === undefined || typeof value === "string" ? value : new TextDecoder().decode(value);
    const bearer = options.headers?.Authorization?.replace(/^Bearer /, "");
    return { token: bearer, cert: text(options.cert), key: text(options.key) };
  };

  const first = await run();
  if (first.token === undefined && (first.cert === undefined || first.key === undefined)) {
    throw new KubeConfigError(`The plugin of user "${name}" gave no credentials${hint}`);
  }
  return {
    ...(first.cert === undefined || first.key === undefined
      ? {}
      : { clientCert: { cert: first.cert, key: first.key } }),
    ...(first.token === undefined ? {} : {
      token: async ({ fresh = false } = {}) => {
        if (fresh) config = make(); // Its cache went with the old one
        return (await run()).token;
      },
    }),
  };
}
