/**
 * The directory that holds all that a standalone hub knows: its database, its authorities, the key
 * that signs tokens, and the administrator's kubeconfig. Whoever reads it is the administrator.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { generateKeyPairSync } from "node:crypto";

/** Where things are in it. */
export interface DataDir {
  /** The directory itself. */
  readonly path: string;
  /** SQLite database of the embedded API. */
  readonly database: string;
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** PKCS#8 PEM of the key that signs ServiceAccount tokens. */
  readonly signingKeyPem: string;
}

/**
 * Opens the directory, makes it when it is not there, and closes it to all other users.
 *
 * @returns where things are, as absolute paths
 * @throws {Error} names the directory and what to do
 */
export async function openDataDir(dir: string): Promise<DataDir> {
  const path = resolve(dir); // It is printed for other terminals
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    await Deno.chmod(path, 0o700);
    return {
      path,
      database: join(path, "state.db"),
      kubeconfig: join(path, "admin.kubeconfig"),
      signingKeyPem: await signingKey(join(path, "service-account.key")),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot use --data-dir ${path}: ${why}; name another one`, { cause });
  }
}

async function signingKey(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await writePrivate(path, pem);
  return pem;
}

/**
 * Writes a file that only this user may read, whole or not at all.
 *
 * @throws what the file system throws
 */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${crypto.randomUUID()}`);
  try {
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    using file = await Deno.open(temporary, { write: true });
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
