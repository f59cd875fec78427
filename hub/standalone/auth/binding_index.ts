/**
 * Finds the bindings of a user without looking at all the others.
 *
 * @module
 */
import { type Binding, subjectKey } from "./rbac_objects.ts";

/** Bindings of one subject in one namespace; sorted by name when they are asked for. */
interface Shelf {
  readonly byName: Map<string, Binding>;
  sorted: readonly Binding[] | undefined;
}

function byName(a: Binding, b: Binding): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Bindings by namespace and subject. */
export class BindingIndex {
  readonly #namespaces = new Map<string, Map<string, Shelf>>();

  /** Takes a binding in; one of that name must be taken out before. */
  add(binding: Binding): void {
    const shelves = this.#namespaces.get(binding.namespace) ?? new Map<string, Shelf>();
    this.#namespaces.set(binding.namespace, shelves);
    for (const subject of binding.subjects) {
      const key = subjectKey(subject, binding.namespace);
      if (key === undefined) continue;
      const shelf = shelves.get(key) ?? { byName: new Map<string, Binding>(), sorted: undefined };
      shelf.byName.set(binding.name, binding);
      shelf.sorted = undefined;
      shelves.set(key, shelf);
    }
  }

  /** Takes a binding out, as it was when it was taken in. */
  remove(binding: Binding): void {
    const shelves = this.#namespaces.get(binding.namespace);
    if (shelves === undefined) return;
    for (const subject of binding.subjects) {
      const key = subjectKey(subject, binding.namespace);
      const shelf = key === undefined ? undefined : shelves.get(key);
      if (key === undefined || shelf === undefined) continue;
      shelf.byName.delete(binding.name);
      shelf.sorted = undefined;
      if (shelf.byName.size === 0) shelves.delete(key);
    }
    if (shelves.size === 0) this.#namespaces.delete(binding.namespace);
  }

  /**
   * Finds what is bound to any of these subjects.
   *
   * @param namespace empty: ClusterRoleBindings
   * @param keys as `subjectKey`
   * @returns each binding once, sorted by name
   */
  find(namespace: string, keys: Iterable<string>): readonly Binding[] {
    const shelves = this.#namespaces.get(namespace);
    if (shelves === undefined) return [];
    const found: (readonly Binding[])[] = [];
    for (const key of keys) {
      const shelf = shelves.get(key);
      if (shelf === undefined) continue;
      shelf.sorted ??= [...shelf.byName.values()].sort(byName);
      found.push(shelf.sorted);
    }
    if (found.length < 2) return found[0] ?? [];
    // Sorted runs: the runtime's sort merges them
    return [...new Set(found.flat())].sort(byName);
  }
}
