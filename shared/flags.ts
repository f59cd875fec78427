/**
 * Value parsers for command line flags, over `commander`; each throws commander's
 * `InvalidArgumentError`, which commander prints with the flag's name.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";

const DURATION =
  /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;

/**
 * Reads a duration as Go writes it: `1h30m`, `45s`, `250ms`.
 *
 * @returns milliseconds
 * @throws {InvalidArgumentError} for anything else, and for zero
 */
export function duration(text: string): number {
  const match = text === "" ? null : DURATION.exec(text);
  if (match === null) throw new InvalidArgumentError('Want a duration such as "3m" or "1h30m".');
  const [hours, minutes, seconds, millis] = match.slice(1).map((part) => Number(part ?? 0));
  const total = hours! * 3_600_000 + minutes! * 60_000 + seconds! * 1000 + millis!;
  if (total <= 0) throw new InvalidArgumentError("Want a duration above zero.");
  return total;
}

/**
 * Makes a parser of whole numbers within bounds.
 *
 * @returns the parser
 */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Want a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/**
 * Reads a boolean flag value, as Go's `--flag=false`.
 *
 * @returns the value; `true` when the flag stands alone
 */
export function boolean(text: string): boolean {
  if (/^(true|1|t)$/i.test(text)) return true;
  if (/^(false|0|f)$/i.test(text)) return false;
  throw new InvalidArgumentError('Want "true" or "false".');
}

/**
 * Makes a parser of one of some words.
 *
 * @returns the parser
 */
export function oneOf<const T extends string>(...words: T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new InvalidArgumentError(`Want one of: ${words.join(", ")}.`);
    return word;
  };
}

/**
 * Reads an absolute http or https URL, without user info, query or fragment.
 *
 * @returns the URL without a trailing slash
 */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('Want a URL such as "https://192.168.10.10:6443".');
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError("Want a URL without user, password, query and fragment.");
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * As {@linkcode serverUrl}, https alone.
 *
 * @returns the URL without a trailing slash
 */
export function httpsUrl(text: string): string {
  const url = serverUrl(text);
  if (!url.startsWith("https:")) throw new InvalidArgumentError('Want "https://".');
  return url;
}

/** An address to listen on. */
export interface ListenAddress {
  /** Name or address. */
  hostname: string;
  /** 0 means a free one. */
  port: number;
}

/**
 * Reads `host:port`; `:port` means every address.
 *
 * @returns host and port; port 0 means a free one
 */
export function listenAddress(text: string): ListenAddress {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s/]*):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) {
    throw new InvalidArgumentError('Want host:port, such as "127.0.0.1:8080" or ":8080".');
  }
  const hostname = match[1]!.replace(/^\[|\]$/g, "");
  return { hostname: hostname === "" ? "0.0.0.0" : hostname, port: Number(match[2]) };
}

/**
 * A collector for a flag that may be repeated or given with commas.
 *
 * @returns all values so far
 */
export function repeated(text: string, previous: string[] = []): string[] {
  return [...previous, ...text.split(",").map((part) => part.trim()).filter((part) => part !== "")];
}

/**
 * Reads `key=value,key2=value2`, and may be repeated.
 *
 * @returns all pairs so far
 */
export function keyValues(
  text: string,
  previous: Record<string, string> = {},
): Record<string, string> {
  const pairs = { ...previous };
  for (const part of text.split(",").filter((candidate) => candidate.trim() !== "")) {
    const equals = part.indexOf("=");
    if (equals < 1) throw new InvalidArgumentError('Want key=value pairs, such as "site=berlin".');
    pairs[part.slice(0, equals).trim()] = part.slice(equals + 1).trim();
  }
  return pairs;
}

/**
 * Reads klog's `-v=4` and `--v=4`, as the original's manifests write it, as `--verbosity=4`.
 *
 * @param word of the command line
 * @returns the word for `commander`
 */
export function verbosityWord(word: string): string {
  const match = /^--?v(=.*)?$/.exec(word);
  return match === null ? word : `--verbosity${match[1] ?? ""}`;
}

/**
 * Reads the original's `--feature-gates`: only `SocketConnection` concerns the core, and it
 * cannot be off.
 *
 * @returns the text as it was
 */
export function featureGates(text: string): string {
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const [name, value] = pair.split("=");
    if (name !== "SocketConnection") {
      throw new InvalidArgumentError(`Unknown gate "${name}"; the one known is SocketConnection.`);
    }
    if (!boolean(value ?? "")) {
      throw new InvalidArgumentError(
        "SocketConnection cannot be off: the tunnel is what this program is for.",
      );
    }
  }
  return text;
}

/**
 * Declares a duration flag whose help shows its default as one writes it.
 *
 * @param flag with its dashes, without its value
 * @param byDefault as `3m`
 * @returns the option, for `Command.addOption`
 */
export function durationOption(flag: string, description: string, byDefault: string): Option {
  return new Option(`${flag} <duration>`, description).argParser(duration)
    .default(duration(byDefault), byDefault);
}
