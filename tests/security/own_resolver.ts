/**
 * A DNS server of the test's own for one program: `own_resolver.ts <resolv.conf> <deno args>` runs
 * deno in a mount namespace where that file lies over /etc/resolv.conf. It takes root, on Linux.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { fileURLToPath } from "node:url";
import type { ProgramChange } from "../e2e/programs.ts";

/** A loopback address that nothing else listens on: resolv.conf names no port but 53. */
const ADDRESS = "127.97.0.53";
const ENTER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';

/** A name server that gives one address after the other. */
export interface OwnResolver extends AsyncDisposable {
  /** How the program is to be run that asks it. */
  readonly change: ProgramChange;
  /** Names that were asked for, one entry for each question for an IPv4 address. */
  readonly asked: string[];
  /** IPv4 addresses of each name; each answer takes the first off, the last one stays. */
  readonly answers: Map<string, string[]>;
}

/**
 * Starts it.
 *
 * @returns the resolver, or the reason why this machine has no room for one
 */
export async function startOwnResolver(): Promise<OwnResolver | string> {
  if (Deno.build.os !== "linux") return "mount namespaces are Linux's";
  const allowed = await new Deno.Command("unshare", {
    args: ["-m", "sh", "-c", "mount --bind /etc/hosts /etc/resolv.conf"],
  }).output().then(({ success }) => success, () => false);
  if (!allowed) return "no mount namespace may be made here";
  const asked: string[] = [];
  const answers = new Map<string, string[]>();
  const socket = createSocket("udp4");
  socket.on("message", (question, { address, port }) => {
    const reply = answerTo(question, asked, answers);
    if (reply !== undefined) socket.send(reply, port, address);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject).bind(53, ADDRESS, resolve);
    });
  } catch {
    socket.close();
    return `port 53 of ${ADDRESS} may not be bound here`;
  }
  const file = await Deno.makeTempFile({ prefix: "resolv-" });
  await Deno.writeTextFile(file, `nameserver ${ADDRESS}\noptions timeout:2 attempts:2\n`);
  const self = fileURLToPath(import.meta.url);
  return {
    change: { words: (task) => ["run", "-A", "--no-check", self, file, ...task] },
    asked,
    answers,
    async [Symbol.asyncDispose](): Promise<void> {
      await closed(socket);
      await Deno.remove(file);
    },
  };
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

/** Answers a question for an IPv4 address, and has no other record (RFC 1035, section 4.1). */
function answerTo(
  question: Uint8Array,
  asked: string[],
  answers: ReadonlyMap<string, string[]>,
): Uint8Array | undefined {
  const bytes = Buffer.from(question);
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at]; length !== undefined && length > 0; length = bytes[at]) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (bytes.length < end) return undefined;
  const name = labels.join(".").toLowerCase();
  const isA = bytes.readUInt16BE(at + 1) === 1;
  const known = answers.get(name);
  if (isA) asked.push(name);
  const address = isA && known !== undefined ? known.length > 1 ? known.shift() : known[0] : "";
  const head = Buffer.from(bytes.subarray(0, 12));
  head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(address === "" || address === undefined ? 0 : 1, 6);
  head.writeUInt32BE(0, 8);
  const parts = [head, bytes.subarray(12, end)];
  if (address !== "" && address !== undefined) {
    // A pointer to the name, type A, class IN, no caching, four bytes
    parts.push(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]));
    parts.push(Buffer.from(address.split(".").map(Number)));
  }
  return Buffer.concat(parts);
}

if (import.meta.main) {
  const [file, ...args] = Deno.args as [string, ...string[]];
  const { code } = await new Deno.Command("unshare", {
    args: ["-m", "sh", "-c", ENTER, "sh", file, Deno.execPath(), ...args],
  }).spawn().status;
  Deno.exit(code);
}
