/**
 * Records of started processes, and the clean-up of those whose owner died without doing it.
 *
 * @module
 */
import process from "node:process";
import { processIdentity } from "./process_info.ts";

/** What `<dir>/<name>.pid` holds. */
export interface PidRecord {
  /** The component. */
  name: string;
  /** Its process id. */
  pid: number;
  /** Tells it from a later process with the same pid; see `processIdentity`. */
  identity: string;
}

/** Writes down that `name` runs as `pid`. */
export async function recordPid(dir: string, name: string, pid: number): Promise<void> {
  const identity = await processIdentity(pid);
  if (identity === undefined) return; // it is gone already
  const record: PidRecord = { name, pid, identity };
  await Deno.writeTextFile(`${dir}/${name}.pid`, JSON.stringify(record));
}

/** Removes the record, unless a later run of `name` has written its own. */
export async function forgetPid(dir: string, name: string, pid: number): Promise<void> {
  const path = `${dir}/${name}.pid`;
  try {
    const record = JSON.parse(await Deno.readTextFile(path)) as PidRecord;
    if (record.pid === pid) await Deno.remove(path);
  } catch {
    // No record, or the directory is gone: nothing to forget.
  }
}

/**
 * The processes recorded in a directory that still run.
 *
 * @param dir a cluster's directory; one that does not exist holds none
 */
export async function recordedProcesses(dir: string): Promise<PidRecord[]> {
  const found: PidRecord[] = [];
  try {
    for await (const entry of Deno.readDir(dir)) {
      if (!entry.name.endsWith(".pid")) continue;
      try {
        const record = JSON.parse(await Deno.readTextFile(`${dir}/${entry.name}`)) as PidRecord;
        if (await processIdentity(record.pid) === record.identity) found.push(record);
      } catch {
        // Half-written by a process that was killed: it names nobody.
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/**
 * SIGKILL to the process group that `pid` leads: every process that the test bed starts leads one.
 * A group that is gone is what was wanted.
 */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error;
  }
}

/**
 * Kills every recorded process of a directory, and waits until they are gone.
 *
 * @returns what was killed
 */
export async function killRecorded(dir: string, timeoutMs = 10_000): Promise<PidRecord[]> {
  const records = await recordedProcesses(dir);
  for (const { pid } of records) killGroup(pid);
  const deadline = Date.now() + timeoutMs;
  while ((await recordedProcesses(dir)).length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return records;
}

/** A lock on a directory that says "my owner lives"; the system drops it when the owner dies. */
export async function own(dir: string): Promise<Deno.FsFile> {
  const file = await Deno.open(`${dir}/owner.lock`, { create: true, write: true });
  if (!await file.tryLock(true)) {
    file.close();
    throw new Error(`${dir} belongs to another running test bed`);
  }
  return file;
}

/**
 * Kills what dead owners left running below `root` and removes their directories.
 *
 * @returns the directories removed
 */
export async function sweep(root: string): Promise<string[]> {
  const removed: string[] = [];
  try {
    for await (const entry of Deno.readDir(root)) {
      const dir = `${root}/${entry.name}`;
      if (!entry.isDirectory || !await isOrphan(dir)) continue;
      await killRecorded(dir);
      await Deno.remove(dir, { recursive: true }).catch(() => {});
      removed.push(dir);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return removed;
}

async function isOrphan(dir: string): Promise<boolean> {
  try {
    using file = await Deno.open(`${dir}/owner.lock`, { write: true });
    return await file.tryLock(true);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // being made just now, or not ours
    throw error;
  }
}
