/**
 * A small Kubernetes API in memory, for unit tests: objects of any kind with resourceVersion and
 * conflicts, the status subresource, finalizers, label selectors, watches and TokenRequest.
 *
 * It is a transport as `KubeClient` takes one. It knows no schema, no admission and no RBAC; what
 * rests on those is tested on a real kube-apiserver.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { ObjectMeta } from "../kube/clusternet_types.ts";
import { failure, StatusError, statusResponse } from "../kube/status.ts";
import { jsonPatch, mergePatch } from "./json_patch.ts";

/** An object as the fake keeps it. */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** A request as the fake saw it. */
export interface SeenRequest {
  method: string;
  /** With query. */
  path: string;
  body: unknown;
}

/** Looks at a request before the store does; may answer in its place. */
export type Interceptor = (
  request: SeenRequest,
) => Response | undefined | void | Promise<Response | undefined | void>;

/** Options of {@linkcode FakeKube}. */
export interface FakeKubeOptions {
  /** @default {Date.now} */
  now?: () => number;
  /** Upper bound of a token's lifetime, in seconds; as a kube-apiserver may have one. */
  maxTokenSeconds?: number;
}

interface Target {
  /** `<group>/<plural>`; `/namespaces` for the core group. */
  resource: string;
  namespace: string;
  name: string | undefined;
  subresource: string | undefined;
}

interface Change {
  version: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  resource: string;
  object: StoredObject;
}

interface Watcher {
  resource: string;
  namespace: string;
  matches: (object: StoredObject) => boolean;
  push: (line: unknown) => void;
  close: () => void;
}

const PATH =
  /^\/(?:api|apis\/(?<group>[^/]+))\/[^/]+(?:\/namespaces\/(?<ns>[^/]+)(?=\/[a-z]))?\/(?<plural>[a-z]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[a-z]+))?$/;
const encoder = new TextEncoder();

/** The API; give its {@linkcode FakeKube.transport} to a `KubeClient`. */
export class FakeKube {
  readonly #now: () => number;
  readonly #maxTokenSeconds: number;
  readonly #objects = new Map<string, StoredObject>();
  readonly #history: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  #version = 1;
  #tokens = 0;
  /** Every request, in order. */
  readonly requests: SeenRequest[] = [];
  /** Asked in order before the store; the first response wins. */
  readonly interceptors: Interceptor[] = [];

  constructor({ now = Date.now, maxTokenSeconds = Infinity }: FakeKubeOptions = {}) {
    this.#now = now;
    this.#maxTokenSeconds = maxTokenSeconds;
  }

  /** Answers a request. */
  readonly transport = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const text = await request.text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const seen = { method: request.method, path: url.pathname + url.search, body };
    this.requests.push(seen);
    for (const interceptor of this.interceptors) {
      const response = await interceptor(seen);
      if (response) return response;
    }
    request.signal.throwIfAborted();
    try {
      return this.#answer(request, url, body);
    } catch (error) {
      if (error instanceof StatusError) return statusResponse(error.status);
      throw error;
    }
  };

  /** Reads an object; `resource` is `<group>/<plural>`. */
  get<T = StoredObject>(resource: string, name: string, namespace = ""): T | undefined {
    return structuredClone(this.#objects.get(key(resource, namespace, name))) as T | undefined;
  }

  /** All objects of a resource. */
  list<T = StoredObject>(resource: string): T[] {
    return [...this.#objects].filter(([id]) => id.startsWith(`${resource}|`))
      .map(([, object]) => structuredClone(object) as T);
  }

  /** Puts an object as it is, as another client would; changes an existing one, status and all. */
  put<T = StoredObject>(resource: string, object: T): T {
    const wanted = structuredClone(object) as StoredObject;
    const { name, namespace = "" } = wanted.metadata;
    const old = this.#objects.get(key(resource, namespace, name!));
    const stored = old === undefined
      ? this.#new(wanted)
      : { ...wanted, metadata: { ...wanted.metadata, uid: old.metadata.uid! } };
    this.#store(resource, old === undefined ? "ADDED" : "MODIFIED", stored);
    return structuredClone(stored) as T;
  }

  /** Deletes an object as another client would: finalizers are honoured. */
  remove(resource: string, name: string, namespace = ""): void {
    const object = this.#objects.get(key(resource, namespace, name));
    if (object !== undefined) this.#delete(resource, object);
  }

  /** Ends all watches, as an API server that restarts. */
  dropWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.close();
  }

  /** How many requests match. */
  count(method: string, path: RegExp): number {
    return this.requests.filter((seen) => seen.method === method && path.test(seen.path)).length;
  }

  #answer(request: Request, url: URL, body: unknown): Response {
    const target = parse(url.pathname);
    const { method } = request;
    if (target.subresource === "token" && method === "POST") return this.#token(target, body);
    if (target.name === undefined) {
      if (method === "POST") return json(201, this.#create(target, body as StoredObject));
      if (method === "GET") return this.#listOrWatch(request, url, target);
      throw StatusError.of(405, `the fake does not ${method} collections`);
    }
    const object = this.#objects.get(key(target.resource, target.namespace, target.name));
    if (object === undefined) {
      throw StatusError.of(404, `${target.resource} "${target.name}" not found`);
    }
    if (method === "GET") return json(200, object);
    if (method === "PUT") return json(200, this.#update(target, object, body as StoredObject));
    if (method === "PATCH") {
      const kind = request.headers.get("content-type") ?? "";
      const patched = kind.startsWith("application/json-patch")
        ? jsonPatch(object, body as Parameters<typeof jsonPatch>[1])
        : mergePatch(object, body);
      return json(200, this.#update(target, object, patched as StoredObject, true));
    }
    if (method === "DELETE") {
      const uid = (body as { preconditions?: { uid?: string } } | undefined)?.preconditions?.uid;
      if (uid !== undefined && uid !== object.metadata.uid) {
        throw StatusError.of(409, "Precondition failed: UID in precondition differs");
      }
      this.#delete(target.resource, object);
      return json(200, { kind: "Status", apiVersion: "v1", status: "Success" });
    }
    throw StatusError.of(405, `the fake does not know ${method}`);
  }

  #create(target: Target, body: StoredObject): StoredObject {
    const { status: _, ...wanted } = structuredClone(body);
    const { metadata } = wanted as StoredObject;
    metadata.name ??= `${metadata.generateName}${randomUUID().slice(0, 5)}`;
    if (target.namespace !== "") metadata.namespace = target.namespace;
    if (this.#objects.has(key(target.resource, target.namespace, metadata.name))) {
      const message = `${target.resource} "${metadata.name}" already exists`;
      throw new StatusError(failure(409, message, { name: metadata.name }, "AlreadyExists"));
    }
    const object = this.#new(wanted as StoredObject);
    this.#store(target.resource, "ADDED", object);
    return object;
  }

  #new(object: StoredObject): StoredObject {
    const metadata = {
      uid: randomUUID(),
      creationTimestamp: new Date(this.#now()).toISOString(),
      generation: 1,
      ...object.metadata,
    };
    return { ...object, metadata };
  }

  #update(target: Target, old: StoredObject, body: StoredObject, patch = false): StoredObject {
    const wanted = body.metadata.resourceVersion;
    if (wanted !== undefined && wanted !== old.metadata.resourceVersion) {
      const message = `Operation cannot be fulfilled on ${target.resource} "${target.name}": ` +
        "the object has been modified";
      throw StatusError.of(409, message);
    }
    const metadata = { ...old.metadata, resourceVersion: old.metadata.resourceVersion! };
    let next: StoredObject;
    if (target.subresource === "status") {
      next = { ...old, metadata, status: body.status };
    } else {
      const { uid, creationTimestamp, deletionTimestamp } = metadata;
      const kept = { uid, creationTimestamp, ...(deletionTimestamp && { deletionTimestamp }) };
      next = { ...body, metadata: { ...body.metadata, ...kept } as ObjectMeta };
      if (old.status === undefined) delete next.status;
      else next.status = old.status;
    }
    next = structuredClone(next);
    if (patch && JSON.stringify(next) === JSON.stringify(old)) return old;
    const finalizers = next.metadata.finalizers ?? [];
    if (next.metadata.deletionTimestamp !== undefined && finalizers.length === 0) {
      this.#store(target.resource, "DELETED", next);
    } else {
      this.#store(target.resource, "MODIFIED", next);
    }
    return next;
  }

  #delete(resource: string, object: StoredObject): void {
    if ((object.metadata.finalizers ?? []).length === 0) {
      return this.#store(resource, "DELETED", structuredClone(object));
    }
    if (object.metadata.deletionTimestamp !== undefined) return;
    const next = structuredClone(object);
    next.metadata.deletionTimestamp = new Date(this.#now()).toISOString();
    this.#store(resource, "MODIFIED", next);
  }

  #store(resource: string, type: Change["type"], object: StoredObject): void {
    const version = ++this.#version;
    object.metadata.resourceVersion = String(version);
    const id = key(resource, object.metadata.namespace ?? "", object.metadata.name!);
    if (type === "DELETED") this.#objects.delete(id);
    else this.#objects.set(id, object);
    const change = { version, type, resource, object: structuredClone(object) };
    this.#history.push(change);
    for (const watcher of [...this.#watchers]) tell(watcher, change);
  }

  #token(target: Target, body: unknown): Response {
    const account = this.#objects.get(key(target.resource, target.namespace, target.name!));
    if (account === undefined) {
      throw StatusError.of(404, `serviceaccounts "${target.name}" not found`);
    }
    const wanted = (body as { spec?: { expirationSeconds?: number } }).spec?.expirationSeconds;
    const seconds = Math.min(wanted ?? 3600, this.#maxTokenSeconds);
    const expirationTimestamp = new Date(this.#now() + seconds * 1000).toISOString();
    const token = `token-${++this.#tokens}-of-${target.name}-${account.metadata.uid}`;
    return json(201, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: { expirationSeconds: seconds },
      status: { token, expirationTimestamp },
    });
  }

  #listOrWatch(request: Request, url: URL, target: Target): Response {
    const matches = selector(url.searchParams);
    const fits = (object: StoredObject): boolean =>
      (target.namespace === "" || object.metadata.namespace === target.namespace) &&
      matches(object);
    if (!/^(1|true)$/.test(url.searchParams.get("watch") ?? "")) {
      const items = this.list(target.resource).filter(fits);
      const metadata = { resourceVersion: String(this.#version) };
      return json(200, { kind: "List", apiVersion: "v1", metadata, items });
    }
    const from = Number(url.searchParams.get("resourceVersion") ?? this.#version);
    let watcher: Watcher;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const end = (finish: () => void): void => {
          if (!this.#watchers.delete(watcher)) return;
          request.signal.removeEventListener("abort", onAbort);
          finish();
        };
        const onAbort = (): void => end(() => controller.error(request.signal.reason));
        watcher = {
          resource: target.resource,
          namespace: target.namespace,
          matches: fits,
          push: (line) => controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`)),
          close: () => end(() => controller.close()),
        };
        this.#watchers.add(watcher);
        request.signal.addEventListener("abort", onAbort, { once: true });
        for (const change of this.#history) if (change.version > from) tell(watcher, change);
      },
      cancel: () => void this.#watchers.delete(watcher),
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  }
}

function tell(watcher: Watcher, { type, resource, object }: Change): void {
  if (watcher.resource === resource && watcher.matches(object)) watcher.push({ type, object });
}

function key(resource: string, namespace: string, name: string): string {
  return `${resource}|${namespace}|${name}`;
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" },
  });
}

function parse(path: string): Target {
  const groups = PATH.exec(path)?.groups;
  if (groups === undefined) throw StatusError.of(404, `the fake does not know ${path}`);
  return {
    resource: `${groups.group ?? ""}/${groups.plural}`,
    namespace: groups.ns ?? "",
    name: groups.name,
    subresource: groups.sub,
  };
}

function selector(query: URLSearchParams): (object: StoredObject) => boolean {
  const pairs = (text: string | null): [string, string][] =>
    (text ?? "").split(",").filter((part) => part !== "").map((part) => {
      const [name, value] = part.split(/==?/);
      return [name!, value ?? ""];
    });
  const labels = pairs(query.get("labelSelector"));
  const fields = pairs(query.get("fieldSelector"));
  return ({ metadata }) =>
    labels.every(([name, value]) => metadata.labels?.[name] === value) &&
    fields.every(([name, value]) =>
      (name === "metadata.name" ? metadata.name : metadata.namespace) === value
    );
}
