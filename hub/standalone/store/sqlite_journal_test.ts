import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { JournalRow } from "./journal.ts";
import { SqliteJournal } from "./sqlite_journal.ts";

function withFile(test: (path: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    test(`${directory}/store.db`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function row(version: number, type: JournalRow["type"], name = "a", filler = 0): JournalRow {
  const json = JSON.stringify({
    metadata: { name, resourceVersion: String(version) },
    data: "x".repeat(filler),
  });
  return { type, resource: "configmaps", namespace: "n", name, version, json };
}

function edit(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

Deno.test("SqliteJournal runs with WAL and synchronous=FULL, in a file of its owner's alone", () => {
  withFile((path) => {
    for (let round = 0; round < 2; round++) {
      const journal = new SqliteJournal(path);
      assert.equal(journal.state.journalMode, "wal");
      assert.equal(journal.state.synchronous, 2);
      journal.write([row(round + 2, round === 0 ? "ADDED" : "MODIFIED")]);
      for (const file of [path, `${path}-wal`]) {
        assert.equal(Deno.statSync(file).mode! & 0o777, 0o600, file);
      }
      journal.close();
    }
  });
});

Deno.test("SqliteJournal gives back objects, changes with what was before, and its name", () => {
  withFile((path) => {
    const first = new SqliteJournal(path);
    assert.deepEqual([first.state.version, first.state.compacted], [1, 1]);
    const rows = [
      row(2, "ADDED"),
      row(3, "ADDED", "b"),
      row(5, "MODIFIED"),
      row(6, "DELETED", "b"),
    ];
    first.write(rows.slice(0, 2));
    first.write(rows.slice(2));
    first.close();
    const second = new SqliteJournal(path);
    assert.equal(second.state.uuid, first.state.uuid);
    assert.equal(second.state.version, 6);
    const { type: _, ...object } = rows[2]!;
    assert.deepEqual([...second.objects()], [object]);
    const previous = [null, null, rows[0]!.json, rows[1]!.json];
    assert.deepEqual([...second.changes()], rows.map((r, i) => ({ ...r, previous: previous[i] })));
    second.write([], 6);
    second.close();
    const third = new SqliteJournal(path);
    assert.deepEqual([third.state.version, third.state.compacted], [6, 6]);
    assert.deepEqual([...third.changes()], []);
    third.close();
  });
});

Deno.test("SqliteJournal writes all or nothing when the disk is full, and goes on afterwards", () => {
  withFile((path) => {
    const journal = new SqliteJournal(path, 40);
    journal.write([row(2, "ADDED")]);
    assert.throws(
      () => journal.write([row(3, "ADDED", "b"), row(4, "ADDED", "c", 1_000_000)]),
      /disk is full/,
    );
    assert.deepEqual([...journal.objects()].map(({ name }) => name), ["a"]);
    assert.equal([...journal.changes()].length, 1);
    journal.write([row(5, "DELETED")]);
    assert.deepEqual([...journal.objects()], []);
    journal.close();
  });
});

Deno.test("SqliteJournal refuses a file that somebody has open", () => {
  withFile((path) => {
    const journal = new SqliteJournal(path);
    const { stdout } = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { SqliteJournal } from ${
          JSON.stringify(import.meta.resolve("./sqlite_journal.ts"))
        };
         try { new SqliteJournal(${
          JSON.stringify(path)
        }); } catch (error) { console.log(error.message); }`,
      ],
    }).outputSync();
    assert.equal(
      new TextDecoder().decode(stdout).trim(),
      `Cannot open the store "${path}": another process has it open. Stop the other hub, or give ` +
        "this one a data directory of its own",
    );
    journal.close();
    new SqliteJournal(path).close();
  });
});

Deno.test("SqliteJournal refuses a file that is not a store, and leaves it as it is", () => {
  withFile((path) => {
    Deno.writeTextFileSync(path, "no database at all, but long enough to look at it twice\n");
    assert.throws(() => new SqliteJournal(path), /it is not a store of this hub. Move the file/);
  });
  withFile((path) => {
    edit(path, "CREATE TABLE meta (a)");
    const before = Deno.readFileSync(path);
    assert.throws(() => new SqliteJournal(path), /it is not a store of this hub/);
    assert.deepEqual(Deno.readFileSync(path), before);
  });
  withFile((path) => {
    assert.throws(() => new SqliteJournal(`${path}/missing`), /Cannot make the store ".*missing"/);
  });
});

Deno.test("SqliteJournal refuses a newer layout", () => {
  withFile((path) => {
    new SqliteJournal(path).close();
    edit(path, "UPDATE meta SET value = 2 WHERE key = 'schema'");
    assert.throws(() => new SqliteJournal(path), /has layout 2, and this program knows layouts up/);
  });
});
