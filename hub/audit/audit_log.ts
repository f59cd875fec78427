/**
 * The audit log's writer: a bounded queue that requests push to, and one loop that turns records
 * into lines and writes them. Nobody waits for it: what finds no room is counted, and the log says
 * how much is missing.
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import { Counter, type MetricsRegistry } from "../../shared/metrics.ts";
import { auditLine, droppedLine } from "./line.ts";
import type { AuditRecord, AuditSink, LeftOut } from "./record.ts";

/** Where lines go. */
export interface AuditOutput {
  /**
   * Writes whole lines.
   *
   * @throws whatever the system throws; the lines are lost then
   */
  write(lines: Uint8Array): Promise<void>;
  /** Closes it. */
  close(): Promise<void>;
}

/** Options of {@linkcode AuditLog}. */
export interface AuditLogOptions {
  /** Where lines go; the log closes it. */
  output: AuditOutput;
  /** Where a failing output is mentioned. */
  log: Log;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Counts, where given. */
  registry?: MetricsRegistry;
  /** Records that may wait. @default {10_000} */
  maxRecords?: number;
  /** Characters that they may hold. @default {16 Mi} */
  maxChars?: number;
  /** How long records may wait for company. @default {100} */
  batchMs?: number;
  /** After a failure, how long to wait. @default {1_000} */
  retryMs?: number;
}

/** Records in one batch, about 64 KiB. */
const BATCH_RECORDS = 160;
/** One write, about. */
const BATCH_CHARS = 64 * 1024;
/** What a record holds beside its texts. */
const RECORD_CHARS = 200;

/** See the module text. */
export class AuditLog implements AuditSink {
  readonly #options: Required<Omit<AuditLogOptions, "registry">>;
  readonly #dropped: Counter<"reason"> | undefined;
  readonly #encoder = new TextEncoder();
  #queue: AuditRecord[] = [];
  /** Records before it are written. */
  #head = 0;
  #chars = 0;
  /** Left out since the last line that said so. */
  #missing = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #soon = false;
  #writing: Promise<void> | undefined;
  #failing = false;
  #closed = false;

  /** Writes nothing until the first record. */
  constructor({ registry, ...options }: AuditLogOptions) {
    this.#options = {
      maxRecords: 10_000,
      maxChars: 16 * 1024 * 1024,
      batchMs: 100,
      retryMs: 1_000,
      ...options,
    };
    if (registry === undefined) return;
    this.#dropped = new Counter({
      name: "clusternet_audit_dropped_total",
      help: "Audit records that were left out: queue (too slow an output), sink (failed write), " +
        "unauthenticated (too many callers without a credential).",
      labelNames: ["reason"],
      registers: [registry],
    });
    for (const reason of ["queue", "sink", "unauthenticated"]) this.#dropped.inc({ reason }, 0);
  }

  /** Records that wait. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** Takes a record, or counts it when there is no room. */
  push(record: AuditRecord): void {
    const { maxRecords, maxChars, batchMs } = this.#options;
    if (this.#closed || this.waiting >= maxRecords || this.#chars >= maxChars) {
      return this.leaveOut("queue");
    }
    this.#queue.push(record);
    this.#chars += weight(record);
    if (this.#writing !== undefined || this.#failing) return;
    if (this.waiting >= BATCH_RECORDS && !this.#soon) {
      this.#soon = true;
      this.#wake(0);
    } else if (this.#timer === undefined) this.#wake(batchMs);
  }

  /** Counts a record that is left out. */
  leaveOut(why: LeftOut): void {
    this.#lose(why, 1);
    if (!this.#closed && this.#timer === undefined && this.#writing === undefined) {
      this.#wake(this.#options.retryMs);
    }
  }

  #lose(reason: LeftOut, count: number): void {
    this.#missing += count;
    this.#dropped?.inc({ reason }, count);
  }

  #wake(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#soon = false;
      this.#start();
    }, ms);
  }

  #start(): void {
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
      if (this.#failing && !this.#closed) this.#wake(this.#options.retryMs);
    });
  }

  /** Writes until nothing waits, or the output fails. */
  async #drain(): Promise<void> {
    const { output, log } = this.#options;
    while (this.waiting > 0 || this.#missing > 0) {
      const { text, records, missing } = this.#batch();
      try {
        await output.write(this.#encoder.encode(text));
      } catch (error) {
        this.#missing += missing;
        this.#lose("sink", records);
        if (!this.#failing) log.error("The audit log cannot be written; will try again", { error });
        this.#failing = true;
        return;
      }
      if (this.#failing) log.info("The audit log is written again");
      this.#failing = false;
    }
  }

  #batch(): { text: string; records: number; missing: number } {
    const missing = this.#missing;
    this.#missing = 0;
    let text = missing === 0 ? "" : droppedLine(this.#options.now(), missing);
    const from = this.#head;
    while (this.#head < this.#queue.length && text.length < BATCH_CHARS) {
      const record = this.#queue[this.#head++]!;
      this.#chars -= weight(record);
      text += auditLine(record);
    }
    const records = this.#head - from;
    if (this.#head === this.#queue.length) this.#queue = [];
    else if (this.#head >= 1_024) this.#queue = this.#queue.slice(this.#head);
    else return { text, records, missing };
    this.#head = 0;
    return { text, records, missing };
  }

  /**
   * Writes what waits, and closes the output.
   *
   * @param deadlineMs how long that may take; what is left then is lost, and the log says how much
   */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const { output, log } = this.#options;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, deadlineMs);
    const flush = async (): Promise<void> => {
      await this.#writing;
      await this.#drain();
      await output.close();
    };
    const flushed = flush();
    flushed.catch((error) => log.warn("The audit log could not be closed", { error }));
    await Promise.race([flushed.catch(() => {}), late.promise]);
    clearTimeout(timer);
    const lost = this.waiting + this.#missing;
    if (lost > 0) log.warn("Audit records are lost: they could not be written", { count: lost });
  }
}

function weight({ path, reason, caller, forwardedFor }: AuditRecord): number {
  let chars = RECORD_CHARS + path.length + (reason?.length ?? 0) + (forwardedFor?.length ?? 0);
  if (caller === undefined) return chars;
  chars += caller.user.length;
  for (const group of caller.groups) chars += group.length;
  return chars;
}
