/**
 * A small client of the Kubernetes API over an injected transport.
 *
 * @module
 */
import { type Log, silentLog } from "../log.ts";
import { BodyTooLargeError } from "./body.ts";
import { Caller, parseJson } from "./caller.ts";
import type {
  CallOptions,
  DeleteOptions,
  KubeClientOptions,
  ListOptions,
  ListResult,
  ObjectOptions,
  PatchOptions,
  RawInit,
  WriteOptions,
} from "./client_options.ts";
import { nameOf, namespaceFor, withQuery } from "./object_path.ts";
import { apiVersionOf, resourcePath, type ResourceRef, SERVICE_ACCOUNTS } from "./resources.ts";
import { isStatus, StatusError } from "./status.ts";
import type { KubeList, KubeObject, TokenRequest, WatchEvent } from "./types.ts";
import { watch, type WatchOptions } from "./watch.ts";

export { BodyError } from "./caller.ts";
export type * from "./client_options.ts";

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml", // JSON is YAML
} as const;

/** A list's pages together: more than any kind here can need, less than what kills the process. */
const MAX_LIST_BYTES = 512 * 1024 * 1024;

/**
 * Calls an API server. Every call has a deadline that covers the reading of the answer; every
 * answer other than 2xx is thrown as a {@linkcode StatusError} with the server's own `Status`.
 *
 * @example
 * ```ts
 * import { KubeClient } from "./client.ts";
 * import { NODES } from "./resources.ts";
 * import { handlerTransport } from "./transport.ts";
 * import assert from "node:assert/strict";
 *
 * const client = new KubeClient({
 *   transport: handlerTransport(() => Response.json({ kind: "Node", metadata: { name: "a" } })),
 * });
 * const node = await client.get<{ kind: string }>(NODES, "a");
 * assert.equal(node.kind, "Node");
 * ```
 */
export class KubeClient {
  readonly #caller: Caller;
  readonly #log: Log;

  /**
   * Makes a client.
   *
   * @param options transport, deadline and bounds
   */
  constructor(options: KubeClientOptions) {
    this.#caller = new Caller(options);
    this.#log = options.log ?? silentLog;
  }

  /**
   * Reads one object.
   *
   * @throws {StatusError} 404 when there is none
   */
  async get<T>(resource: ResourceRef, name: string, options: ObjectOptions = {}): Promise<T> {
    return await this.#caller.call<T>("GET", resourcePath(resource, { ...options, name }), options);
  }

  /** As `get`, but `undefined` when there is no such object. */
  async getOrUndefined<T>(
    resource: ResourceRef,
    name: string,
    options: ObjectOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get<T>(resource, name, options);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /**
   * Reads all objects, page by page. Each page has the deadline anew. When the pages' snapshot
   * expires on the way (410), it starts again and asks for all at once, as client-go does.
   *
   * @returns the objects with `apiVersion` and `kind`, and the resource version of the first page:
   * a watch from there misses nothing
   */
  async list<T>(resource: ResourceRef, options: ListOptions = {}): Promise<ListResult<T>> {
    try {
      return await this.#listPages<T>(resource, options, options.limit ?? 500);
    } catch (error) {
      if (!(error instanceof ExpiredPagesError)) throw error;
      this.#log.debug("List expired between its pages and starts again", { kind: resource.kind });
      return await this.#listPages<T>(resource, options, undefined);
    }
  }

  async #listPages<T>(
    resource: ResourceRef,
    options: ListOptions,
    limit: number | undefined,
  ): Promise<ListResult<T>> {
    const { labelSelector, fieldSelector } = options;
    const path = resourcePath(resource, { namespace: options.namespace });
    const apiVersion = apiVersionOf(resource);
    const items: T[] = [];
    let resourceVersion: string | undefined;
    let next: string | undefined;
    let bytes = 0;
    do {
      const query = { labelSelector, fieldSelector, limit, continue: next };
      let text: string;
      try {
        text = await this.#caller.text("GET", withQuery(path, query), options);
      } catch (error) {
        if (next !== undefined && isStatus(error, 410)) throw new ExpiredPagesError();
        throw error;
      }
      bytes += text.length;
      if (bytes > MAX_LIST_BYTES) {
        throw new BodyTooLargeError(
          `Cannot list ${resource.plural}: they are more than ${MAX_LIST_BYTES} bytes`,
        );
      }
      const page = parseJson<KubeList<T>>(text, `GET ${path}`);
      for (const item of page.items ?? []) {
        // Items of a list come without them
        const object = item as KubeObject;
        object.apiVersion ??= apiVersion;
        object.kind ??= resource.kind;
        items.push(item);
      }
      resourceVersion ??= page.metadata?.resourceVersion;
      next = page.metadata?.continue || undefined;
    } while (next !== undefined);
    return { items, resourceVersion: resourceVersion ?? "" };
  }

  /**
   * Creates an object, or posts to a subresource of one (`name` and `subresource`).
   *
   * @returns what the server made of it
   * @throws {StatusError} 409 `AlreadyExists` when the name is taken
   */
  async create<T>(resource: ResourceRef, obj: unknown, options: WriteOptions = {}): Promise<T> {
    const { namespace, name, subresource, dryRun, fieldManager } = options;
    const path = resourcePath(resource, {
      namespace: namespaceFor(resource, obj, namespace),
      ...(subresource === undefined ? {} : { name: name ?? nameOf(resource, obj), subresource }),
    });
    const query = { dryRun: dryRun ? "All" : undefined, fieldManager };
    return await this.#caller.call<T>("POST", withQuery(path, query), options, obj);
  }

  /**
   * Replaces an object; with `metadata.resourceVersion` only if nobody wrote meanwhile.
   *
   * @throws {StatusError} 409 `Conflict` when somebody did
   */
  async update<T>(resource: ResourceRef, obj: unknown, options: WriteOptions = {}): Promise<T> {
    const { namespace, name, subresource, dryRun, fieldManager } = options;
    const path = resourcePath(resource, {
      namespace: namespaceFor(resource, obj, namespace),
      name: name ?? nameOf(resource, obj),
      subresource,
    });
    const query = { dryRun: dryRun ? "All" : undefined, fieldManager };
    return await this.#caller.call<T>("PUT", withQuery(path, query), options, obj);
  }

  /**
   * Changes parts of an object. Type `apply` is server-side apply: it also creates the object.
   *
   * @throws {TypeError} for `apply` without `fieldManager`; {StatusError} 409 when another manager
   * holds a field and `force` is not set
   */
  async patch<T>(
    resource: ResourceRef,
    name: string,
    body: unknown,
    options: PatchOptions,
  ): Promise<T> {
    const { type, fieldManager, force, dryRun } = options;
    if (type === "apply" && !fieldManager) {
      throw new TypeError(`Cannot apply ${resource.kind} "${name}": fieldManager is missing`);
    }
    const path = withQuery(resourcePath(resource, { ...options, name }), {
      dryRun: dryRun ? "All" : undefined,
      fieldManager,
      force: type === "apply" ? force : undefined,
    });
    return await this.#caller.call<T>("PATCH", path, options, body, PATCH_TYPES[type]);
  }

  /**
   * Deletes an object; finalizers may keep it for a while.
   *
   * @throws {StatusError} 404 when there is none, 409 when `preconditions` do not hold
   */
  async delete(resource: ResourceRef, name: string, options: DeleteOptions = {}): Promise<void> {
    const { namespace, preconditions, propagationPolicy, dryRun } = options;
    await this.#caller.text("DELETE", resourcePath(resource, { namespace, name }), options, {
      kind: "DeleteOptions",
      apiVersion: "v1",
      ...(preconditions === undefined ? {} : { preconditions }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(dryRun ? { dryRun: ["All"] } : {}),
    });
  }

  /**
   * Has a token minted for a ServiceAccount (TokenRequest, KEP-1205).
   *
   * @param spec wanted lifetime and audiences; the server may grant less
   * @returns token and its expiry
   */
  async createToken(
    namespace: string,
    serviceAccount: string,
    spec: TokenRequest["spec"],
    options: CallOptions = {},
  ): Promise<{ token: string; expirationTimestamp: string }> {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const answer = await this.create<TokenRequest>(SERVICE_ACCOUNTS, body, {
      ...options,
      namespace,
      name: serviceAccount,
      subresource: "token",
    });
    if (answer.status === undefined) {
      throw StatusError.of(500, `The TokenRequest of ${namespace}/${serviceAccount} has no status`);
    }
    return answer.status;
  }

  /** One watch connection; see {@linkcode watch}. */
  watch<T>(resource: ResourceRef, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void> {
    return watch<T>(this, resource, options);
  }

  /**
   * Sends a request and reads the whole answer, whatever its status. The deadline and the size
   * bound hold; the body of the response that is returned is in memory.
   *
   * @param path starts with `/`, with its query
   */
  async raw(path: string, init: RawInit = {}): Promise<Response> {
    return await this.#caller.raw(path, init);
  }

  /**
   * As `raw`, then parses JSON.
   *
   * @throws {StatusError} for an answer other than 2xx
   */
  async json<T>(path: string, init: RawInit = {}): Promise<T> {
    return await this.#caller.json<T>(path, init);
  }

  /**
   * Sends a request and hands out the answer with its live body: for streams. The deadline covers
   * the head; afterwards only `init.signal` ends it. The caller must read or cancel the body.
   *
   * @param path starts with `/`, with its query
   */
  async open(path: string, init: RawInit = {}): Promise<Response> {
    return await this.#caller.open(path, init);
  }
}

class ExpiredPagesError extends Error {}
