/**
 * A parent and a child that live on in the background.
 *
 * @module
 */
import { ensurePrograms } from "./build.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { TestBedError } from "./errors.ts";
import { residentBytes } from "./process_info.ts";
import { killRecorded, type PidRecord, recordedProcesses } from "./stale.ts";

/** The two clusters, and how many processes each has. */
export const ROLES = { parent: 4, child: 4 } as const;

/** `parent` or `child`. */
export type Role = keyof typeof ROLES;

const roles = Object.keys(ROLES) as Role[];

/** What `<dir>/state.json` holds once both clusters are up. */
export interface UpState {
  /** kubeconfig file of each. */
  kubeconfig: Record<Role, string>;
  /** Server URL of each. */
  server: Record<Role, string>;
  /** The kubectl that belongs to them. */
  kubectl: string;
}

/** What runs of one cluster. */
export interface RoleStatus {
  /** `parent` or `child`. */
  role: Role;
  /** Its running processes, with their memory in bytes. */
  processes: (PidRecord & { rssBytes: number })[];
  /** Whether all that belong to it run. */
  complete: boolean;
}

/** Says what it is doing. */
export type Progress = (line: string) => void;

async function readState(dir: string): Promise<UpState | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(`${dir}/state.json`)) as UpState;
  } catch {
    return undefined; // never up, or killed while coming up: start anew
  }
}

/** @returns what runs of the clusters in `dir` */
export async function status(dir: string): Promise<{ state?: UpState; roles: RoleStatus[] }> {
  const state = await readState(dir);
  const list = await Promise.all(roles.map(async (role): Promise<RoleStatus> => {
    const records = await recordedProcesses(`${dir}/${role}`);
    const processes = await Promise.all(records.map(async (record) => {
      return { ...record, rssBytes: await residentBytes(record.pid) };
    }));
    return { role, processes, complete: processes.length === ROLES[role] };
  }));
  return { ...(state === undefined ? {} : { state }), roles: list };
}

/** Holds `dir` against another `up` or `down` at the same time. */
async function locked<T>(dir: string, work: () => Promise<T>): Promise<T> {
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  using lock = await Deno.open(`${dir}/lock`, { create: true, write: true });
  if (!await lock.tryLock(true)) {
    throw new TestBedError(`Another "deno task cluster" works in ${dir}: wait for it`);
  }
  return await work();
}

/** Kills what is recorded and removes the clusters. @returns how many processes were killed */
async function clear(dir: string): Promise<number> {
  let killed = 0;
  for (const role of roles) {
    killed += (await killRecorded(`${dir}/${role}`)).length;
    await Deno.remove(`${dir}/${role}`, { recursive: true }).catch(() => {});
  }
  await Deno.remove(`${dir}/state.json`).catch(() => {});
  return killed;
}

async function startRole(role: Role, dir: string, progress: Progress): Promise<Cluster> {
  const cluster = await startCluster({
    name: role,
    dir: `${dir}/${role}`,
    kwok: true,
    nodes: role === "parent" ? ["parent-node-1"] : ["child-node-1", "child-node-2"],
    detached: true,
    progress,
  });
  const pod = await cluster.createPod({ name: "shell" });
  await pod.log(`hello from a pod of the ${role}`);
  return cluster;
}

/**
 * Leaves a parent and a child running. Does nothing when they run already; what is left of
 * earlier ones is cleaned up first.
 *
 * @returns where they are, and whether they were up before
 */
export async function up(
  dir: string,
  progress: Progress,
): Promise<{ state: UpState; already: boolean }> {
  return await locked(dir, async () => {
    const now = await status(dir);
    if (now.state !== undefined && now.roles.every(({ complete }) => complete)) {
      return { state: now.state, already: true };
    }
    const killed = await clear(dir);
    if (killed > 0) progress(`Stopped ${killed} processes that were left over`);
    const programs = await ensurePrograms({ progress });
    const results = await Promise.allSettled(roles.map((role) => startRole(role, dir, progress)));
    const clusters: Cluster[] = [];
    for (const result of results) {
      if (result.status === "fulfilled") clusters.push(result.value);
    }
    for (const cluster of clusters) cluster.release();
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) {
      await clear(dir);
      throw failed.reason;
    }
    const [parent, child] = clusters as [Cluster, Cluster];
    const state: UpState = {
      kubeconfig: { parent: parent.kubeconfig, child: child.kubeconfig },
      server: { parent: parent.server, child: child.server },
      kubectl: programs.kubectl,
    };
    await Deno.writeTextFile(`${dir}/state.json`, JSON.stringify(state, null, 2));
    return { state, already: false };
  });
}

/** Stops both clusters and removes their data. @returns how many processes were killed */
export async function down(dir: string): Promise<number> {
  return await locked(dir, () => clear(dir));
}
