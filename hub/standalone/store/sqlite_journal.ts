/**
 * The file: SQLite in WAL mode with `synchronous=FULL`, so that a commit returns after its fsync.
 *
 * No other code of this process may open the file: closing any handle of it drops the lock (POSIX
 * locks belong to the process).
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ChangeRow, JournalRow, JournalState, ObjectRow } from "./journal.ts";

/** Of the file's layout; a program reads files up to its own. */
const SCHEMA_VERSION = 1;
/** "Clus": tells our files from other SQLite files. */
const APPLICATION_ID = 0x436c7573;
/** A version of 0 means "any" to Kubernetes' clients, so an empty store stands at 1. */
const FIRST_VERSION = 1;
/** How long it waits for a process that is just ending, in milliseconds. */
const LOCK_WAIT_MS = 500;

const SCHEMA = `
  CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    json TEXT NOT NULL,
    UNIQUE (resource, namespace, name)
  ) STRICT;
  CREATE TABLE changes (
    version INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    json TEXT NOT NULL,
    previous TEXT
  ) STRICT;
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
`;

/** Opens the file, or makes it, readable for its owner alone. */
function openFile(path: string): DatabaseSync {
  try {
    Deno.openSync(path, { createNew: true, write: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot make the store "${path}": ${why}`);
    }
  }
  return new DatabaseSync(path);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A store's file, open and locked. Every call returns when it is done. */
export class SqliteJournal {
  readonly #db: DatabaseSync;
  readonly #insertChange: StatementSync;
  readonly #upsertObject: StatementSync;
  readonly #deleteObject: StatementSync;
  readonly #deleteChanges: StatementSync;
  readonly #setCompacted: StatementSync;
  /** What it held when it was opened. */
  readonly state: JournalState;

  /**
   * Opens a file, or makes it.
   *
   * @param path where it is; its directory must be there
   * @param maxPages refuses to grow beyond; a page has 4096 bytes
   * @throws {Error} when another process has it open, when it is not ours, or of a newer layout
   */
  constructor(path: string, maxPages?: number) {
    const db = openFile(path);
    this.#db = db;
    try {
      this.#prepareFile(path);
      if (maxPages !== undefined) db.exec(`PRAGMA max_page_count=${maxPages}`);
      this.state = this.#readState();
      const key = "resource = ? AND namespace = ? AND name = ?";
      this.#insertChange = db.prepare(
        `INSERT INTO changes (version, type, resource, namespace, name, json, previous)
         VALUES (?, ?, ?, ?, ?, ?, (SELECT json FROM objects WHERE ${key}))`,
      );
      this.#upsertObject = db.prepare(
        `INSERT INTO objects (resource, namespace, name, version, json) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET version = excluded.version, json = excluded.json`,
      );
      this.#deleteObject = db.prepare(`DELETE FROM objects WHERE ${key}`);
      this.#deleteChanges = db.prepare("DELETE FROM changes WHERE version <= ?");
      this.#setCompacted = db.prepare("UPDATE meta SET value = ? WHERE key = 'compacted'");
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #number(sql: string): number {
    return Number(Object.values(this.#db.prepare(sql).get() ?? {})[0] ?? 0);
  }

  #prepareFile(path: string): void {
    const db = this.#db;
    try {
      // In exclusive mode the lock that the first transaction takes is kept until the end
      db.exec(`PRAGMA busy_timeout=${LOCK_WAIT_MS}; PRAGMA locking_mode=EXCLUSIVE`);
      db.exec("BEGIN IMMEDIATE; COMMIT");
    } catch (error) {
      if (/locked|busy/i.test(textOf(error))) {
        throw new Error(
          `Cannot open the store "${path}": another process has it open. ` +
            "Stop the other hub, or give this one a data directory of its own",
        );
      }
      if (/not a database/i.test(textOf(error))) throw notOurs(path);
      throw new Error(`Cannot open the store "${path}": ${textOf(error)}`);
    }
    const empty = this.#number("SELECT count(*) FROM sqlite_schema") === 0;
    if (!empty && this.#number("PRAGMA application_id") !== APPLICATION_ID) throw notOurs(path);
    if (!empty) {
      const schema = this.#number("SELECT value FROM meta WHERE key = 'schema'");
      if (schema > SCHEMA_VERSION) {
        throw new Error(
          `Cannot open the store "${path}": it has layout ${schema}, and this program knows ` +
            `layouts up to ${SCHEMA_VERSION}. Run the version of the hub that wrote it, or a newer one`,
        );
      }
    }
    db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    db.exec("PRAGMA journal_size_limit=67108864");
    if (!empty) return;
    db.exec("BEGIN IMMEDIATE");
    db.exec(SCHEMA);
    db.exec(`PRAGMA application_id=${APPLICATION_ID}`);
    const put = db.prepare("INSERT INTO meta (key, value) VALUES (?, ?)");
    put.run("schema", SCHEMA_VERSION);
    put.run("compacted", FIRST_VERSION);
    put.run("uuid", crypto.randomUUID());
    db.exec("COMMIT");
  }

  #readState(): JournalState {
    const compacted = this.#number("SELECT value FROM meta WHERE key = 'compacted'");
    const uuid = this.#db.prepare("SELECT value FROM meta WHERE key = 'uuid'").get()?.value;
    const mode = this.#db.prepare("PRAGMA journal_mode").get()?.journal_mode;
    return {
      version: Math.max(
        compacted,
        this.#number("SELECT max(version) FROM changes"),
        this.#number("SELECT max(version) FROM objects"),
      ),
      compacted,
      uuid: String(uuid),
      journalMode: String(mode),
      synchronous: this.#number("PRAGMA synchronous"),
    };
  }

  /** All objects, in no order. */
  *objects(): Generator<ObjectRow> {
    const all = this.#db.prepare("SELECT resource, namespace, name, version, json FROM objects");
    for (const row of all.iterate()) yield { ...row } as unknown as ObjectRow;
  }

  /** All changes that are kept, oldest first. */
  *changes(): Generator<ChangeRow> {
    const all = this.#db.prepare("SELECT * FROM changes ORDER BY version");
    for (const row of all.iterate()) yield { ...row } as unknown as ChangeRow;
  }

  /**
   * Makes changes durable in one transaction: all or none.
   *
   * @param compactTo drops changes up to this version
   * @throws {Error} in SQLite's words, when the disk refused
   */
  write(rows: readonly JournalRow[], compactTo?: number): void {
    const db = this.#db;
    db.exec("BEGIN IMMEDIATE");
    try {
      for (const { type, resource, namespace, name, version, json } of rows) {
        const key = [resource, namespace, name] as const;
        this.#insertChange.run(version, type, ...key, json, ...key);
        if (type === "DELETED") this.#deleteObject.run(...key);
        else this.#upsertObject.run(...key, version, json);
      }
      if (compactTo !== undefined) {
        this.#deleteChanges.run(compactTo);
        this.#setCompacted.run(compactTo);
      }
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Closes the file; SQLite folds the WAL into it. */
  close(): void {
    this.#db.close();
  }
}

function notOurs(path: string): Error {
  return new Error(
    `Cannot open the store "${path}": it is not a store of this hub. ` +
      "Move the file away, or give the hub another data directory",
  );
}
