/**
 * What the operating system knows of a process: is it still the same one, its memory, its files.
 *
 * @module
 */

async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    const result = await new Deno.Command(command, { args, stderr: "null" }).output();
    return result.success ? new TextDecoder().decode(result.stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined; // the process ended, or this system has no /proc
  }
}

/**
 * The start time of a process out of `/proc/<pid>/stat` (proc(5), field 22). The command name
 * in field 2 may hold blanks and brackets, so counting starts behind the last `)`.
 *
 * @param stat the file's text
 * @returns ticks since boot, or `undefined` for a zombie or a text that is none
 */
export function startTimeOfStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return fields[19];
}

/**
 * A text that tells a process from any other that ever had its pid.
 *
 * @returns the identity, or `undefined` when no such process runs
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  if (Deno.build.os === "linux") {
    const stat = await textOf(`/proc/${pid}/stat`);
    const start = stat === undefined ? undefined : startTimeOfStat(stat);
    if (start === undefined) return undefined;
    const boot = await textOf("/proc/sys/kernel/random/boot_id");
    return `${boot?.trim() ?? ""}/${start}`;
  }
  const started = await output("ps", ["-o", "lstart=", "-p", String(pid)]);
  return started?.trim() || undefined;
}

/**
 * Resident memory of a process.
 *
 * @returns bytes; 0 when it does not run
 */
export async function residentBytes(pid: number): Promise<number> {
  const status = await textOf(`/proc/${pid}/status`);
  const kib = status === undefined
    ? await output("ps", ["-o", "rss=", "-p", String(pid)])
    : /^VmRSS:\s*(\d+)/m.exec(status)?.[1];
  return Number(kib?.trim() ?? 0) * 1024;
}

/**
 * Files, sockets and pipes a process holds open.
 *
 * @returns their number; 0 when it does not run
 */
export async function openFileCount(pid: number): Promise<number> {
  if (Deno.build.os === "linux") {
    try {
      return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
    } catch {
      return 0; // it ended
    }
  }
  const lines = await output("lsof", ["-p", String(pid)]);
  return lines === undefined ? 0 : Math.max(0, lines.trim().split("\n").length - 1);
}
