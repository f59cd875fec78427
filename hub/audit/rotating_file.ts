/**
 * A file of lines that begins anew when it is full. Names and meaning are those of kube-apiserver's
 * `--audit-log-*` (lumberjack): `audit.log` becomes `audit-2026-11-25T16-17-28.123.log`.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import type { AuditOutput } from "./audit_log.ts";

/** Options of {@linkcode rotatingFile}. */
export interface RotatingFileOptions {
  /** Made with mode 0600; the mode of one that is there stays. */
  path: string;
  /** A file that would grow above this is put aside, in bytes. */
  maxBytes: number;
  /** Old files that are kept; 0 keeps all. */
  maxBackups: number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

const LINE_FEED = new Uint8Array([0x0a]);

/**
 * Writes to a file. It is opened by the first write, and again after each failure.
 *
 * @returns the output
 */
export function rotatingFile(options: RotatingFileOptions): AuditOutput {
  return new RotatingFile(options);
}

class RotatingFile implements AuditOutput {
  readonly #options: RotatingFileOptions;
  #file: Deno.FsFile | undefined;
  #size = 0;
  /** A write ended within a line. */
  #torn = false;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  async write(lines: Uint8Array): Promise<void> {
    try {
      this.#file ??= await this.#open();
      if (this.#size > 0 && this.#size + lines.length > this.#options.maxBytes) {
        await this.#rotate();
      }
      if (this.#torn) await this.#put(LINE_FEED);
      await this.#put(lines);
    } catch (error) {
      await this.close(); // It may be another file by the next try
      throw error;
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const written = await this.#file!.write(bytes.subarray(at));
      at += written;
      this.#size += written;
      this.#torn = bytes[at - 1] !== LINE_FEED[0];
    }
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }

  async #open(): Promise<Deno.FsFile> {
    const file = await Deno.open(this.#options.path, { append: true, create: true, mode: 0o600 });
    this.#size = (await file.stat()).size;
    return file;
  }

  async #rotate(): Promise<void> {
    const { path, now } = this.#options;
    await this.close();
    await Deno.rename(path, join(dirname(path), this.#backupName(now())));
    this.#file = await this.#open();
    await this.#removeOld();
  }

  #backupName(at: number): string {
    const { name, extension } = this.#parts();
    const time = new Date(at).toISOString().slice(0, -1).replaceAll(":", "-");
    return `${name}-${time}${extension}`;
  }

  #parts(): { name: string; extension: string } {
    const extension = extname(this.#options.path);
    return { name: basename(this.#options.path, extension), extension };
  }

  async #removeOld(): Promise<void> {
    const { path, maxBackups } = this.#options;
    if (maxBackups === 0) return;
    const { name, extension } = this.#parts();
    const backups: string[] = [];
    for await (const entry of Deno.readDir(dirname(path))) {
      const { name: file } = entry;
      if (!entry.isFile || !file.startsWith(`${name}-`) || !file.endsWith(extension)) continue;
      const time = file.slice(name.length + 1, file.length - extension.length);
      if (/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(time)) backups.push(file);
    }
    for (const file of backups.sort().slice(0, -maxBackups)) {
      await Deno.remove(join(dirname(path), file));
    }
  }
}
