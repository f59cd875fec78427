/**
 * This agent's name in the election, where no pod name is given.
 *
 * @module
 */

/** Options of {@linkcode hostIdentity}. */
export interface HostIdentityOptions {
  /** This machine. */
  hostname: string;
  /** This process. */
  pid: number;
  /** Directory for a lock file, the same for all agents of this machine. */
  dir: string;
  /** The cluster that the election is about. */
  clusterId: string;
}

/** A name, and the lock that makes it one of a kind. */
export interface HostIdentity extends Disposable {
  /** To be used in the election. */
  name: string;
}

/**
 * Names an agent after its machine. The holder of a Lease that comes back under its old name leads
 * at once, so the name must survive a restart; and no two agents may share one. So the machine's
 * name goes to the one process that holds a lock on a file, which ends with the process however it
 * ends; any other gets its process number behind the name.
 *
 * @returns the name; disposing gives the lock back
 */
export async function hostIdentity(
  { hostname, pid, dir, clusterId }: HostIdentityOptions,
): Promise<HostIdentity> {
  const numbered = { name: `${hostname}_${pid}`, [Symbol.dispose]: (): void => {} };
  let file: Deno.FsFile;
  try {
    file = await Deno.open(`${dir}/clusternet-agent-${clusterId}.lock`, {
      create: true,
      write: true,
      mode: 0o600,
    });
  } catch {
    // Nowhere to write: a restart then waits until the Lease expires
    return numbered;
  }
  try {
    if (await file.tryLock(true)) {
      return { name: hostname, [Symbol.dispose]: () => file.close() };
    }
  } catch {
    // A file system without locks
  }
  file.close();
  return numbered;
}
