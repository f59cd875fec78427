/**
 * What must never be seen where it does not belong, and the search for it.
 *
 * @module
 */

/** Shorter texts would be found by chance. */
const MIN_CHARS = 12;

/** Every secret that a suite made or took, by what it is. */
export class SecretLedger {
  readonly #needles = new Map<string, string>();

  /** Secrets known so far. */
  get size(): number {
    return this.#needles.size;
  }

  /**
   * Notes a secret and the forms in which it would leak: as it is, base64, of a JWT its signature,
   * of a bootstrap token its secret half, of PEM each full line of its key, of a JWK its private part.
   *
   * @param what for the report, such as `agent token`
   * @returns the value
   */
  add(what: string, value: string): string {
    for (const form of formsOf(value)) {
      if (form.length >= MIN_CHARS) this.#needles.set(form, what);
    }
    return value;
  }

  /**
   * Searches texts.
   *
   * @param places each text by the name of the place that it was found in
   * @returns one sentence for each find, without the secret itself
   */
  find(places: Readonly<Record<string, string>>): string[] {
    const found: string[] = [];
    for (const [place, text] of Object.entries(places)) {
      for (const [needle, what] of this.#needles) {
        if (text.includes(needle)) found.push(`${place} holds the ${what}`);
      }
    }
    return [...new Set(found)];
  }
}

function formsOf(value: string): string[] {
  if (value.includes("-----BEGIN ")) {
    return value.split("\n").filter((line) => line.length === 64 && !line.includes("-----"));
  }
  const jwk = /"d":\s*"([^"]+)"/.exec(value)?.[1];
  return [value, btoa(value), ...(jwk === undefined ? value.split(".").slice(1) : [jwk])];
}
