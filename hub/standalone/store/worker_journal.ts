/**
 * The main thread's side of the worker that owns the file.
 *
 * @module
 */
import type { Log } from "../../../shared/log.ts";
import type {
  Journal,
  JournalAnswer,
  JournalReader,
  JournalRequest,
  JournalState,
} from "./journal.ts";

/** A disk that needs longer is taken for dead, in milliseconds. */
const ANSWER_MS = 60_000;

/** Options of {@linkcode openWorkerJournal}. */
export interface WorkerJournalOptions extends JournalReader {
  /** The file. */
  path: string;
  /** Told when the worker dies. */
  log: Log;
  /** What the worker runs. @default {journal_worker.ts} */
  script?: URL;
}

class WorkerJournal implements Journal {
  readonly #worker: Worker;
  readonly #options: WorkerJournalOptions;
  #waiting: PromiseWithResolvers<JournalAnswer> | undefined;
  #dead: Error | undefined;
  #closed: Promise<void> | undefined;
  state!: JournalState;

  constructor(options: WorkerJournalOptions) {
    this.#options = options;
    const { script = new URL("./journal_worker.ts", import.meta.url) } = options;
    this.#worker = new Worker(script, { type: "module", name: "store" });
    this.#worker.onmessage = ({ data }: MessageEvent<JournalAnswer>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // Or it ends the process
      this.#die(event.message);
    };
    this.#worker.onmessageerror = () => this.#die("a message could not be read");
  }

  async open(): Promise<void> {
    const answer = await this.#ask({ type: "open", path: this.#options.path });
    if (answer.type === "opened") this.state = answer.state;
  }

  async write(rows: Parameters<Journal["write"]>[0], compactTo?: number): Promise<void> {
    await this.#ask({ type: "write", rows, compactTo });
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      if (this.#dead === undefined) await this.#ask({ type: "close" });
    } finally {
      this.kill(new Error("Cannot write: the store is closed"));
    }
  }

  /** Ends the worker, whatever it does; every call from now on fails. */
  kill(why: Error): void {
    this.#dead ??= why;
    this.#worker.terminate();
    this.#waiting?.reject(this.#dead);
    this.#waiting = undefined;
  }

  #die(why: string): void {
    if (this.#dead !== undefined) return;
    const { log, path } = this.#options;
    log.error("The store's worker died; no write succeeds until the hub is restarted", {
      path,
      why,
    });
    this.kill(new Error(`Cannot write: the store's worker died (${why}). Restart the hub`));
  }

  async #ask(request: JournalRequest): Promise<JournalAnswer> {
    if (this.#dead !== undefined) throw this.#dead;
    if (this.#waiting !== undefined) throw new TypeError("Cannot ask the worker twice at once");
    const { promise } = this.#waiting = Promise.withResolvers<JournalAnswer>();
    // Whether it was written cannot be known then, so nothing more may be built on it
    const timer = setTimeout(
      () => this.#die(`the disk did not answer within ${ANSWER_MS / 1000} s`),
      ANSWER_MS,
    );
    try {
      this.#worker.postMessage(request);
      const answer = await promise;
      if (answer.type === "failed") throw new Error(answer.message);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #take(answer: JournalAnswer): void {
    if (answer.type === "objects") return this.#read(() => this.#options.onObjects(answer.rows));
    if (answer.type === "changes") return this.#read(() => this.#options.onChanges(answer.rows));
    this.#waiting?.resolve(answer);
  }

  #read(take: () => void): void {
    try {
      take();
    } catch (error) {
      // Such as JSON that somebody edited
      this.#waiting?.reject(error);
    }
  }
}

/**
 * Opens a file in a worker of its own.
 *
 * @param options takes what the file holds, before this resolves
 * @returns the journal
 * @throws {Error} when the file cannot be opened, is another process's or not ours
 */
export async function openWorkerJournal(options: WorkerJournalOptions): Promise<Journal> {
  const journal = new WorkerJournal(options);
  try {
    await journal.open();
    return journal;
  } catch (error) {
    journal.kill(new Error("Cannot write: the store did not open"));
    throw error;
  }
}
