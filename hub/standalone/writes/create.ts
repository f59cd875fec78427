/**
 * Makes objects.
 *
 * Source: k8s.io/apiserver `pkg/registry/rest/create.go`, `pkg/registry/generic/registry/store.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { alreadyExists, invalid } from "../errors.ts";
import { trackUpdate } from "../fields/track_update.ts";
import { resourceKey } from "../kinds/kind.ts";
import { strategyOf } from "../kinds/strategy.ts";
import { schemaOf } from "../schema/schemas.ts";
import { type ApiObject, WriteConflictError } from "../store/types.ts";
import { checkOwners, checkValues } from "./complexity.ts";
import { setDefaults } from "./defaults.ts";
import { grantsRights } from "./kind_rules.ts";
import {
  dropSystemFields,
  generatedName,
  givenVersion,
  matchKind,
  matchNamespace,
  metaText,
  setSystemFields,
} from "./metadata.ts";
import { admitCreate } from "./namespace_lifecycle.ts";
import { orderFields, placeForVersion } from "./order_fields.ts";
import { type WriteCall, type WriteDeps, written } from "./write_call.ts";

/** Names that are tried before a generated name is given up. */
const NAME_TRIES = 8;

/** How the object came to be. */
export interface CreateOptions {
  /** Whether it knows its managed fields already, as an apply does. */
  readonly tracked?: boolean;
  /** Whether it comes from an update of what is not there; its version is not looked at. */
  readonly fromUpdate?: boolean;
}

function versionGiven(object: ApiObject): boolean {
  try {
    return givenVersion(object) !== 0;
  } catch {
    return false; // kube-apiserver takes what it cannot read for nothing
  }
}

/** All but the name and the write; throws what kube-apiserver refuses. */
function prepare(
  deps: WriteDeps,
  call: WriteCall,
  object: ApiObject,
  { tracked = false }: CreateOptions,
): void {
  const { kind, namespace, user, manager } = call;
  const { store, rbac, now } = deps;
  matchNamespace(kind, object, namespace);
  checkValues(object);
  checkOwners(kind, object);
  dropSystemFields(object);
  setDefaults(kind, object);
  if (!tracked) {
    const schema = schemaOf(kind);
    trackUpdate({ kind, schema, live: undefined, next: object, manager, subresource: "", now });
  }
  admitCreate(store, kind, object, namespace);
  if (user !== undefined && grantsRights(kind)) rbac.checkWrite({ user, kind, object });
  matchKind(kind, object);
  strategyOf(kind).prepareForCreate(object);
  setSystemFields(object, deps);
}

async function insert(
  { store }: WriteDeps,
  { kind, namespace, dryRun }: WriteCall,
  object: ApiObject,
  { fromUpdate = false }: CreateOptions,
): Promise<ApiObject> {
  const name = metaText(object, "name");
  const faults = strategyOf(kind).validateCreate(object);
  if (faults.length > 0) throw invalid(kind, name, faults);
  const resource = resourceKey(kind);
  // A dry run only looks whether the name is taken
  if (!dryRun && !fromUpdate && versionGiven(object)) {
    const message = "resourceVersion should not be set on objects to be created";
    throw new StatusError(failure(500, message, undefined, ""));
  }
  if (store.get(resource, namespace, name) !== undefined) throw alreadyExists(kind, name);
  orderFields(kind, object);
  if (dryRun) {
    if (fromUpdate) delete object.metadata.resourceVersion;
    return object;
  }
  try {
    placeForVersion(kind, object);
    const stored = await store.commit({ op: "create", resource, namespace, name, object });
    return written(object, stored);
  } catch (error) {
    if (error instanceof WriteConflictError) throw alreadyExists(kind, name);
    throw error;
  }
}

/**
 * Makes an object.
 *
 * @param object becomes what is stored
 * @returns it
 * @throws {StatusError} 400, 403, 404, 409, 422, or 500 for a version on a new object
 */
export async function createObject(
  deps: WriteDeps,
  call: WriteCall,
  object: ApiObject,
  options: CreateOptions = {},
): Promise<ApiObject> {
  prepare(deps, call, object, options);
  const base = metaText(object, "generateName");
  if (metaText(object, "name") !== "" || base === "") {
    return await insert(deps, call, object, options);
  }
  for (let tries = 1;; tries++) {
    object.metadata.name = generatedName(base, deps.random);
    try {
      return await insert(deps, call, object, options);
    } catch (error) {
      const taken = error instanceof StatusError && error.reason === "AlreadyExists";
      if (!taken || tries === NAME_TRIES) throw error;
    }
  }
}
