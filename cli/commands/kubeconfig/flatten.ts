/**
 * A kubeconfig that needs no other: the parent's CA and user are copied into it.
 *
 * @module
 */
import { stringify } from "yaml";
import type { NamedCluster, NamedUser } from "../../../shared/kube/kubeconfig_file.ts";
import { type CliContext, CliError } from "../../context.ts";
import { absolutePath, type ParentEntries } from "../../fleet/parent_entries.ts";
import { childIdOf } from "../../fleet/state.ts";
import type { ChildContext } from "./merge.ts";

/** Fields whose file is written out in base64 beside them, as `kubectl config view --flatten`. */
const INLINED = ["certificate-authority", "client-certificate", "client-key"] as const;

async function inline(
  context: CliContext,
  entry: Readonly<Record<string, unknown>>,
  dir: string,
): Promise<Record<string, unknown>> {
  const result = { ...entry };
  for (const field of INLINED) {
    const file = entry[field];
    if (typeof file !== "string" || file === "") continue;
    delete result[field];
    if (entry[`${field}-data`]) continue; // It wins, as in client-go
    let text: string;
    try {
      text = await context.readTextFile(absolutePath(dir, file));
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(
        `Cannot copy ${field} of the kubeconfig: ${detail}. Next: --merge refers to it instead`,
        1,
        { cause },
      );
    }
    result[`${field}-data`] = new TextEncoder().encode(text).toBase64();
  }
  return result;
}

/** The user as it works from any directory. */
async function copiedUser(
  context: CliContext,
  { user = {}, dir }: NonNullable<ParentEntries["user"]>,
): Promise<Record<string, unknown>> {
  const copy: NonNullable<NamedUser["user"]> = { ...user };
  if (copy.tokenFile) copy.tokenFile = absolutePath(dir, copy.tokenFile); // It is renewed there
  const { exec } = copy;
  if (exec?.command?.includes("/")) {
    copy.exec = { ...exec, command: absolutePath(dir, exec.command) };
  }
  return await inline(context, copy, dir);
}

/**
 * Writes the kubeconfig.
 *
 * @param current its current context; none where it is `undefined`
 * @returns YAML, credentials included
 * @throws {CliError} when a certificate or key of the parent's cannot be read
 */
export async function flatKubeconfig(
  context: CliContext,
  entries: ParentEntries,
  children: readonly ChildContext[],
  current: string | undefined,
): Promise<string> {
  const { user, cluster: { dir } } = entries;
  const clusters: NamedCluster[] = [];
  for (const { name, cluster } of children) {
    clusters.push({ cluster: await inline(context, cluster, dir), name });
  }
  return stringify({
    apiVersion: "v1",
    clusters,
    contexts: children.map(({ name, user, namespace }) => ({
      context: {
        cluster: name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(user === undefined ? {} : { user }),
      },
      name,
    })),
    ...(current === undefined ? {} : { "current-context": current }),
    kind: "Config",
    users: user === undefined ? [] : [{ name: user.name, user: await copiedUser(context, user) }],
  }, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * Whether a file may be overwritten: only what this command wrote itself.
 *
 * @param clusters of the file
 * @returns `true` when every cluster in it is reached through a tunnel
 */
export function isOwnFile(clusters: readonly NamedCluster[] | undefined | null): boolean {
  return (clusters ?? []).every(({ cluster }) => childIdOf(cluster?.server) !== undefined);
}
