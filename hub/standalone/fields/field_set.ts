/**
 * Sets of fields, as trees of path elements. No operation changes its operands, so results share
 * what they have in common.
 *
 * Source: sigs.k8s.io/structured-merge-diff `fieldpath/set.go`
 *
 * @module
 */
import { type Path, type PathElement, sortElements } from "./path_element.ts";

/** A set of fields. */
export class FieldSet {
  /** Fields right here that belong to the set. */
  readonly members: Set<PathElement> = new Set<PathElement>();
  /** What belongs to the set below fields; that they stand here does not make them members. */
  readonly children: Map<PathElement, FieldSet> = new Map<PathElement, FieldSet>();

  /** A set of these paths. */
  static of(...paths: Path[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  /** Adds a path while the set is being built. The root, the empty path, is nobody's. */
  insert(path: Path): void {
    // deno-lint-ignore no-this-alias -- walks down from here
    let set: FieldSet = this;
    for (let i = 0; i < path.length - 1; i++) set = set.#descend(path[i] as PathElement);
    const last = path.at(-1);
    if (last !== undefined) set.members.add(last);
  }

  #descend(element: PathElement): FieldSet {
    let child = this.children.get(element);
    if (child === undefined) this.children.set(element, child = new FieldSet());
    return child;
  }

  /** Whether nothing is in it. */
  get empty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.empty) return false;
    return true;
  }

  /** Whether the path is in it. */
  has(path: Path): boolean {
    // deno-lint-ignore no-this-alias -- walks down from here
    let set: FieldSet | undefined = this;
    for (let i = 0; i < path.length - 1; i++) set = set?.children.get(path[i] as PathElement);
    const last = path.at(-1);
    return last !== undefined && set !== undefined && set.members.has(last);
  }

  /** What is in one of the two. */
  union(other: FieldSet): FieldSet {
    if (other.members.size === 0 && other.children.size === 0) return this;
    if (this.members.size === 0 && this.children.size === 0) return other;
    const result = new FieldSet();
    for (const element of this.members) result.members.add(element);
    for (const element of other.members) result.members.add(element);
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      result.children.set(element, theirs === undefined ? child : child.union(theirs));
    }
    for (const [element, child] of other.children) {
      if (!this.children.has(element)) result.children.set(element, child);
    }
    return result;
  }

  /** What is in both. */
  intersection(other: FieldSet): FieldSet {
    const result = new FieldSet();
    for (const element of this.members) {
      if (other.members.has(element)) result.members.add(element);
    }
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (theirs !== undefined) result.#keep(element, child.intersection(theirs));
    }
    return result;
  }

  /** What is here and not there. A field that is there does not take those below it along. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, false);
  }

  /** What is here and not there; a field that is there takes all below it along. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, true);
  }

  #without(other: FieldSet, recursive: boolean): FieldSet {
    if (!this.#meets(other, recursive)) return this;
    const result = new FieldSet();
    for (const element of this.members) {
      if (!other.members.has(element)) result.members.add(element);
    }
    for (const [element, child] of this.children) {
      if (recursive && other.members.has(element)) continue;
      const theirs = other.children.get(element);
      result.#keep(element, theirs === undefined ? child : child.#without(theirs, recursive));
    }
    return result;
  }

  /** Whether the other set takes anything away from this one. */
  #meets(other: FieldSet, recursive: boolean): boolean {
    for (const element of other.members) {
      if (this.members.has(element) || recursive && this.children.has(element)) return true;
    }
    for (const [element, theirs] of other.children) {
      const child = this.children.get(element);
      if (child !== undefined && child.#meets(theirs, recursive)) return true;
    }
    return false;
  }

  #keep(element: PathElement, child: FieldSet): void {
    if (!child.empty) this.children.set(element, child);
  }

  /** All paths: at each level the members, then what lies below, both sorted. */
  *paths(prefix: Path = []): Generator<Path> {
    for (const element of sortElements(this.members)) yield [...prefix, element];
    for (const element of sortElements(this.children.keys())) {
      const child = this.children.get(element);
      if (child !== undefined) yield* child.paths([...prefix, element]);
    }
  }
}
