/**
 * Values with a text form of their own, read and written as Go does: base64, times, quantities.
 *
 * @module
 */

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** The last four characters, no stray bits in them. */
const BASE64_END = /^(?:[^=]{4}|[^=]{2}[AEIMQUYcgkosw048]=|[^=][AQgw]==)?$/;
const ALPHABET = /[A-Za-z0-9+/]/;
const QUANTITY = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$/;
const TEN: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const REFUSED =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** What a value's own reader says; ends the reading, whatever else is wrong. */
export class GoValueError extends Error {
  /** Tells it from other errors. */
  override readonly name = "GoValueError";
}

/** Where Go finds the fault; -1: none. Source: Go `encoding/base64` `decodeQuantum`. */
function corruptAt(text: string): number {
  const newline = (at: number): boolean => text[at] === "\n" || text[at] === "\r";
  let at = 0;
  for (;;) {
    for (let place = 0; place < 4; place++) {
      while (newline(at)) at++;
      if (at === text.length) return place === 0 ? -1 : at - place;
      const char = text[at++]!;
      if (ALPHABET.test(char)) continue;
      if (char !== "=" || place < 2) return at - 1;
      if (place === 2) {
        while (newline(at)) at++;
        if (at === text.length) return at;
        if (text[at] !== "=") return at - 1;
        at++;
      }
      while (newline(at)) at++;
      return at < text.length ? at : -1;
    }
  }
}

/**
 * Base64 as Go writes it: no line breaks, no stray bits.
 *
 * @throws {Error} `illegal base64 data at input byte 4`
 */
export function canonicalBase64(text: string): string {
  if (text.length % 4 === 0 && BASE64.test(text) && BASE64_END.test(text.slice(-4))) return text;
  const at = corruptAt(text);
  if (at >= 0) throw new Error(`illegal base64 data at input byte ${at}`);
  return btoa(atob(text.replace(/[\r\n]/g, "")));
}

/** Reads along a layout, and says where it went wrong. */
class TimeReader {
  readonly #whole: string;
  readonly #layout: string;
  #rest: string;

  constructor(whole: string, layout: string) {
    this.#whole = whole;
    this.#layout = layout;
    this.#rest = whole;
  }

  get rest(): string {
    return this.#rest;
  }

  take(pattern: RegExp, element: string): string {
    const match = pattern.exec(this.#rest);
    if (match === null) this.#fail(`cannot parse ${JSON.stringify(this.#rest)} as "${element}"`);
    this.#rest = this.#rest.slice(match![0].length);
    return match![0];
  }

  number(pattern: RegExp, element: string, low: number, high: number, name: string): number {
    const value = Number(this.take(pattern, element));
    if (value < low || value > high) this.outOfRange(name);
    return value;
  }

  outOfRange(name: string): never {
    throw new GoValueError(`parsing time ${JSON.stringify(this.#whole)}: ${name} out of range`);
  }

  end(): void {
    if (this.#rest === "") return;
    throw new GoValueError(
      `parsing time ${JSON.stringify(this.#whole)}: extra text: ${JSON.stringify(this.#rest)}`,
    );
  }

  #fail(why: string): never {
    throw new GoValueError(
      `parsing time ${JSON.stringify(this.#whole)} as "${this.#layout}": ${why}`,
    );
  }
}

/**
 * A time as Go writes it: UTC; whole seconds, or exactly six digits of them.
 *
 * @throws {GoValueError} `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse ...`
 */
export function canonicalTime(text: string, micro: boolean): string {
  const reader = new TimeReader(text, `2006-01-02T15:04:05${micro ? ".000000" : ""}Z07:00`);
  const year = Number(reader.take(/^\d{4}/, "2006"));
  reader.take(/^-/, "-");
  const month = reader.number(/^\d\d/, "01", 1, 12, "month");
  reader.take(/^-/, "-");
  const day = reader.number(/^\d\d/, "02", 0, 31, "day");
  reader.take(/^T/, "T");
  const hour = reader.number(/^\d\d/, "15", 0, 23, "hour");
  reader.take(/^:/, ":");
  const minute = reader.number(/^\d\d/, "04", 0, 59, "minute");
  reader.take(/^:/, ":");
  const second = reader.number(/^\d\d/, "05", 0, 59, "second");
  let fraction = "";
  if (micro) fraction = reader.take(/^[.,]\d{6}(?!\d)/, ".000000").replace(",", ".");
  else if (/^[.,]\d/.test(reader.rest)) reader.take(/^[.,]\d+/, ".");
  const zone = reader.take(/^(?:Z|[+-]\d\d:\d\d)/, "Z07:00");
  if (day < 1 || day > new Date(Date.UTC(2000 + year % 400, month, 0)).getUTCDate()) {
    reader.outOfRange("day");
  }
  reader.end();
  const sign = zone.startsWith("-") ? -1 : 1;
  const offset = zone === "Z" ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute - offset, second);
  return `${date.toISOString().slice(0, -5)}${fraction}Z`;
}

/** A quantity in parts: `digits * 10^scale`, and the suffixes it is written with. */
function parseQuantity(
  text: string,
): { value: bigint; scale: number; format: "binary" | "decimal" | "exponent" } | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", part = "", suffix = ""] = match;
  if (whole === "" && part === "") return undefined;
  let value = BigInt(`${whole}${part}` || "0") * (sign === "-" ? -1n : 1n);
  const scale = -part.length;
  const binary = BINARY.indexOf(suffix);
  if (suffix !== "" && binary > 0) {
    value *= 1024n ** BigInt(binary);
    return { value, scale, format: "binary" };
  }
  if (/^[eE]./.test(suffix)) {
    const exponent = Number(suffix.slice(1));
    if (Math.abs(exponent) > 100) return undefined;
    return { value, scale: scale + exponent, format: "exponent" };
  }
  return { value, scale: scale + (TEN[suffix] ?? 0), format: "decimal" };
}

/**
 * A quantity in its canonical form: no fraction, the largest suffix that keeps the value.
 *
 * Source: k8s.io/apimachinery `pkg/api/resource/quantity.go`
 *
 * @throws {GoValueError} when it is not a quantity
 */
export function canonicalQuantity(text: string): string {
  const parsed = text.length > 200 ? undefined : parseQuantity(text);
  if (parsed === undefined) throw new GoValueError(REFUSED);
  let { value, scale, format } = parsed;
  if (value === 0n) return "0";
  // Nothing is finer than a nano: rounded up, away from zero.
  for (; scale < -9; scale++) {
    const up = value % 10n === 0n ? 0n : value > 0n ? 1n : -1n;
    value = value / 10n + up;
  }
  if (format === "binary") {
    const divisor = scale < 0 ? 10n ** BigInt(-scale) : 1n;
    const large = scale > 0 ? value * 10n ** BigInt(scale) : value;
    const whole = large % divisor === 0n ? large / divisor : undefined;
    if (whole !== undefined && (whole >= 1024n || whole <= -1024n)) {
      let left = whole;
      let place = 0;
      for (; left % 1024n === 0n && place < 6; place++) left /= 1024n;
      return `${left}${BINARY[place]}`;
    }
    format = "decimal"; // As Go: less than 1024, or a fraction.
  }
  while (value % 10n === 0n) {
    value /= 10n;
    scale++;
  }
  while (scale % 3 !== 0 || (format === "decimal" && scale > 18)) {
    value *= 10n;
    scale--;
  }
  if (format === "exponent") return scale === 0 ? `${value}` : `${value}e${scale}`;
  return `${value}${DECIMAL[scale / 3 + 3]}`;
}

/** Whether a quantity in its canonical form is less than zero. */
export function isNegativeQuantity(text: string): boolean {
  return text.startsWith("-");
}
