/**
 * The part of JSONPath that printer columns use: `.a.b`, `['a']`, `[0]`, `[*]` and
 * `[?(@.a=="b")]`.
 *
 * Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/
 *
 * @module
 */

/** Finds values in an object; empty when there are none. */
export type JsonPath = (object: unknown) => unknown[];

type Step = (value: unknown) => unknown[];

const STEP =
  /^(?:\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\[\?\(@((?:\.[A-Za-z_][\w-]*)+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\])/;

function child(value: unknown, key: string): unknown[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.hasOwn(value, key) ? [(value as Record<string, unknown>)[key]] : [];
}

function childOf(key: string): Step {
  return (value) => child(value, key);
}

function filter(path: string, wanted: string): Step {
  const keys = path.slice(1).split(".");
  return (value) =>
    !Array.isArray(value) ? [] : value.filter((item) => {
      let found: unknown[] = [item];
      for (const key of keys) found = found.flatMap((one) => child(one, key));
      return found[0] === wanted;
    });
}

/**
 * Compiles a path, with or without the braces around it.
 *
 * @throws {Error} when it uses more than is supported
 */
export function compileJsonPath(text: string): JsonPath {
  let rest = text.replace(/^\{(.*)\}$/, "$1");
  const steps: Step[] = [];
  while (rest !== "") {
    const found = STEP.exec(rest);
    if (found === null) {
      throw new Error(`Cannot use JSONPath ${JSON.stringify(text)}: ${JSON.stringify(rest)}`);
    }
    const [whole, key, index, all, quotedKey, path, double, single] = found;
    const name = key ?? quotedKey;
    if (name !== undefined) steps.push(childOf(name));
    else if (index !== undefined) {
      steps.push((value) =>
        Array.isArray(value) && Number(index) < value.length ? [value[Number(index)]] : []
      );
    } else if (all !== undefined) steps.push((value) => Array.isArray(value) ? value : []);
    else steps.push(filter(path!, double ?? single!));
    rest = rest.slice(whole.length);
  }
  return (object) => {
    let found: unknown[] = [object];
    for (const step of steps) found = found.flatMap(step);
    return found;
  };
}
