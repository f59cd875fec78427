/**
 * Unknown and repeated fields, as sigs.k8s.io/json gathers them.
 *
 * @module
 */

/** More are not told. */
const MAX = 100;

/** What a strict decoder refuses; no message twice. */
export class StrictErrors {
  readonly #messages = new Set<string>();

  /** In the order of the text. */
  get messages(): readonly string[] {
    return [...this.#messages];
  }

  /** A field that the type does not have. */
  unknown(path: string, key: string): void {
    this.#add("unknown", path, key);
  }

  /** A key that stands twice. */
  duplicate(path: string, key: string): void {
    this.#add("duplicate", path, key);
  }

  /** A message of another reader. */
  add(message: string): void {
    if (this.#messages.size < MAX) this.#messages.add(message);
  }

  #add(what: string, path: string, key: string): void {
    this.add(`${what} field ${JSON.stringify(path === "" ? key : `${path}.${key}`)}`);
  }
}
