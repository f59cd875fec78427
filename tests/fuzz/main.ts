/**
 * `deno task fuzz [frames|paths|headers|hello|all] [--minutes N] [--seed S]`: looks for inputs on
 * which something does not hold. The seed is printed; with it a run makes the same inputs. What is
 * found is written into the corpus, and the exit code is 1.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { keepFailure } from "./corpus.ts";
import { CASE_MS } from "./run.ts";
import type { FuzzTarget } from "./target.ts";
import { targets } from "./targets.ts";
import { type Report, SHARED_HEAD_BYTES, type Task } from "./worker.ts";

const USAGE = "usage: deno task fuzz [frames|paths|headers|hello|all] [--minutes N] [--seed S]\n";

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Watches a worker; one that makes no step for twice a case's time has found a hang. */
function watch(worker: Worker, task: Task, maxBytes: number): Promise<Report> {
  const head = new Int32Array(task.shared, 0, 2);
  const done = Promise.withResolvers<Report>();
  const start = performance.now();
  let last = -1;
  let since = start;
  const timer = setInterval(() => {
    const count = Atomics.load(head, 0);
    const now = performance.now();
    if (count !== last) [last, since] = [count, now];
    if (now - since < 2 * CASE_MS) return;
    const length = Math.min(Atomics.load(head, 1), maxBytes);
    const input = new Uint8Array(task.shared, SHARED_HEAD_BYTES, length).slice();
    const finding = { input, index: count, error: "The case never came back" };
    done.resolve({ cases: count, ms: now - start, slowestMs: now - since, finding });
  }, 1_000);
  worker.onmessage = ({ data }: MessageEvent<Report>) => done.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    done.reject(new Error(`The worker failed: ${event.message}`));
  };
  return done.promise.finally(() => {
    clearInterval(timer);
    worker.terminate();
  });
}

/** @returns whether nothing was found */
async function fuzzOne(target: FuzzTarget, seed: number, ms: number): Promise<boolean> {
  say(`${target.name}: seed ${seed}, ${ms / 60_000} min\n`);
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const shared = new SharedArrayBuffer(SHARED_HEAD_BYTES + 1024 * 1024);
  const task: Task = { target: target.name, seed, ms, shared };
  worker.postMessage(task);
  const { cases, ms: took, slowestMs, finding } = await watch(worker, task, 1024 * 1024);
  const rate = Math.round(cases / took * 1000);
  say(
    `${target.name}: ${cases} cases, ${rate} a second, the slowest ${Math.round(slowestMs)} ms\n`,
  );
  if (finding === undefined) return true;
  const { input, index, name, error } = finding;
  const file = name === undefined
    ? await keepFailure(target.name, { seed, index, input })
    : `corpus/${target.name}/${name}`;
  say(`${target.name}: FOUND with seed ${seed}, case ${index}, kept as ${file}\n${error}\n`);
  return false;
}

async function main(args: string[]): Promise<number> {
  let chosen: readonly FuzzTarget[];
  let minutes: number;
  let seed: number;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { minutes: { type: "string" }, seed: { type: "string" } },
    });
    const [name = "all", ...more] = positionals;
    chosen = targets.filter((target) => name === "all" || target.name === name);
    minutes = Number(values.minutes ?? "1");
    seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    if (chosen.length === 0 || more.length > 0 || !(minutes > 0) || !Number.isSafeInteger(seed)) {
      throw new Error("cannot read the arguments");
    }
  } catch (error) {
    say(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  let clean = true;
  for (const target of chosen) clean = await fuzzOne(target, seed, minutes * 60_000) && clean;
  return clean ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
