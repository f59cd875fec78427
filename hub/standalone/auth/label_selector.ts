/**
 * Label selectors of objects, as in an aggregation rule.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/helpers.go`
 *
 * @module
 */

/** Tells whether labels are chosen. */
export type LabelMatcher = (labels: Readonly<Record<string, string>>) => boolean;

function expression(value: unknown): LabelMatcher {
  const { key, operator, values } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const wanted = Array.isArray(values) ? values : [];
  const name = typeof key === "string" ? key : "";
  switch (operator) {
    case "In":
      return (labels) => Object.hasOwn(labels, name) && wanted.includes(labels[name]);
    case "NotIn":
      return (labels) => !Object.hasOwn(labels, name) || !wanted.includes(labels[name]);
    case "Exists":
      return (labels) => Object.hasOwn(labels, name);
    case "DoesNotExist":
      return (labels) => !Object.hasOwn(labels, name);
    default:
      // Of an object that was never validated: chooses nothing
      return () => false;
  }
}

/**
 * Reads a `metav1.LabelSelector`.
 *
 * @returns a matcher; an empty selector chooses all, what is no selector chooses none
 */
export function labelMatcher(selector: unknown): LabelMatcher {
  if (typeof selector !== "object" || selector === null) return () => false;
  const { matchLabels, matchExpressions } = selector as Readonly<Record<string, unknown>>;
  const pairs = Object.entries((matchLabels ?? {}) as Readonly<Record<string, unknown>>);
  const all = (Array.isArray(matchExpressions) ? matchExpressions : []).map(expression);
  return (labels) =>
    pairs.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    all.every((matches) => matches(labels));
}
