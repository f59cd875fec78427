import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { openDataDir, writePrivate } from "./data_dir.ts";

async function inTempDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("openDataDir() makes a directory for this user alone and keeps its key", () =>
  inTempDir(async (temp) => {
    const path = join(temp, "deep", "data");
    const first = await openDataDir(path);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o700);
    assert.equal((await Deno.stat(join(path, "service-account.key"))).mode! & 0o777, 0o600);
    assert.match(first.signingKeyPem, /BEGIN PRIVATE KEY/);
    assert.equal((await openDataDir(path)).signingKeyPem, first.signingKeyPem);
  }));

Deno.test("openDataDir() closes a directory that others could read", () =>
  inTempDir(async (temp) => {
    await Deno.chmod(temp, 0o755);
    await openDataDir(temp);
    assert.equal((await Deno.stat(temp)).mode! & 0o777, 0o700);
  }));

Deno.test("openDataDir() names the flag when the directory cannot be used", () =>
  inTempDir(async (temp) => {
    const file = join(temp, "file");
    await Deno.writeTextFile(file, "");
    await assert.rejects(openDataDir(file), /Cannot use --data-dir .*file/);
  }));

Deno.test("writePrivate() replaces a file whole and leaves nothing behind", () =>
  inTempDir(async (temp) => {
    const path = join(temp, "secret");
    await writePrivate(path, "one");
    await writePrivate(path, "two");
    assert.equal(await Deno.readTextFile(path), "two");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(temp))).map(({ name }) => name), [
      "secret",
    ]);
    await assert.rejects(writePrivate(join(temp, "none", "secret"), "x"));
  }));

Deno.test("openDataDir() answers with absolute paths, which are printed for other terminals", () =>
  inTempDir(async (temp) => {
    const { path, kubeconfig } = await openDataDir(relative(Deno.cwd(), temp));
    assert.equal(path, temp);
    assert.equal(kubeconfig, join(temp, "admin.kubeconfig"));
  }));
