/**
 * The worker that owns the file: what waits for the disk waits here, not on the main thread.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import type { JournalAnswer, JournalRequest } from "./journal.ts";
import { SqliteJournal } from "./sqlite_journal.ts";

/** Rows go over in messages of about so many characters. */
const CHUNK_CHARS = 1 << 20;

let journal: SqliteJournal | undefined;

function answer(message: JournalAnswer): void {
  self.postMessage(message);
}

function sendRows<T extends { json: string }>(
  rows: Iterable<T>,
  send: (rows: readonly T[]) => void,
): void {
  let chunk: T[] = [];
  let chars = 0;
  for (const row of rows) {
    chunk.push(row);
    chars += row.json.length;
    if (chars < CHUNK_CHARS) continue;
    send(chunk);
    chunk = [];
    chars = 0;
  }
  if (chunk.length > 0) send(chunk);
}

function handle(request: JournalRequest): JournalAnswer {
  if (request.type === "open") {
    const opened = journal = new SqliteJournal(request.path);
    sendRows(opened.objects(), (rows) => answer({ type: "objects", rows }));
    sendRows(opened.changes(), (rows) => answer({ type: "changes", rows }));
    return { type: "opened", state: opened.state };
  }
  if (request.type === "write") journal?.write(request.rows, request.compactTo);
  else journal?.close();
  return { type: "done" };
}

self.onmessage = ({ data }: MessageEvent<JournalRequest>): void => {
  try {
    answer(handle(data));
  } catch (error) {
    answer({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};
