/**
 * Kubernetes quantities (`250m`, `16Gi`, `110`), added exactly.
 *
 * Grammar and canonical form are those of `k8s.io/apimachinery/pkg/api/resource`, whose smallest
 * unit is a billionth: a sum is a `bigint` of billionths, so nothing is ever rounded on the way.
 *
 * @module
 */

/** How a quantity was written, and is to be written. */
export type QuantityFormat = "binary" | "decimal" | "exponent";

/** A number of billionths with the form it came in. */
export interface Quantity {
  nano: bigint;
  format: QuantityFormat;
}

const NANO = 1_000_000_000n;
const QUANTITY =
  /^([+-]?)(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?$/;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/**
 * Reads a quantity.
 *
 * @param text as an API server writes it
 * @returns the quantity; what is finer than a billionth is rounded away from zero, as Kubernetes
 * does
 * @throws {RangeError} when it is none
 *
 * @example
 * ```ts
 * import { parseQuantity } from "./quantity.ts";
 * if (parseQuantity("250m").nano !== 250_000_000n) throw new Error();
 * ```
 */
export function parseQuantity(text: string): Quantity {
  const match = text.length <= 64 ? QUANTITY.exec(text) : null;
  const [, sign, whole = "", fraction = "", suffix, exponent] = match ?? [];
  if (match === null || whole + fraction === "") {
    throw new RangeError(`Cannot read quantity ${JSON.stringify(text.slice(0, 64))}`);
  }
  const digits = BigInt(whole + fraction);
  let numerator = digits * NANO;
  let denominator = 10n ** BigInt(fraction.length);
  let format: QuantityFormat = "decimal";
  if (exponent !== undefined) {
    format = "exponent";
    const power = 10n ** BigInt(Math.abs(Number(exponent)));
    if (Number(exponent) < 0) denominator *= power;
    else numerator *= power;
  } else if (suffix !== undefined && suffix.endsWith("i")) {
    format = "binary";
    numerator *= 1024n ** BigInt(BINARY.indexOf(suffix));
  } else if (suffix !== undefined) {
    const power = DECIMAL.indexOf(suffix) - 3;
    if (power < 0) denominator *= 1000n ** BigInt(-power);
    else numerator *= 1000n ** BigInt(power);
  }
  const nano = (numerator + denominator - 1n) / denominator;
  return { nano: sign === "-" ? -nano : nano, format };
}

/**
 * Writes a quantity in canonical form: no fraction, and the largest suffix that fits.
 *
 * @returns for example `1500m`, `32Gi`, `220`
 */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return "0";
  const sign = nano < 0n ? "-" : "";
  let rest = nano < 0n ? -nano : nano;
  // A binary suffix cannot say a part of a byte: such a sum is written in decimal, exactly
  if (format === "binary" && rest >= 1024n * NANO && rest % NANO === 0n) {
    rest /= NANO;
    let at = 0;
    while (at < BINARY.length - 1 && rest % 1024n === 0n) {
      rest /= 1024n;
      at++;
    }
    return `${sign}${rest}${BINARY[at]}`;
  }
  let at = 0;
  while (at < DECIMAL.length - 1 && rest % 1000n === 0n) {
    rest /= 1000n;
    at++;
  }
  if (format !== "exponent") return `${sign}${rest}${DECIMAL[at]}`;
  return `${sign}${rest}${at === 3 ? "" : `e${(at - 3) * 3}`}`;
}

/**
 * Adds two quantities.
 *
 * @returns the exact sum, in the form of the first that is not zero, as Kubernetes does
 */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** Sums of named quantities, such as the capacity of all nodes. */
export class ResourceSums {
  readonly #sums = new Map<string, Quantity>();

  /**
   * Adds one list. A quantity that cannot be read is left out: one odd node must not hide all
   * others.
   */
  add(resources: Readonly<Record<string, string>> = {}): void {
    for (const [name, text] of Object.entries(resources)) {
      try {
        const quantity = parseQuantity(String(text));
        const sum = this.#sums.get(name);
        this.#sums.set(name, sum === undefined ? quantity : addQuantities(sum, quantity));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }

  /** @returns the sums, by name in order */
  totals(): Record<string, string> {
    return Object.fromEntries(
      [...this.#sums].sort(([a], [b]) => a < b ? -1 : 1)
        .map(([name, sum]) => [name, formatQuantity(sum)]),
    );
  }
}
