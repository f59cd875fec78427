/**
 * Structured logs: a small interface that every room is handed, LogTape behind it.
 *
 * Messages hold no variable content; what varies goes into the properties. Property names that
 * speak of secrets are blanked, whatever their value.
 *
 * @module
 */
import {
  configureSync,
  getLogger,
  getTextFormatter,
  jsonLinesFormatter,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";

/** What a log line may carry beside its message. */
export type LogProperties = Record<string, unknown>;

/** Where a room writes what happened. */
export interface Log {
  /** For the one who looks for a fault. */
  debug(message: string, properties?: LogProperties): void;
  /** State changes. */
  info(message: string, properties?: LogProperties): void;
  /** Something failed and will be tried again, or is refused. */
  warn(message: string, properties?: LogProperties): void;
  /** Something failed that an operator must mend. */
  error(message: string, properties?: LogProperties): void;
  /**
   * Makes a log that says more.
   *
   * @returns a log whose every line carries these properties too
   */
  with(properties: LogProperties): Log;
}

/** Options of {@linkcode createLog}. */
export interface LogOptions {
  /** One JSON object or one readable line each. */
  format: "json" | "text";
  /** Lines below it are dropped. */
  level: "debug" | "info" | "warn" | "error";
  /** `hub`, `agent`, ... */
  component: string;
  /** Takes a line with its newline. @default {writes to standard error} */
  write?: (line: string) => void;
}

const SECRET_NAME = /token|secret|password|authorization|private|credential|cookie/i;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi;
const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g;
const BOOTSTRAP_TOKEN = /\b([a-z0-9]{6})\.[a-z0-9]{16}\b/g;

/**
 * Blanks bearer tokens, JWTs and bootstrap tokens in a text; the last defence, for error texts
 * that come from elsewhere.
 *
 * @returns the text without them
 */
export function redact(text: string): string {
  return text.replace(BEARER, "$1 [redacted]").replace(JWT, "[redacted]")
    .replace(BOOTSTRAP_TOKEN, "$1.[redacted]");
}

/** Objects and lists are looked into so deep, and so far; what lies beyond is left out. */
const MAX_DEPTH = 3;
const MAX_ENTRIES = 100;

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function cleanValue(name: string, value: unknown, depth = 0): unknown {
  const nested = typeof value === "object" && value !== null &&
    (Array.isArray(value) || isPlain(value));
  if (SECRET_NAME.test(name) && (typeof value === "string" || nested)) return "[redacted]";
  if (nested) {
    if (depth >= MAX_DEPTH) return "[left out: too deep]";
    if (Array.isArray(value)) {
      return value.slice(0, MAX_ENTRIES).map((one) => cleanValue("", one, depth + 1));
    }
    return Object.fromEntries(
      Object.entries(value).slice(0, MAX_ENTRIES)
        .map(([key, one]) => [key, cleanValue(key, one, depth + 1)]),
    );
  }
  if (typeof value === "string") return redact(value);
  if (value instanceof Error) {
    const cause = value.cause instanceof Error ? `: ${value.cause.message}` : "";
    return redact(`${value.name}: ${value.message}${cause}`);
  }
  if (typeof value === "bigint") return String(value);
  return value;
}

function clean(properties: LogProperties): LogProperties {
  const cleaned: LogProperties = {};
  for (const [name, value] of Object.entries(properties)) cleaned[name] = cleanValue(name, value);
  return cleaned;
}

class TapeLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(message: string, properties: LogProperties = {}): void {
    this.#logger.debug(message, clean(properties));
  }
  info(message: string, properties: LogProperties = {}): void {
    this.#logger.info(message, clean(properties));
  }
  warn(message: string, properties: LogProperties = {}): void {
    this.#logger.warn(message, clean(properties));
  }
  error(message: string, properties: LogProperties = {}): void {
    this.#logger.error(message, clean(properties));
  }
  with(properties: LogProperties): Log {
    return new TapeLog(this.#logger.with(clean(properties)));
  }
}

/** `message key=value ...` */
function textLine(record: LogRecord): string {
  const pairs = Object.entries(record.properties).map(([name, value]) =>
    ` ${name}=${typeof value === "string" ? JSON.stringify(value) : Deno.inspect(value)}`
  );
  const head = textFormatter({ ...record, properties: {} }).trimEnd();
  return `${head}${pairs.join("").replaceAll("\n", " ")}\n`;
}

const textFormatter = getTextFormatter({ timestamp: "rfc3339", category: "." });
const encoder = new TextEncoder();

/**
 * Sets up logging for this process.
 *
 * @returns the log of `component`
 */
export function createLog(options: LogOptions): Log {
  const write = options.write ?? ((line) => void Deno.stderr.writeSync(encoder.encode(line)));
  const format = options.format === "json" ? jsonLinesFormatter : textLine;
  const lowestLevel = options.level === "warn" ? "warning" : options.level;
  configureSync({
    reset: true,
    sinks: { out: (record) => write(format(record)) },
    loggers: [
      { category: options.component, sinks: ["out"], lowestLevel },
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
    ],
  });
  return new TapeLog(getLogger(options.component));
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug(): void {},
  info(): void {},
  warn(): void {},
  error(): void {},
  with: () => silentLog,
};

/** A line as {@linkcode memoryLog} keeps it. */
export interface MemoryLogLine {
  /** Its level. */
  level: "debug" | "info" | "warn" | "error";
  /** Its message. */
  message: string;
  /** Its properties, cleaned. */
  properties: LogProperties;
}

/**
 * A log for tests.
 *
 * @returns the log, with the lines it was given
 */
export function memoryLog(
  lines: MemoryLogLine[] = [],
  base: LogProperties = {},
): Log & { lines: MemoryLogLine[] } {
  const keep = (level: MemoryLogLine["level"]) => (message: string, properties = {}): void => {
    lines.push({ level, message, properties: clean({ ...base, ...properties }) });
  };
  return {
    lines,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
    with: (properties) => memoryLog(lines, { ...base, ...properties }),
  };
}
