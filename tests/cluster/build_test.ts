import assert from "node:assert/strict";
import { ensurePrograms } from "./build.ts";
import { TestBedError } from "./errors.ts";
import { PROGRAMS } from "./programs.ts";

async function withCache(work: (cache: string) => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir();
  try {
    await work(cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function fakeGo(dir: string, script: string): Promise<string> {
  const path = `${dir}/go`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

Deno.test("ensurePrograms names the package when there is no Go", async () => {
  await withCache(async (cache) => {
    const build = ensurePrograms({ cache, assets: undefined, go: `${cache}/no-go` });
    await assert.rejects(build, (error: Error) => {
      assert.ok(error instanceof TestBedError);
      assert.match(error.message, /apt-get install golang-go/);
      assert.equal(error.message.includes("\n"), false);
      return true;
    });
  });
});

Deno.test("ensurePrograms says that Go is too old", async () => {
  await withCache(async (cache) => {
    const go = await fakeGo(cache, "echo go version go1.19.8 linux/amd64");
    await assert.rejects(
      ensurePrograms({ cache, assets: undefined, go }),
      /needs Go 1\.26 or newer.*it is 1\.19/,
    );
  });
});

Deno.test("ensurePrograms shows the compiler's words and leaves nothing half-built", async () => {
  await withCache(async (cache) => {
    const go = await fakeGo(
      cache,
      `[ "$1" = version ] && exec echo go version go1.26.0 linux/amd64
       echo "disk full" >&2; exit 1`,
    );
    const lines: string[] = [];
    const progress = (line: string): void => void lines.push(line);
    await assert.rejects(
      ensurePrograms({ cache, assets: undefined, go, progress }),
      /Cannot build etcd[^]*disk full/,
    );
    assert.match(lines.join("\n"), /\[1\/5\] etcd/);
    for await (const entry of Deno.readDir(cache)) {
      if (!entry.isDirectory) continue;
      assert.deepEqual(await Array.fromAsync(Deno.readDir(`${cache}/${entry.name}`)), []);
    }
  });
});

Deno.test("Two builds at once build each program once", async () => {
  await withCache(async (cache) => {
    // Stands in for the compiler: writes down what it built, and makes the file after -o.
    const go = await fakeGo(
      cache,
      `case "$1" in
         version) echo go version go1.26.0 linux/amd64 ;;
         build) while [ "$1" != -o ]; do shift; done
           echo "$3" >> ${cache}/built; sleep 0.05; echo program > "$2" ;;
         list) echo ${cache}/src ;;
       esac`,
    );
    for (const { patches } of PROGRAMS) {
      for (const { file, find } of patches) {
        const path = `${cache}/src/${file}`;
        await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(path, find, { append: true });
      }
    }
    const options = { cache, assets: undefined, go, progress: () => {} };
    const [one, two] = await Promise.all([ensurePrograms(options), ensurePrograms(options)]);
    assert.deepEqual(one, two);
    const built = (await Deno.readTextFile(`${cache}/built`)).trim().split("\n");
    assert.deepEqual(built, PROGRAMS.map((program) => program.package));
    for (const path of Object.values(one)) assert.ok((await Deno.stat(path)).isFile);
  });
});
