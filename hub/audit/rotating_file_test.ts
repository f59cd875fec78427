import assert from "node:assert/strict";
import { join } from "node:path";
import { rotatingFile } from "./rotating_file.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function inDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

Deno.test("rotatingFile() makes a private file and goes on with one that is there", async () => {
  await inDirectory(async (dir) => {
    const path = join(dir, "audit.log");
    for (const text of ["a\n", "b\n"]) {
      const file = rotatingFile({ path, maxBytes: 100, maxBackups: 2, now: () => 0 });
      await file.write(bytes(text));
      await file.close();
    }
    assert.equal(await Deno.readTextFile(path), "a\nb\n");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("rotatingFile() puts a full file aside and keeps the newest few", async () => {
  await inDirectory(async (dir) => {
    const path = join(dir, "audit.log");
    await Deno.writeTextFile(join(dir, "audit-mine.log"), "not ours");
    let now = Date.parse("2026-11-25T16:17:28.100Z");
    const file = rotatingFile({ path, maxBytes: 10, maxBackups: 2, now: () => now++ });
    for (let i = 0; i < 6; i++) await file.write(bytes(`line ${i}\n`));
    await file.close();
    assert.deepEqual(names(dir), [
      "audit-2026-11-25T16-17-28.103.log",
      "audit-2026-11-25T16-17-28.104.log",
      "audit-mine.log",
      "audit.log",
    ]);
    assert.equal(await Deno.readTextFile(path), "line 5\n");
    assert.equal(
      await Deno.readTextFile(join(dir, "audit-2026-11-25T16-17-28.104.log")),
      "line 4\n",
    );
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("rotatingFile() opens the file anew after a failure", async () => {
  await inDirectory(async (dir) => {
    const path = join(dir, "sub", "audit.log");
    const file = rotatingFile({ path, maxBytes: 100, maxBackups: 2, now: () => 0 });
    await assert.rejects(file.write(bytes("a\n")), Deno.errors.NotFound);
    await Deno.mkdir(join(dir, "sub"));
    await file.write(bytes("b\n"));
    await file.close();
    assert.equal(await Deno.readTextFile(path), "b\n");
  });
});
