/**
 * Label selectors, with the refusals of the real parser.
 *
 * Source: k8s.io/apimachinery `pkg/labels/selector.go`
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import { labelKeyFaults, labelValueFaults, quoted } from "./label_syntax.ts";

/** Tells whether an object with these labels is meant. */
export type LabelMatch = (labels: Readonly<Record<string, string>>) => boolean;

type Operator = "in" | "notin" | "=" | "==" | "!=" | ">" | "<";

interface Token {
  readonly type: "end" | "word" | Operator | "!" | "(" | ")" | ",";
  readonly text: string;
}

const SPECIAL = new Set(["=", "!", "(", ")", ",", ">", "<"]);
const TWO = new Set(["==", "!="]);
const SPACE = new Set([" ", "\t", "\r", "\n"]);
const OPERATORS: ReadonlySet<string> = new Set(["in", "notin", "=", "==", "!=", ">", "<"]);
const KNOWN_OPERATORS = "in, notin, =, ==, !=, gt, lt";
const INTEGER = /^[+-]?\d+$/;
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const first = text[at]!;
    if (SPACE.has(first)) {
      at++;
    } else if (SPECIAL.has(first)) {
      const two = text.slice(at, at + 2);
      const symbol = TWO.has(two) ? two : first;
      tokens.push({ type: symbol as Token["type"], text: symbol });
      at += symbol.length;
    } else {
      let end = at + 1;
      while (end < text.length && !SPECIAL.has(text[end]!) && !SPACE.has(text[end]!)) end++;
      const word = text.slice(at, end);
      tokens.push({ type: word === "in" || word === "notin" ? word : "word", text: word });
      at = end;
    }
  }
  return tokens;
}

/** What is wrong with a requirement; becomes `unable to parse requirement: ...`. */
class RequirementFault extends Error {}

function integer(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ""));
  return value < INT64.min || value > INT64.max ? undefined : value;
}

class Parser {
  readonly #tokens: Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  /** The next token; `in` and `notin` are words where a key or a value may stand. */
  #peek(): Token {
    const token = this.#tokens[this.#at] ?? { type: "end", text: "" };
    return token.type === "in" || token.type === "notin"
      ? { type: "word", text: token.text }
      : token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  parse(): LabelMatch[] {
    const matches: LabelMatch[] = [];
    for (;;) {
      const { type, text } = this.#peek();
      if (type === "end") return matches;
      if (type !== "word" && type !== "!") {
        throw badRequest(`found '${text}', expected: !, identifier, or 'end of string'`);
      }
      matches.push(this.#requirement());
      const after = this.#take();
      if (after.type === "end") return matches;
      if (after.type !== ",") {
        throw badRequest(`found '${after.text}', expected: ',' or 'end of string'`);
      }
      const next = this.#peek();
      if (next.type !== "word" && next.type !== "!") {
        throw badRequest(`found '${next.text}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): LabelMatch {
    let key = this.#take();
    const negated = key.type === "!";
    if (negated) key = this.#take();
    if (key.type !== "word") {
      throw new RequirementFault(`found '${key.text}', expected: identifier`);
    }
    const label = key.text;
    const faults = labelKeyFaults(label);
    if (faults.length > 0) {
      throw new RequirementFault(`<nil>: Invalid value: ${quoted(label)}: ${faults.join("; ")}`);
    }
    if (negated) return (labels) => !Object.hasOwn(labels, label);
    const { type } = this.#peek();
    if (type === "end" || type === ",") return (labels) => Object.hasOwn(labels, label);
    const operator = this.#tokens[this.#at++]!;
    if (!OPERATORS.has(operator.type)) {
      throw new RequirementFault(`found '${operator.text}', expected: ${KNOWN_OPERATORS}`);
    }
    const many = operator.type === "in" || operator.type === "notin";
    const values = many ? this.#values() : this.#value();
    return requirement(label, operator.type as Operator, values);
  }

  #values(): Set<string> {
    const open = this.#take();
    if (open.type !== "(") throw new RequirementFault(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.type === ")") {
      this.#take();
      return new Set([""]);
    }
    if (first.type !== "word" && first.type !== ",") {
      throw new RequirementFault(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values = new Set<string>();
    for (;;) {
      const { type, text } = this.#take();
      const next = this.#peek();
      if (type === "word") {
        values.add(text);
        if (next.type === ")") break;
        if (next.type !== ",") {
          throw new RequirementFault(`found '${next.text}', expected: ',' or ')'`);
        }
      } else if (type === ",") {
        if (values.size === 0) values.add("");
        if (next.type === ")") {
          values.add("");
          break;
        }
        if (next.type === ",") {
          this.#take();
          values.add("");
        }
      } else {
        throw new RequirementFault(`found '${text}', expected: ',', or identifier`);
      }
    }
    this.#take();
    return values;
  }

  #value(): Set<string> {
    const next = this.#peek();
    if (next.type === "end" || next.type === ",") return new Set([""]);
    const { type, text } = this.#take();
    if (type !== "word") throw new RequirementFault(`found '${text}', expected: identifier`);
    return new Set([text]);
  }
}

function requirement(label: string, operator: Operator, set: Set<string>): LabelMatch {
  const values = [...set].sort();
  if (operator === ">" || operator === "<") {
    const bound = integer(values[0]!);
    if (bound === undefined) {
      throw new RequirementFault(
        `values[0]: Invalid value: ${quoted(values[0]!)}: ` +
          "for 'Gt', 'Lt' operators, the value must be an integer",
      );
    }
    return (labels) => {
      const value = Object.hasOwn(labels, label) ? integer(labels[label]!) : undefined;
      return value !== undefined && (operator === ">" ? value > bound : value < bound);
    };
  }
  const faults = values.flatMap((value, i) => {
    const found = labelValueFaults(value);
    return found.length === 0
      ? []
      : [`values[${i}][${label}]: Invalid value: ${quoted(value)}: ${found.join("; ")}`];
  });
  if (faults.length > 0) {
    throw new RequirementFault(faults.length === 1 ? faults[0]! : `[${faults.join(", ")}]`);
  }
  const positive = operator === "in" || operator === "=" || operator === "==";
  return (labels) => {
    if (!Object.hasOwn(labels, label)) return !positive;
    return set.has(labels[label]!) === positive;
  };
}

/**
 * Parses a selector such as `app=x,tier in (a,b),!old`.
 *
 * @returns `undefined` when it is empty, which matches everything
 * @throws {StatusError} 400 in kube-apiserver's words
 */
export function parseLabelSelector(text: string): LabelMatch | undefined {
  try {
    const all = new Parser(text).parse();
    return all.length === 0 ? undefined : (labels) => all.every((match) => match(labels));
  } catch (error) {
    if (!(error instanceof RequirementFault)) throw error;
    throw badRequest(`unable to parse requirement: ${error.message}`);
  }
}
