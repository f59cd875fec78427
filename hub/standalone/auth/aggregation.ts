/**
 * Fills the rules of aggregated ClusterRoles from the roles that their selectors choose.
 *
 * Source: k8s.io/kubernetes
 * `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`
 *
 * @module
 */
import { Backoff, delay } from "../../../shared/backoff.ts";
import type { Log } from "../../../shared/log.ts";
import type { ApiObject, Change, Store, Stored } from "../store/types.ts";
import { type LabelMatcher, labelMatcher } from "./label_selector.ts";
import { CLUSTER_ROLES, parseRole } from "./rbac_objects.ts";
import { parseRules, type PolicyRule, ruleJson } from "./rbac_rules.ts";

const MANAGER = "clusterrole-aggregation-controller";

/** What it needs of the writer. */
export interface RoleWriter {
  /** Reads the newest, changes it, writes; `undefined` from `change` leaves it. */
  update(
    stored: Stored,
    change: (object: ApiObject) => ApiObject | undefined,
    o?: { fieldManager?: string },
  ): Promise<unknown>;
}

/** Options of {@linkcode startRoleAggregation}. */
export interface RoleAggregationOptions {
  /** Where the roles are. */
  store: Store;
  /** Writes them. */
  writer: RoleWriter;
  log: Log;
  /** Ends it. */
  signal: AbortSignal;
}

function selectorsOf(json: string): readonly LabelMatcher[] | undefined {
  // Most roles are not aggregated: those are not parsed
  if (!json.includes('"aggregationRule"')) return undefined;
  const { aggregationRule } = JSON.parse(json) as { aggregationRule?: unknown };
  if (typeof aggregationRule !== "object" || aggregationRule === null) return undefined;
  const { clusterRoleSelectors } = aggregationRule as { clusterRoleSelectors?: unknown };
  return Array.isArray(clusterRoleSelectors) ? clusterRoleSelectors.map(labelMatcher) : [];
}

function keyOf(rule: PolicyRule): string {
  return JSON.stringify(ruleJson(rule));
}

/**
 * Computes the rules of an aggregated role.
 *
 * @param role the aggregated one; never a source of its own rules
 * @param roles all ClusterRoles, sorted by name
 * @returns each rule once, in the order of selectors, then names
 */
export function aggregatedRules(role: Stored, roles: readonly Stored[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const matches of selectorsOf(role.json) ?? []) {
    for (const source of roles) {
      if (source.name === role.name || !matches(source.labels)) continue;
      for (const rule of parseRole(source)) {
        const key = keyOf(rule);
        if (!rules.has(key)) rules.set(key, rule);
      }
    }
  }
  return [...rules.values()];
}

function sameRules(a: readonly PolicyRule[], b: readonly PolicyRule[]): boolean {
  return a.length === b.length && a.every((rule, index) => keyOf(rule) === keyOf(b[index] ?? rule));
}

/** Aggregated roles and those of them that must be looked at. */
class Pending {
  readonly #selectors = new Map<string, readonly LabelMatcher[]>();
  readonly #due = new Set<string>();
  #wake: (() => void) | undefined;

  /** Takes in a change of any ClusterRole. */
  note(type: Change["type"], role: Stored, previous?: Stored): void {
    const selectors = type === "DELETED" ? undefined : selectorsOf(role.json);
    if (selectors === undefined) {
      this.#selectors.delete(role.name);
    } else {
      this.#selectors.set(role.name, selectors);
      this.#due.add(role.name);
    }
    for (const [name, matchers] of this.#selectors) {
      const chosen = matchers.some((matches) =>
        matches(role.labels) || (previous !== undefined && matches(previous.labels))
      );
      if (chosen) this.#due.add(name);
    }
    if (this.#due.size > 0) this.#wake?.();
  }

  /** Looks at a role once more. */
  again(name: string): void {
    if (this.#selectors.has(name)) this.#due.add(name);
  }

  /** Takes what is due. */
  take(): string[] {
    const due = [...this.#due].sort();
    this.#due.clear();
    return due;
  }

  /** Resolves when something is due, or when the signal fires. */
  async some(signal: AbortSignal): Promise<void> {
    if (this.#due.size > 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    this.#wake = undefined;
  }
}

/**
 * Keeps `rules` of aggregated ClusterRoles right until the signal fires. A write that fails is
 * tried again.
 *
 * @returns `done` resolves when it has ended
 */
export function startRoleAggregation(
  { store, writer, log, signal }: RoleAggregationOptions,
): { done: Promise<void> } {
  const pending = new Pending();
  const unsubscribe = store.subscribe(({ type, object, previous }) => {
    if (object.resource === CLUSTER_ROLES) pending.note(type, object, previous);
  });
  for (const role of store.list(CLUSTER_ROLES).objects) pending.note("ADDED", role);

  async function sync(name: string): Promise<void> {
    const role = store.get(CLUSTER_ROLES, "", name);
    if (role === undefined) return;
    const rules = aggregatedRules(role, store.list(CLUSTER_ROLES).objects);
    if (sameRules(rules, parseRole(role))) return;
    await writer.update(role, (object) => {
      if (!object.aggregationRule || sameRules(rules, parseRules(object.rules))) return undefined;
      return { ...object, rules: rules.length === 0 ? null : rules.map(ruleJson) };
    }, { fieldManager: MANAGER });
  }

  async function run(): Promise<void> {
    const backoff = new Backoff({ baseMs: 200, maxMs: 5_000, random: () => 1 });
    while (!signal.aborted) {
      await pending.some(signal);
      let failed = false;
      for (const name of pending.take()) {
        if (signal.aborted) return;
        try {
          await sync(name);
        } catch (error) {
          failed = true;
          pending.again(name);
          log.warn("Cannot aggregate a ClusterRole; will try again", { name, error });
        }
      }
      if (failed) await delay(backoff.next(), signal).catch(() => {});
      else backoff.reset();
    }
  }

  return { done: run().finally(unsubscribe) };
}
