/**
 * Which objects a list gives: of which version, from where, how many.
 *
 * Source: k8s.io/apiserver `pkg/storage/cacher/cacher.go`, `pkg/storage/etcd3/store.go`
 *
 * @module
 */
import { badRequest, expired } from "../errors.ts";
import { lowerBound } from "../store/order.ts";
import { type Snapshot, type Stored, VersionExpiredError } from "../store/types.ts";
import {
  continueExpired,
  type ContinueToken,
  decodeContinue,
  encodeContinue,
  LIST_EXPIRED,
} from "./continue_token.ts";
import type { ListOptions } from "./list_options.ts";
import { type Place, placeOf, type ReadOptions } from "./options.ts";
import type { Selectors } from "./selectors.ts";
import { listVersion, versionTooLarge } from "./versions.ts";
import { nextTurn, SLICE_CHARS } from "./yielding.ts";

/** A page of a list. */
export interface Page {
  /** `metadata.resourceVersion` of the list. */
  readonly version: number;
  /** In the order of etcd's keys. */
  readonly objects: readonly Stored[];
  /** `metadata.continue`; empty at the end. */
  readonly continue: string;
  /** `metadata.remainingItemCount`; absent at the end, and with selectors. */
  readonly remaining?: number;
}

/** The objects of one namespace among all, which are sorted. */
function inNamespace(objects: readonly Stored[], namespace: string): readonly Stored[] {
  const start = lowerBound(objects, { namespace, name: "" });
  let end = start;
  while (objects[end]?.namespace === namespace) end++;
  return objects.slice(start, end);
}

function current({ store }: ReadOptions, { resource, namespace }: Place): Snapshot {
  return namespace === undefined ? store.list(resource) : store.list(resource, namespace);
}

/** All objects of the place at one version; `onExpired` makes the refusal when it is not kept. */
function at(
  options: ReadOptions,
  place: Place,
  version: number,
  onExpired: () => Error,
): Snapshot {
  const { store } = options;
  if (version > store.version) throw versionTooLarge(version, store.version);
  try {
    const { objects } = store.listAt(place.resource, version);
    const { namespace } = place;
    return {
      version,
      objects: namespace === undefined ? objects : inNamespace(objects, namespace),
    };
  } catch (error) {
    throw error instanceof VersionExpiredError ? onExpired() : error;
  }
}

function snapshotOf(options: ReadOptions, place: Place, list: ListOptions): Snapshot {
  const version = listVersion(list.resourceVersion);
  const exact = list.resourceVersionMatch === "Exact" ||
    (list.resourceVersionMatch === "" && version > 0 && list.limit > 0);
  if (exact) return at(options, place, version, () => expired(LIST_EXPIRED));
  if (version > options.store.version) throw versionTooLarge(version, options.store.version);
  return current(options, place);
}

/** What is left of a list that a token goes on with. */
function rest(
  options: ReadOptions,
  place: Place,
  token: ContinueToken,
): { snapshot: Snapshot; start: number } {
  const snapshot = token.version < 0
    ? current(options, place)
    : at(options, place, token.version, () => continueExpired(token));
  const slash = token.start.indexOf("/");
  const key = place.namespace !== undefined || !options.kind.namespaced
    ? { namespace: place.namespace ?? "", name: token.start }
    : slash < 0
    ? { namespace: token.start, name: "" }
    : { namespace: token.start.slice(0, slash), name: token.start.slice(slash + 1) };
  return { snapshot, start: lowerBound(snapshot.objects, key) };
}

/** Takes the matching objects up to `limit`. */
async function select(
  objects: readonly Stored[],
  selectors: Selectors,
  limit: number,
): Promise<{ taken: readonly Stored[]; looked: number }> {
  if (selectors.empty) {
    const looked = Math.min(limit, objects.length);
    return { taken: looked === objects.length ? objects : objects.slice(0, looked), looked };
  }
  const taken: Stored[] = [];
  let looked = 0, chars = 0;
  for (const object of objects) {
    looked++;
    if (selectors.matches(object) && taken.push(object) >= limit) break;
    chars += selectors.parses ? object.json.length : 16;
    if (chars < SLICE_CHARS) continue;
    chars = 0;
    await nextTurn();
  }
  return { taken, looked };
}

/**
 * Finds the page that is asked for. It is of one version, whatever is written meanwhile.
 *
 * @throws {StatusError} 400, 410 or 504 in kube-apiserver's words
 */
export async function findPage(
  options: ReadOptions,
  list: ListOptions,
  selectors: Selectors,
): Promise<Page> {
  const place = placeOf(options);
  let snapshot: Snapshot, start = 0;
  if (list.continue === "") snapshot = snapshotOf(options, place, list);
  else {
    const token = decodeContinue(list.continue);
    if (list.resourceVersion !== "" && list.resourceVersion !== "0") {
      throw badRequest("specifying resource version is not allowed when using continue");
    }
    ({ snapshot, start } = rest(options, place, token));
  }
  const { name } = selectors;
  let objects = snapshot.objects;
  if (name !== undefined && place.namespace !== undefined) {
    const only = objects[lowerBound(objects, { namespace: place.namespace, name })];
    objects = only?.name === name ? [only] : [];
    start = 0;
  } else if (start > 0) objects = objects.slice(start);
  // As the watch cache, which takes no notice of the limit there
  const limit = list.limit > 0 && list.resourceVersion !== "0" ? list.limit : Infinity;
  const { taken, looked } = await select(objects, selectors, limit);
  const last = taken.at(-1);
  const { version } = snapshot;
  if (last === undefined || taken.length < limit || looked === objects.length) {
    return { version, objects: taken, continue: "" };
  }
  const all = options.kind.namespaced && place.namespace === undefined;
  return {
    version,
    objects: taken,
    continue: encodeContinue(version, all ? `${last.namespace}/${last.name}` : last.name),
    ...(selectors.empty ? { remaining: objects.length - looked } : {}),
  };
}
