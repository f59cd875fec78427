/**
 * The audit log that the flags ask for.
 *
 * @module
 */
import { join } from "node:path";
import type { Log } from "../../shared/log.ts";
import type { MetricsRegistry } from "../../shared/metrics.ts";
import { AuditLog, type AuditOutput } from "./audit_log.ts";
import { rotatingFile } from "./rotating_file.ts";

/** Flags of the audit log. */
export interface AuditFlags {
  /** A file, `-` for standard output, `off` or empty for none; absent: see {@linkcode auditPath}. */
  auditLogPath?: string;
  /** In MiB. */
  auditLogMaxsize: number;
  /** Old files that are kept; 0 keeps all. */
  auditLogMaxbackup: number;
  /** The original's flag: as `--audit-log-path=-`, unless that flag is given. */
  enableTunnelLogging: boolean;
}

/** Options of {@linkcode openAuditLog}. */
export interface OpenAuditOptions {
  flags: AuditFlags;
  /** Directory of the state of a standalone hub; absent behind a parent. */
  dataDir?: string;
  /** Writes to standard output and returns how much was taken. */
  stdout: { write(bytes: Uint8Array): Promise<number> };
  registry: MetricsRegistry;
  log: Log;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Where the audit log goes: behind a parent to standard output, where the cluster's log collector
 * finds it; else into the data directory, since a terminal should not be flooded.
 *
 * @returns a path, `-`, or `undefined` for none
 */
export function auditPath(flags: AuditFlags, dataDir: string | undefined): string | undefined {
  const { auditLogPath: path, enableTunnelLogging } = flags;
  if (path === "" || path === "off") return undefined;
  if (path !== undefined) return path;
  return enableTunnelLogging || dataDir === undefined ? "-" : join(dataDir, "audit.log");
}

/**
 * Makes the log.
 *
 * @returns the log; `undefined` when it is switched off
 */
export function openAuditLog(options: OpenAuditOptions): AuditLog | undefined {
  const { flags, dataDir, log, now, registry } = options;
  const path = auditPath(flags, dataDir);
  if (path === undefined) return undefined;
  const output = path === "-" ? streamOutput(options.stdout) : rotatingFile({
    path,
    maxBytes: flags.auditLogMaxsize * 1024 * 1024,
    maxBackups: flags.auditLogMaxbackup,
    now,
  });
  return new AuditLog({ output, log, now, registry });
}

/** Standard output stays open: it is not ours alone. */
function streamOutput(stream: OpenAuditOptions["stdout"]): AuditOutput {
  return {
    async write(lines: Uint8Array): Promise<void> {
      for (let at = 0; at < lines.length;) at += await stream.write(lines.subarray(at));
    },
    close: () => Promise.resolve(),
  };
}
