/**
 * Writes without HTTP and without a question of rights, for controllers of this process.
 *
 * @module
 */
import { isStatus, StatusError } from "../../../shared/kube/status.ts";
import { notFound } from "../errors.ts";
import { type ApiKind, resourceKey } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import { pruneAndCheck } from "../schema/decode.ts";
import { schemaOf } from "../schema/schemas.ts";
import type { ApiObject, Stored } from "../store/types.ts";
import { createObject } from "./create.ts";
import { deleteObject } from "./delete.ts";
import type { PropagationPolicy } from "./delete_options.ts";
import { metaText } from "./metadata.ts";
import { updateObject } from "./update.ts";
import type { WriteCall, WriteDeps } from "./write_call.ts";

const MANAGER = "kube-controller-manager";

/** Options of {@linkcode Writer.update}. */
export interface WriterUpdateOptions {
  /** Absent: the object itself. */
  subresource?: "status" | "finalize";
  /** Whose fields they are. */
  fieldManager?: string;
}

/** See the module text. */
export interface Writer {
  /**
   * Makes an object; its namespace is in its metadata.
   *
   * @throws {StatusError} as the API does
   */
  create(kind: ApiKind, object: ApiObject, o?: { fieldManager?: string }): Promise<Stored>;
  /**
   * Reads the newest, changes it, writes; again on conflict.
   *
   * @param change may change what it is given; `undefined` leaves it
   * @returns as it now stands; `undefined` when it is gone
   * @throws {StatusError} as the API does, but for 404
   */
  update(
    stored: Stored,
    change: (object: ApiObject) => ApiObject | undefined,
    o?: WriterUpdateOptions,
  ): Promise<Stored | undefined>;
  /**
   * Removes it, or marks it when finalizers are left; nothing when another stands in its place.
   *
   * @throws {StatusError} as the API does, but for 404 and 409
   */
  delete(stored: Stored, o?: { propagationPolicy?: PropagationPolicy }): Promise<void>;
}

function kindOfStored({ resource, name }: Stored): ApiKind {
  const kind = KINDS.find((one) => resourceKey(one) === resource);
  if (kind === undefined) throw notFound({ group: "", plural: resource, kind: "" }, name);
  return kind;
}

/** The object as if it had come over HTTP: empty fields gone, nothing shared. */
function asSent(kind: ApiKind, object: ApiObject): ApiObject {
  return pruneAndCheck(schemaOf(kind), structuredClone(object), "Ignore", kind).object;
}

/**
 * Makes the writer of the embedded API.
 *
 * @returns it
 */
export function createWriter(deps: WriteDeps): Writer {
  const callFor = (stored: Stored, manager: string, subresource = ""): WriteCall => ({
    kind: kindOfStored(stored),
    namespace: stored.namespace,
    name: stored.name,
    subresource,
    manager,
    dryRun: false,
  });
  return {
    async create(kind, object, { fieldManager = MANAGER } = {}): Promise<Stored> {
      const namespace = kind.namespaced ? metaText(object, "namespace") : "";
      const call = { kind, namespace, name: "", subresource: "", manager: fieldManager };
      const made = await createObject(deps, { ...call, dryRun: false }, asSent(kind, object));
      const stored = deps.store.get(resourceKey(kind), namespace, metaText(made, "name"));
      if (stored === undefined) throw notFound(kind, metaText(made, "name")); // Gone again already
      return stored;
    },
    async update(
      stored,
      change,
      { subresource, fieldManager = MANAGER } = {},
    ): Promise<Stored | undefined> {
      const call = callFor(stored, fieldManager, subresource ?? "");
      try {
        await updateObject(deps, call, {
          next: (live) => {
            if (live === undefined || metaText(live, "uid") !== stored.uid) return undefined;
            const changed = change(structuredClone(live));
            return changed === undefined ? undefined : asSent(call.kind, changed);
          },
        });
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
      const now = deps.store.get(stored.resource, stored.namespace, stored.name);
      return now?.uid === stored.uid ? now : undefined;
    },
    async delete(stored, { propagationPolicy } = {}): Promise<void> {
      const options = {
        dryRun: false,
        preconditions: { uid: stored.uid },
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      };
      try {
        await deleteObject(deps, callFor(stored, MANAGER), options);
      } catch (error) {
        if (!(error instanceof StatusError && isStatus(error, 404, 409))) throw error;
      }
    },
  };
}
