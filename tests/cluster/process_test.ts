import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { ProcessError } from "./errors.ts";
import { ManagedProcess, type ProcessOptions } from "./process.ts";
import { processIdentity, startTimeOfStat } from "./process_info.ts";
import { killRecorded, own, recordedProcesses, sweep } from "./stale.ts";
import { Warden } from "./warden.ts";

async function inDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function shell(dir: string, script: string, more: Partial<ProcessOptions> = {}): ManagedProcess {
  return new ManagedProcess({ name: "sh", command: "/bin/sh", args: ["-c", script], dir, ...more });
}

async function gone(pid: number): Promise<boolean> {
  for (let i = 0; i < 100; i++) {
    if (await processIdentity(pid) === undefined) return true;
    await delay(20);
  }
  return false;
}

Deno.test("startTimeOfStat reads behind the name, whatever that holds", () => {
  const rest = Array.from({ length: 30 }, (_, index) => String(index + 4)).join(" ");
  assert.equal(startTimeOfStat(`12 (a) b (c)) S ${rest}`), "22");
  assert.equal(startTimeOfStat(`12 (sh) Z ${rest}`), undefined);
});

Deno.test("ManagedProcess runs the program itself, with its output in the log", async () => {
  await inDir(async (dir) => {
    await using process = shell(dir, "echo out; echo err >&2; exec sleep 100");
    await process.start();
    assert.equal((await recordedProcesses(dir))[0]!.pid, process.pid);
    for (let i = 0; i < 100 && !(await process.log()).includes("err"); i++) await delay(20);
    assert.equal(await process.log(), "out\nerr\n");
    assert.ok(await process.rssBytes() > 0);
    assert.ok(await process.openFiles() >= 3);
    assert.equal((await process.stop())?.signal, "SIGTERM");
    assert.equal(process.running, false);
    assert.deepEqual(await recordedProcesses(dir), []);
  });
});

Deno.test("ManagedProcess is killed when SIGTERM does not end it", async () => {
  await inDir(async (dir) => {
    await using process = shell(dir, "trap '' TERM; echo up; while :; do sleep 0.1; done", {
      ready: async () => (await Deno.readTextFile(`${dir}/sh.log`)).includes("up"),
    });
    await process.start();
    assert.equal((await process.stop(200))?.signal, "SIGKILL");
  });
});

Deno.test("ManagedProcess stops with SIGSTOP, goes on, and starts again after kill -9", async () => {
  await inDir(async (dir) => {
    const ticks = `${dir}/ticks`;
    const count = async (): Promise<number> =>
      (await Deno.readTextFile(ticks).catch(() => "")).length;
    await using process = shell(dir, `while :; do printf x >>${ticks}; sleep 0.02; done`, {
      ready: async () => await count() > 0,
    });
    await process.start();
    process.pause();
    await delay(100);
    const paused = await count();
    await delay(200);
    assert.equal(await count(), paused);
    process.resume();
    for (let i = 0; i < 100 && await count() === paused; i++) await delay(20);
    assert.ok(await count() > paused);
    const { pid } = process;
    await process.kill9();
    await process.start();
    assert.notEqual(process.pid, pid);
  });
});

Deno.test("ManagedProcess shows the log of a program that ends too early", async () => {
  await inDir(async (dir) => {
    const process = shell(dir, "echo bind: address already in use; exit 3", {
      ready: () => Promise.resolve(false),
    });
    await assert.rejects(process.start(), (error: Error) => {
      assert.ok(error instanceof ProcessError);
      assert.match(error.message, /sh ended with code 3 before it was ready.*already in use/s);
      assert.equal(error.portTaken, true);
      return true;
    });
  });
});

Deno.test("ManagedProcess kills a program that is not ready in time", async () => {
  await inDir(async (dir) => {
    const process = shell(dir, "sleep 100", {
      ready: () => Promise.resolve(false),
      readyTimeoutMs: 100,
    });
    await assert.rejects(process.start(), /sh was not ready after 0.1 s/);
    assert.equal(process.running, false);
  });
});

Deno.test("Warden kills what it watches, and what that started, when its owner is killed", async () => {
  await inDir(async (dir) => {
    const script = `
      import { ManagedProcess } from ${JSON.stringify(import.meta.resolve("./process.ts"))};
      import { Warden } from ${JSON.stringify(import.meta.resolve("./warden.ts"))};
      const process = new ManagedProcess({
        name: "sh", command: "/bin/sh", dir: ${JSON.stringify(dir)}, warden: Warden.start(),
        args: ["-c", "sleep 100 & echo $! > ${dir}/grandchild; wait"],
      });
      await process.start();
      await new Promise((resolve) => setTimeout(resolve, 100_000));
    `;
    await Deno.writeTextFile(`${dir}/owner.ts`, script);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const owner = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `--config=${config}`, `${dir}/owner.ts`],
      stdin: "null",
    }).spawn();
    const grandchild = async (): Promise<number> =>
      Number(await Deno.readTextFile(`${dir}/grandchild`).catch(() => ""));
    const recorded = async (): Promise<boolean> => (await recordedProcesses(dir)).length > 0;
    for (let i = 0; i < 500 && !(await grandchild() && await recorded()); i++) await delay(20);
    const [record] = await recordedProcesses(dir);
    assert.ok(record);
    owner.kill("SIGKILL");
    await owner.status;
    assert.ok(await gone(record.pid));
    assert.ok(await gone(await grandchild()));
  });
});

Deno.test("Warden leaves alone what it was told to forget", async () => {
  await inDir(async (dir) => {
    await using process = shell(dir, "exec sleep 100");
    await process.start();
    const warden = Warden.start();
    await warden.watch(1_999_999);
    await warden.watch(process.pid);
    await warden.forget(process.pid);
    await warden[Symbol.asyncDispose]();
    assert.equal(await process.alive(), true);
  });
});

Deno.test("killRecorded kills what a dead owner left, and nothing with a used-again pid", async () => {
  await inDir(async (dir) => {
    await using process = shell(dir, "exec sleep 100");
    await process.start();
    const record = await Deno.readTextFile(`${dir}/sh.pid`);
    await Deno.writeTextFile(
      `${dir}/sh.pid`,
      JSON.stringify({ ...JSON.parse(record), identity: "an earlier one" }),
    );
    assert.deepEqual(await killRecorded(dir), []);
    assert.equal(await process.alive(), true);
    await Deno.writeTextFile(`${dir}/sh.pid`, record);
    assert.deepEqual((await killRecorded(dir)).map(({ pid }) => pid), [process.pid]);
    assert.equal((await process.exited).signal, "SIGKILL");
  });
});

Deno.test("sweep removes directories whose owner is dead, and no others", async () => {
  await inDir(async (root) => {
    for (const name of ["alive", "dead", "new"]) await Deno.mkdir(`${root}/${name}`);
    using _alive = await own(`${root}/alive`);
    (await own(`${root}/dead`)).close();
    await using left = shell(`${root}/dead`, "exec sleep 100");
    await left.start();
    assert.deepEqual(await sweep(root), [`${root}/dead`]);
    assert.equal((await left.exited).signal, "SIGKILL");
    const rest = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    assert.deepEqual(rest.sort(), ["alive", "new"]);
    assert.deepEqual(await sweep(`${root}/missing`), []);
  });
});
