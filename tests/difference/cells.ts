/**
 * The cells that every stored kind has: each verb in each situation.
 *
 * @module
 */
import { resourcePath } from "../../shared/kube/resources.ts";
import { type Answer, type Cell, type Situation, SITUATIONS, type Step } from "./cell.ts";
import { type Fixture, FIXTURES, type Json, merged, NAMESPACE, objectOf } from "./fixtures.ts";

/** Bound to nothing: RBAC refuses it everything. */
const STRANGER = "mallory";
const PATCHES = {
  "patch-json": "application/json-patch+json",
  "patch-merge": "application/merge-patch+json",
  "patch-strategic": "application/strategic-merge-patch+json",
  "apply": "application/apply-patch+yaml",
} as const;
type PatchVerb = keyof typeof PATCHES;

/** Verbs of every stored kind. */
export const VERBS = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  ...Object.keys(PATCHES) as PatchVerb[],
  "delete",
  "deletecollection",
] as const;
/** See {@linkcode VERBS}. */
export type CellVerb = typeof VERBS[number];

/** The cells of a kind with a counter of their own for names. */
class KindCells {
  #index = 0;

  constructor(readonly fixture: Fixture) {}

  #path(name?: string, subresource?: string, namespace = NAMESPACE): string {
    const { ref } = this.fixture;
    return resourcePath(ref, {
      ...(ref.namespaced ? { namespace } : {}),
      ...(name === undefined ? {} : { name }),
      ...(subresource === undefined ? {} : { subresource }),
    });
  }

  #object(index: number, labels?: Json): Json {
    return objectOf(this.fixture, index, labels);
  }

  #create(index: number, labels?: Json): Step {
    return { method: "POST", path: this.#path(), body: this.#object(index, labels) };
  }

  #cleanup(index: number): Step {
    return {
      method: "DELETE",
      path: this.#path(this.fixture.name(index)),
      body: { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" },
      cleanup: true,
    };
  }

  /** The cell, or the reason why there is no such situation. */
  make(verb: CellVerb, situation: Situation): Cell | string {
    const index = ++this.#index;
    const id = `${verb}/${this.fixture.ref.plural}/${situation}`;
    const made = verb === "get"
      ? this.#get(situation, index)
      : verb === "list"
      ? this.#list(situation, index)
      : verb === "watch"
      ? this.#watch(situation, index)
      : verb === "create"
      ? this.#creation(situation, index)
      : verb === "update"
      ? this.#update(situation, index)
      : verb === "delete"
      ? this.#deletion(situation, index)
      : verb === "deletecollection"
      ? this.#deleteCollection(situation, index)
      : this.#patch(verb, situation, index);
    if (typeof made === "string") return made;
    return { id, ...made, cleanup: [this.#cleanup(index)] };
  }

  #get(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const path = this.#path(this.fixture.name(index));
    const request: Step = { method: "GET", path };
    switch (situation) {
      case "happy":
        return { setup: [this.#create(index)], request };
      case "missing":
        return { setup: [], request };
      case "conflict":
        return "a read conflicts with nothing";
      case "invalid":
        return {
          setup: [this.#create(index)],
          request: { ...request, path: `${path}?resourceVersion=abc` },
        };
      case "forbidden":
        return { setup: [this.#create(index)], request: { ...request, as: STRANGER } };
    }
  }

  #list(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const labels = { cell: `list-${index}` };
    const path = `${this.#path()}?labelSelector=cell%3D${labels.cell}`;
    const setup = [this.#create(index, labels)];
    switch (situation) {
      case "happy":
        return { setup, request: { method: "GET", path } };
      case "missing":
        return { setup: [], request: { method: "GET", path } };
      case "conflict":
        return {
          setup,
          request: { method: "GET", path: `${path}&resourceVersionMatch=Exact` },
        };
      case "invalid":
        return {
          setup,
          request: { method: "GET", path: `${this.#path()}?labelSelector=a%20b%20c` },
        };
      case "forbidden":
        return { setup, request: { method: "GET", path, as: STRANGER } };
    }
  }

  #watch(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const labels = { cell: `watch-${index}` };
    const selected = `${this.#path()}?labelSelector=cell%3D${labels.cell}`;
    const watching = `${selected}&watch=true&timeoutSeconds=1`;
    const from = (path: string) => (seen: readonly Answer[]): string =>
      `${path}&resourceVersion=${seen[0]!.body.metadata.resourceVersion}`;
    const changes: Step[] = [
      { method: "GET", path: selected },
      this.#create(index, labels),
      this.#merge(index, this.fixture.change),
      this.#cleanup(index),
    ];
    switch (situation) {
      case "happy":
        return { setup: changes, request: { method: "GET", path: from(watching) } };
      case "missing":
        return { setup: [changes[0]!], request: { method: "GET", path: from(watching) } };
      case "conflict":
        return "how far back history reaches is each server's own; hub/standalone/reads tests the 410";
      case "invalid":
        return {
          setup: [],
          request: { method: "GET", path: `${this.#path()}?watch=true&fieldSelector=nonsense%3D1` },
        };
      case "forbidden":
        return { setup: [], request: { method: "GET", path: watching, as: STRANGER } };
    }
  }

  #creation(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const request = this.#create(index, { cell: "create" });
    switch (situation) {
      case "happy":
        return { setup: [], request };
      case "missing": {
        if (this.fixture.ref.namespaced) {
          const path = this.#path(undefined, undefined, "no-such-namespace");
          const body = this.#object(index);
          const { namespace: _, ...metadata } = body.metadata;
          return { setup: [], request: { method: "POST", path, body: { ...body, metadata } } };
        }
        const { name: _, ...metadata } = this.#object(index).metadata;
        return { setup: [], request: { ...request, body: { ...this.#object(index), metadata } } };
      }
      case "conflict":
        return { setup: [request], request };
      case "invalid":
        return {
          setup: [],
          request: { ...request, body: merged(this.#object(index), this.fixture.invalid) },
        };
      case "forbidden":
        return { setup: [], request: { ...request, as: STRANGER } };
    }
  }

  #update(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const path = this.#path(this.fixture.name(index));
    const put = (change: Json, versioned = true): Step => ({
      method: "PUT",
      path,
      body: (seen: readonly Answer[]) => {
        const base = versioned ? seen[0]!.body : this.#object(index);
        return merged(base, change);
      },
    });
    const setup = [this.#create(index)];
    switch (situation) {
      case "happy":
        return { setup, request: put(this.fixture.change) };
      case "missing":
        return { setup: [], request: put(this.fixture.change, false) };
      case "conflict":
        return {
          setup: [...setup, this.#merge(index, { metadata: { labels: { first: "me" } } })],
          request: put(this.fixture.change),
        };
      case "invalid":
        return { setup, request: put(this.fixture.invalid) };
      case "forbidden":
        return { setup, request: { ...put(this.fixture.change), as: STRANGER } };
    }
  }

  #merge(index: number, patch: Json): Step {
    return {
      method: "PATCH",
      path: this.#path(this.fixture.name(index)),
      contentType: PATCHES["patch-merge"],
      body: patch,
    };
  }

  #patch(
    verb: PatchVerb,
    situation: Situation,
    index: number,
  ): Omit<Cell, "id" | "cleanup"> | string {
    const query = verb === "apply" ? "?fieldManager=first" : "";
    const step = (patch: Json, extra: Partial<Step> = {}): Step => ({
      method: "PATCH",
      path: this.#path(this.fixture.name(index)) + query,
      contentType: PATCHES[verb],
      body: this.#written(verb, index, patch),
      ...extra,
    });
    const setup = [this.#create(index)];
    switch (situation) {
      case "happy":
        return { setup: verb === "apply" ? [] : setup, request: step(this.fixture.change) };
      case "missing":
        return verb === "apply"
          ? "an apply makes what is missing: apply/.../happy"
          : { setup: [], request: step(this.fixture.change) };
      case "conflict":
        return this.#conflictingPatch(verb, index, step);
      case "invalid":
        return { setup, request: step(this.fixture.invalid) };
      case "forbidden":
        return { setup, request: step(this.fixture.change, { as: STRANGER }) };
    }
  }

  #conflictingPatch(
    verb: PatchVerb,
    index: number,
    step: (patch: Json, extra?: Partial<Step>) => Step,
  ): Omit<Cell, "id" | "cleanup"> {
    const setup = [this.#create(index)];
    if (verb === "apply") {
      const labels = (site: string): Json => ({ metadata: { labels: { site } } });
      return {
        setup: [step(labels("berlin"))],
        request: step(labels("paris"), {
          path: `${this.#path(this.fixture.name(index))}?fieldManager=second`,
        }),
      };
    }
    if (verb === "patch-json") {
      const test = [{ op: "test", path: "/metadata/name", value: "another" }];
      return { setup, request: step(test, { body: test }) };
    }
    const stale = { metadata: { resourceVersion: "1", labels: { a: "b" } } };
    return { setup, request: step(stale, { body: stale }) };
  }

  /** A change in the words of one sort of patch. */
  #written(verb: PatchVerb, index: number, patch: Json): Json {
    if (verb === "apply") return merged(this.#object(index), patch);
    if (verb !== "patch-json") return patch;
    return Object.entries(patch).map(([key, value]) => ({
      op: "add",
      path: `/${key}`,
      value: key === "metadata"
        ? { ...this.#object(index).metadata, ...value as Json }
        : merged(this.#object(index)[key], value),
    }));
  }

  #deletion(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const path = this.#path(this.fixture.name(index));
    const options = (fields: Json): Json => ({
      kind: "DeleteOptions",
      apiVersion: "v1",
      ...fields,
    });
    const setup = [this.#create(index)];
    switch (situation) {
      case "happy":
        return { setup, request: { method: "DELETE", path } };
      case "missing":
        return { setup: [], request: { method: "DELETE", path } };
      case "conflict": {
        const uid = "00000000-0000-0000-0000-000000000000";
        const body = options({ preconditions: { uid } });
        return { setup, request: { method: "DELETE", path, body } };
      }
      case "invalid": {
        const body = options({ propagationPolicy: "Sideways" });
        return { setup, request: { method: "DELETE", path, body } };
      }
      case "forbidden":
        return { setup, request: { method: "DELETE", path, as: STRANGER } };
    }
  }

  #deleteCollection(situation: Situation, index: number): Omit<Cell, "id" | "cleanup"> | string {
    const { plural } = this.fixture.ref;
    const labels = { cell: `delete-${index}` };
    const path = `${this.#path()}?labelSelector=cell%3D${labels.cell}`;
    const setup = [this.#create(index, labels)];
    switch (situation) {
      case "happy":
        return { setup, request: { method: "DELETE", path } };
      case "missing":
        return { setup: [], request: { method: "DELETE", path } };
      case "conflict":
        return plural === "namespaces"
          ? "namespaces have no deletecollection"
          : { setup, request: { method: "DELETE", path: `${path}&resourceVersionMatch=Exact` } };
      case "invalid":
        return {
          setup,
          request: { method: "DELETE", path: `${this.#path()}?labelSelector=a%20b%20c` },
        };
      case "forbidden":
        return { setup, request: { method: "DELETE", path, as: STRANGER } };
    }
  }

  /** The cells of the subresource `status`. */
  status(verb: "get" | "update" | "patch", situation: Situation): Cell | string | undefined {
    if (this.fixture.status === undefined) return undefined;
    const index = ++this.#index;
    const id = `${verb}-status/${this.fixture.ref.plural}/${situation}`;
    const path = this.#path(this.fixture.name(index), "status");
    const bad = { status: "not an object" };
    const change = situation === "invalid" ? bad : this.fixture.status;
    if (situation === "conflict" && verb === "get") return "a read conflicts with nothing";
    if (situation === "invalid" && verb === "get") return "nothing in it to be wrong";
    const stale = { metadata: { resourceVersion: "1" } };
    const request: Step = verb === "get" ? { method: "GET", path } : verb === "patch"
      ? {
        method: "PATCH",
        path,
        contentType: PATCHES["patch-merge"],
        body: situation === "conflict" ? merged(change, stale) : change,
      }
      : {
        method: "PUT",
        path,
        body: (seen: readonly Answer[]) =>
          merged(
            situation === "missing" ? this.#object(index) : seen[0]!.body,
            situation === "conflict" ? merged(change, stale) : change,
          ),
      };
    return {
      id,
      setup: situation === "missing" ? [] : [this.#create(index)],
      request: situation === "forbidden" ? { ...request, as: STRANGER } : request,
      cleanup: [this.#cleanup(index)],
    };
  }
}

/** All cells of all stored kinds, and the situations that do not exist, with the reason. */
export function kindCells(): { cells: Cell[]; absent: Map<string, string> } {
  const cells: Cell[] = [];
  const absent = new Map<string, string>();
  const add = (id: string, made: Cell | string | undefined): void => {
    if (typeof made === "string") absent.set(id, made);
    else if (made !== undefined) cells.push(made);
  };
  for (const fixture of FIXTURES) {
    const kind = new KindCells(fixture);
    for (const situation of SITUATIONS) {
      for (const verb of VERBS) {
        add(`${verb}/${fixture.ref.plural}/${situation}`, kind.make(verb, situation));
      }
      for (const verb of ["get", "update", "patch"] as const) {
        add(`${verb}-status/${fixture.ref.plural}/${situation}`, kind.status(verb, situation));
      }
    }
  }
  return { cells, absent };
}
