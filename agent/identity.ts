/**
 * Which holder of the Lease is an earlier run of this agent.
 *
 * @module
 */

/** Options of {@linkcode formerSelf}. */
export interface FormerSelfOptions {
  /** This machine, or pod. */
  hostname: string;
  /** Whether a process runs here; may throw when that cannot be known. @default {looks into /proc} */
  runs?: (pid: number) => Promise<boolean>;
}

/**
 * Names are `<hostname>_<pid>`. A holder on this machine whose process is gone cannot come back:
 * its name may be taken over at once. In a restarted container the process has the same number,
 * and so the same name, anyway.
 *
 * @returns tells whether a holder is such an earlier run
 */
export function formerSelf(
  { hostname, runs = runsHere }: FormerSelfOptions,
): (holder: string) => Promise<boolean> {
  return async (holder) => {
    const pid = /^(.+)_(\d{1,10})$/.exec(holder);
    if (pid === null || pid[1] !== hostname) return false;
    try {
      return !await runs(Number(pid[2]));
    } catch {
      return false;
    }
  };
}

async function runsHere(pid: number): Promise<boolean> {
  // Without /proc (not Linux) nobody can tell: the caller then waits for the Lease to expire
  await Deno.stat("/proc/self");
  try {
    await Deno.stat(`/proc/${pid}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
