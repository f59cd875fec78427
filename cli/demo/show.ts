/**
 * What the demo shows: a command as one would type it, and its output. kubectl runs where it is
 * installed; elsewhere the same request is sent by ourselves, and its table printed.
 *
 * @module
 */
import type { Reached } from "./scene.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";

interface Table {
  columnDefinitions: { name: string; priority?: number }[];
  rows: { cells: unknown[] }[];
}

/** Writes to the terminal. */
export class Show {
  readonly #started = performance.now();
  readonly #write: (text: string) => void;
  /** Where kubectl is, or `undefined`. */
  readonly kubectl: string | undefined;

  /**
   * @param write to standard output
   * @param kubectl its path, where it is installed
   */
  constructor(write: (text: string) => void, kubectl: string | undefined) {
    this.#write = write;
    this.kubectl = kubectl;
  }

  /** A line of narration, with the seconds since the start. */
  say(line: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(5);
    this.#write(`${seconds} s  ${line}\n`);
  }

  /** A command and what it printed. */
  output(command: string, text: string): void {
    const lines = text.trimEnd().split("\n").map((line) => `           ${line}\n`).join("");
    this.#write(`\n         $ ${command}\n${lines}\n`);
  }

  /**
   * `kubectl get`, or the same request.
   *
   * @param args after `get`
   * @param path of the list that `args` mean
   * @param server as shown in the command
   */
  async get(reached: Reached, args: readonly string[], path: string, server = ""): Promise<void> {
    const command = ["kubectl", ...(server === "" ? [] : [`--server=${server}`]), "get", ...args];
    if (this.kubectl === undefined) {
      const response = await reached.client.raw(path, { headers: { Accept: TABLE } });
      this.output(command.join(" "), rendered(await response.json() as Table));
      return;
    }
    const { stdout, stderr } = await new Deno.Command(this.kubectl, {
      args: [
        `--kubeconfig=${reached.kubeconfig}`,
        `--server=${reached.config.server}`,
        "get",
        ...args,
      ],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    this.output(command.join(" "), text.decode(stdout) + text.decode(stderr));
  }
}

/** A server's table, as kubectl prints it. */
function rendered({ columnDefinitions, rows }: Table): string {
  const shown = columnDefinitions.flatMap(({ priority = 0 }, index) => priority > 0 ? [] : [index]);
  const lines = [
    shown.map((index) => columnDefinitions[index]!.name.toUpperCase()),
    ...rows.map(({ cells }) => shown.map((index) => String(cells[index] ?? "<none>"))),
  ];
  const widths = shown.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column]! + 3)).join("").trimEnd()
  ).join("\n");
}
