/**
 * What makes changes durable, and the messages between the store and the worker that does it.
 *
 * @module
 */
import type { Change } from "./types.ts";

/** A change on its way to the disk. */
export interface JournalRow {
  /** What happened. */
  readonly type: Change["type"];
  /** Such as `secrets`. */
  readonly resource: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  /** `metadata.name`. */
  readonly name: string;
  /** Grows from row to row. */
  readonly version: number;
  /** The object as it is now; of a deletion, as it was at last. */
  readonly json: string;
}

/** An object on the disk. */
export type ObjectRow = Omit<JournalRow, "type">;

/** A change on the disk. */
export interface ChangeRow extends JournalRow {
  /** The object as it was before. */
  readonly previous: string | null;
}

/** What the disk held when it was opened. */
export interface JournalState {
  /** Of the newest change ever. */
  readonly version: number;
  /** Changes up to this version are gone. */
  readonly compacted: number;
  /** Names this store, for as long as its file lives. */
  readonly uuid: string;
  /** SQLite's `journal_mode`, as it is in force. */
  readonly journalMode: string;
  /** SQLite's `synchronous`, as it is in force: 2 is FULL. */
  readonly synchronous: number;
}

/** Keeps what the store hands it. */
export interface Journal {
  /** What was there when it was opened. */
  readonly state: JournalState;
  /**
   * Makes changes durable, all or none. One call at a time.
   *
   * @param compactTo changes up to this version may go
   * @throws {Error} when the disk refused: nothing was written
   */
  write(rows: readonly JournalRow[], compactTo?: number): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Options of whoever opens a journal. */
export interface JournalReader {
  /** Takes objects, in any order. */
  onObjects: (rows: readonly ObjectRow[]) => void;
  /** Takes changes, oldest first; all objects came before. */
  onChanges: (rows: readonly ChangeRow[]) => void;
}

/** To the worker. */
export type JournalRequest =
  | { type: "open"; path: string }
  | { type: "write"; rows: readonly JournalRow[]; compactTo?: number | undefined }
  | { type: "close" };

/** From the worker; after `open` come rows, then `opened`; every other request has one answer. */
export type JournalAnswer =
  | { type: "objects"; rows: readonly ObjectRow[] }
  | { type: "changes"; rows: readonly ChangeRow[] }
  | { type: "opened"; state: JournalState }
  | { type: "done" }
  | { type: "failed"; message: string };
