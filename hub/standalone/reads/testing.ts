/**
 * What the tests of reads share: a store with objects in it, and requests for them.
 *
 * @module
 */
import { silentLog } from "../../../shared/log.ts";
import type { StatusError } from "../../../shared/kube/status.ts";
import type { ResourceRequest } from "../api/request_info.ts";
import { type ApiKind, apiVersionOf, resourceKey } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import { openStore } from "../store/open_store.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";
import type { ReadOptions } from "./options.ts";
import { serveRead } from "./read.ts";

/** The time at which all tests run. */
export const NOW = Date.parse("2026-11-25T13:00:00Z");

/** `Accept` of `kubectl get`, its first clause. */
export const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";

/** A kind that is served, by plural name. */
export function kind(plural: string): ApiKind {
  return KINDS.find((each) => each.plural === plural)!;
}

/** Fields of an object beside its metadata, and its metadata beside the name. */
export interface Fields {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Makes an object, made one minute before {@linkcode NOW}. */
export function object(of: ApiKind, name: string, fields: Fields = {}): ApiObject {
  const { namespace = of.namespaced ? "default" : undefined, labels, ...rest } = fields;
  return {
    apiVersion: apiVersionOf(of),
    kind: of.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: `uid-${namespace ?? ""}-${name}`,
      creationTimestamp: "2026-11-25T12:59:00Z",
      ...(labels === undefined ? {} : { labels }),
    },
    ...rest,
  };
}

/** Options of {@linkcode Api.read}. */
export interface Read {
  /** `default` for namespaced kinds; empty: all. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly accept?: string;
  readonly watch?: boolean;
  readonly signal?: AbortSignal;
  readonly random?: () => number;
}

/** A store, and reads of it as over HTTP. */
export interface Api extends AsyncDisposable {
  readonly store: Store;
  add(plural: string, name: string, fields?: Fields): Promise<Stored>;
  change(stored: Stored, fields: Fields): Promise<Stored>;
  remove(stored: Stored): Promise<Stored>;
  /** `query` without the question mark. */
  read(plural: string, query?: string, read?: Read): Promise<Response>;
}

/** Opens an empty store in memory. */
export async function openApi(historyLimit?: number): Promise<Api> {
  const store = await openStore({
    path: ":memory:",
    now: () => NOW,
    log: silentLog,
    ...(historyLimit === undefined ? {} : { historyLimit }),
  });
  const of = (stored: Stored): ApiKind =>
    KINDS.find((each) => resourceKey(each) === stored.resource)!;
  return {
    store,
    add: (plural, name, fields) => {
      const made = object(kind(plural), name, fields);
      const namespace = String(made.metadata.namespace ?? "");
      const resource = resourceKey(kind(plural));
      return store.commit({ op: "create", resource, namespace, name, object: made });
    },
    change: (base, fields) => {
      const made = object(of(base), base.name, { namespace: base.namespace, ...fields });
      return store.commit({ op: "update", base, object: made });
    },
    remove: (base) => store.commit({ op: "delete", base, object: JSON.parse(base.json) }),
    read: (plural, query = "", read = {}) => serveRead(readOptions(store, plural, query, read)),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

function readOptions(store: Store, plural: string, query: string, read: Read): ReadOptions {
  const of = kind(plural);
  const { name = "", subresource = "", accept, watch = false, signal, random } = read;
  const namespace = read.namespace ?? (of.namespaced ? "default" : "");
  const prefix = of.group === "" ? "/api/v1" : `/apis/${apiVersionOf(of)}`;
  const scope = namespace === "" ? "" : `/namespaces/${namespace}`;
  const steps = [plural, name, subresource].filter((step) => step !== "");
  const path = `${prefix}${scope}/${steps.join("/")}`;
  const url = new URL(`https://hub.invalid${path}?${query}`);
  const info: ResourceRequest = {
    isResource: true,
    verb: name !== "" ? "get" : watch ? "watch" : "list",
    group: of.group,
    version: of.version,
    resource: plural,
    subresource,
    namespace,
    name,
    path,
  };
  const request = new Request(url, {
    ...(accept === undefined ? {} : { headers: { accept } }),
    ...(signal === undefined ? {} : { signal }),
  });
  const extra = random === undefined ? {} : { random };
  return { request, url, info, kind: of, store, now: () => NOW, ...extra };
}

/** For `assert.rejects`: a refusal with this code and message. */
export function refusal(code: number, message: string): (error: unknown) => boolean {
  return (error) => {
    const { status } = error as StatusError;
    if (status?.code === code && status.message === message) return true;
    throw error;
  };
}

/** Reads events of a watch, one by one. */
export class Events {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  /** @param response of a watch */
  constructor(response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event, or `undefined` at the end. */
  // deno-lint-ignore no-explicit-any
  async next(): Promise<any> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line);
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next `count` events as `TYPE name`. */
  async names(count: number): Promise<string[]> {
    const names: string[] = [];
    for (let i = 0; i < count; i++) {
      const { type, object } = await this.next();
      names.push(`${type} ${object.metadata.name ?? ""}`.trim());
    }
    return names;
  }

  /** Goes away. */
  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}
