/**
 * Reads JSON as Go's `encoding/json` does: its words for faults, and keys that stand twice are
 * kept beside the value. Does not recurse: depth costs no stack.
 *
 * Source: Go `encoding/json/scanner.go`; sigs.k8s.io/json
 *
 * @module
 */

/** Deeper values are refused, as Go does. */
const MAX_DEPTH = 10_000;
/** Further keys that stand twice are not named. */
const MAX_DUPLICATES = 100;
// deno-lint-ignore no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;
const LITERALS: Readonly<Record<string, readonly [string, unknown]>> = {
  t: ["true", true],
  f: ["false", false],
  n: ["null", null],
};
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** A fault of the text, in Go's words. */
export class JsonSyntaxError extends Error {
  /** Tells it from other errors. */
  override readonly name = "JsonSyntaxError";
}

/** An object's members as they stand, for objects in which a key stands twice. */
export type Members = readonly (readonly [key: string, value: unknown])[];

/** A text, read. */
export interface JsonText {
  /** As `JSON.parse` gives it; of a key that stands twice, the last value. */
  readonly value: unknown;
  /** By the object: all members, where keys stand twice. */
  readonly repeated: ReadonlyMap<object, Members>;
  /** Paths of keys that stand twice, in the order of the text: `metadata.labels.a`, `a[0].b`. */
  readonly duplicates: readonly string[];
}

interface Frame {
  readonly target: unknown[] | Record<string, unknown>;
  key: string;
  members: [string, unknown][] | undefined;
}

/** Sets an own property, `__proto__` too. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else target[key] = value;
}

function quoteChar(char: string): string {
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  if (char > "\u007f") return `'${String.fromCharCode(new TextEncoder().encode(char)[0]!)}'`; // a byte
  return `'${JSON.stringify(char).slice(1, -1).replace(/\\u00([0-9a-f]{2})/, "\\x$1")}'`;
}

class Reader {
  readonly #text: string;
  readonly #repeated = new Map<object, Members>();
  readonly #duplicates = new Set<string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): JsonText {
    const stack: Frame[] = [];
    for (;;) {
      let value = this.#start(stack);
      if (value === undefined) continue; // An object or an array was opened.
      // Puts the value where it belongs, and closes what it ends.
      for (;;) {
        const frame = stack.at(-1);
        if (frame === undefined) {
          this.#space();
          if (this.#at < this.#text.length) this.#fail("after top-level value");
          return {
            value: value.value,
            repeated: this.#repeated,
            duplicates: [...this.#duplicates],
          };
        }
        if (!this.#put(frame, value.value)) {
          this.#note(stack, frame);
          break;
        }
        stack.pop();
        value = { value: frame.target };
      }
    }
  }

  /** Reads a scalar or an empty container, or opens a container. */
  #start(stack: Frame[]): { value: unknown } | undefined {
    this.#space();
    const char = this.#text[this.#at];
    if (char === "{" || char === "[") {
      if (stack.length >= MAX_DEPTH) this.#fail("exceeded max depth");
      this.#at++;
      this.#space();
      const target = char === "{" ? {} : [];
      const frame: Frame = { target, key: "", members: undefined };
      if (this.#text[this.#at] === (char === "{" ? "}" : "]")) {
        this.#at++;
        return { value: target };
      }
      if (char === "{") frame.key = this.#key();
      stack.push(frame);
      return undefined;
    }
    if (char === '"') return { value: this.#string() };
    if (char !== undefined && char in LITERALS) return { value: this.#literal(LITERALS[char]!) };
    if (char === "-" || (char !== undefined && char >= "0" && char <= "9")) {
      return { value: this.#number() };
    }
    return this.#fail("looking for beginning of value");
  }

  /** @returns whether the container ends here */
  #put(frame: Frame, value: unknown): boolean {
    const { target } = frame;
    if (Array.isArray(target)) {
      target.push(value);
      return this.#next("]", "after array element");
    }
    if (frame.members !== undefined) frame.members.push([frame.key, value]);
    else if (Object.hasOwn(target, frame.key)) {
      frame.members = [...Object.entries(target), [frame.key, value]];
      this.#repeated.set(target, frame.members);
    }
    setOwn(target, frame.key, value);
    if (this.#next("}", "after object key:value pair")) return true;
    this.#space();
    frame.key = this.#key();
    return false;
  }

  #note(stack: readonly Frame[], { target, key }: Frame): void {
    if (Array.isArray(target) || !Object.hasOwn(target, key)) return;
    if (this.#duplicates.size >= MAX_DUPLICATES) return;
    const path = stack.map((frame) =>
      Array.isArray(frame.target) ? `[${frame.target.length}]` : `.${frame.key}`
    );
    this.#duplicates.add(path.join("").replace(/^\./, ""));
  }

  #next(close: string, where: string): boolean {
    this.#space();
    const char = this.#text[this.#at];
    if (char !== close && char !== ",") this.#fail(where);
    this.#at++;
    return char === close;
  }

  #key(): string {
    if (this.#text[this.#at] !== '"') this.#fail("looking for beginning of object key string");
    const key = this.#string();
    this.#space();
    if (this.#text[this.#at] !== ":") this.#fail("after object key");
    this.#at++;
    return key;
  }

  #string(): string {
    const start = ++this.#at;
    PLAIN.lastIndex = start;
    PLAIN.test(this.#text);
    this.#at = PLAIN.lastIndex;
    if (this.#text[this.#at] === '"') return this.#text.slice(start, this.#at++).toWellFormed();
    return this.#escaped(start) ?? this.#slowString(start);
  }

  /** A good string with escapes, read natively; `undefined` when there is a fault in it. */
  #escaped(start: number): string | undefined {
    let end = start;
    for (;;) {
      end = this.#text.indexOf('"', end);
      if (end < 0) return undefined;
      let slashes = 0;
      while (this.#text[end - 1 - slashes] === "\\" && end - 1 - slashes >= start) slashes++;
      if (slashes % 2 === 0) break;
      end++;
    }
    try {
      const value = JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
      this.#at = end + 1;
      return value.toWellFormed();
    } catch {
      return undefined;
    }
  }

  /** Piece by piece, to find the fault. */
  #slowString(start: number): string {
    const parts = [this.#text.slice(start, this.#at)];
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '"') break;
      if (char !== "\\") this.#fail("in string literal", true);
      parts.push(this.#escape());
      PLAIN.lastIndex = this.#at;
      PLAIN.test(this.#text);
      parts.push(this.#text.slice(this.#at, PLAIN.lastIndex));
      this.#at = PLAIN.lastIndex;
    }
    this.#at++;
    return parts.join("").toWellFormed(); // Go replaces lone surrogates
  }

  #escape(): string {
    const char = this.#text[++this.#at];
    if (char !== "u") {
      const plain = char === undefined ? undefined : ESCAPES[char];
      if (plain === undefined) this.#fail("in string escape code");
      this.#at++;
      return plain as string;
    }
    this.#at++;
    for (let digit = 0; digit < 4; digit++, this.#at++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? " ")) {
        this.#fail("in \\u hexadecimal character escape");
      }
    }
    return String.fromCharCode(parseInt(this.#text.slice(this.#at - 4, this.#at), 16));
  }

  #literal([word, value]: readonly [string, unknown]): unknown {
    for (let place = 1; place < word.length; place++) {
      this.#at++;
      if (this.#text[this.#at] !== word[place]) {
        this.#fail(`in literal ${word} (expecting '${word[place]}')`);
      }
    }
    this.#at++;
    return value;
  }

  #number(): number {
    const start = this.#at;
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.#text)) {
      this.#at++;
      this.#fail("in numeric literal"); // a minus alone
    }
    this.#at = NUMBER.lastIndex;
    const text = this.#text.slice(start, this.#at);
    const char = this.#text[this.#at];
    if (char === "." && !/[.eE]/.test(text)) {
      this.#at++;
      this.#fail("after decimal point in numeric literal");
    }
    if ((char === "e" || char === "E") && !/[eE]/.test(text)) {
      this.#at += /[+-]/.test(this.#text[this.#at + 1] ?? "") ? 2 : 1;
      this.#fail("in exponent of numeric literal");
    }
    return Number(text);
  }

  #space(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code > 0x20) return;
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  /** Go takes the end for a space, and says so where a space is wrong but more could come. */
  #fail(where: string, inString = false): never {
    const char = this.#text[this.#at];
    const cut = /literal |escape|numeric/.test(where) && !inString;
    if (char === undefined && !cut) throw new JsonSyntaxError("unexpected end of JSON input");
    throw new JsonSyntaxError(`invalid character ${quoteChar(char ?? " ")} ${where}`);
  }
}

/**
 * Reads a JSON text.
 *
 * @throws {JsonSyntaxError} in Go's words: `invalid character 'x' looking for beginning of value`
 */
export function readJson(text: string): JsonText {
  return new Reader(text).read();
}
