/**
 * All objects, by resource, with an index of owners.
 *
 * @module
 */
import { ResourceTable } from "./resource_table.ts";
import type { Change, Stored } from "./types.ts";

function placeOf({ resource, namespace, name }: Stored): string {
  return `${resource}/${namespace}/${name}`;
}

/** What is visible. */
export class Memory {
  readonly #tables = new Map<string, ResourceTable>();
  readonly #byOwner = new Map<string, Map<string, Stored>>();

  /**
   * Takes over all objects, in any order.
   *
   * @param objects what the disk holds
   */
  fill(objects: readonly Stored[]): void {
    for (const [resource, all] of Map.groupBy(objects, (object) => object.resource)) {
      this.table(resource).fill(all);
    }
    for (const object of objects) this.#own(object);
  }

  /** The objects of one resource. */
  table(resource: string): ResourceTable {
    let table = this.#tables.get(resource);
    if (table === undefined) this.#tables.set(resource, table = new ResourceTable());
    return table;
  }

  /** The object, or `undefined`. */
  get(resource: string, namespace: string, name: string): Stored | undefined {
    return this.#tables.get(resource)?.get({ namespace, name });
  }

  /** Objects with this owner, whatever their kind. */
  ownedBy(uid: string): readonly Stored[] {
    return [...this.#byOwner.get(uid)?.values() ?? []];
  }

  /** Objects of a namespace, whatever their kind. */
  inNamespace(namespace: string): readonly Stored[] {
    return [...this.#tables.values()].flatMap((table) => table.inNamespace(namespace));
  }

  /** Makes a change. */
  apply(change: Change): void {
    const { type, object, previous } = change;
    this.table(object.resource).apply(change);
    if (previous !== undefined) this.#disown(previous);
    if (type !== "DELETED") this.#own(object);
  }

  #own(object: Stored): void {
    for (const uid of object.owners) {
      let owned = this.#byOwner.get(uid);
      if (owned === undefined) this.#byOwner.set(uid, owned = new Map());
      owned.set(placeOf(object), object);
    }
  }

  #disown(object: Stored): void {
    for (const uid of object.owners) {
      const owned = this.#byOwner.get(uid);
      owned?.delete(placeOf(object));
      if (owned?.size === 0) this.#byOwner.delete(uid);
    }
  }
}
