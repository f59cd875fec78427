/**
 * Events on objects, for `kubectl describe` and `kubectl events`.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import { type Log, silentLog } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { EVENTS } from "./resources.ts";
import { isStatus } from "./status.ts";
import type { KubeEvent, ObjectReference } from "./types.ts";

/** An event to record. */
export interface NewEvent {
  /** The object it speaks of; its UID makes `kubectl describe` show it. */
  involved: ObjectReference;
  /** `Warning` when somebody should look. */
  type: "Normal" | "Warning";
  /** CamelCase. */
  reason: string;
  /** For a human; cut at 1024 characters. */
  message: string;
  /** Who says it: `clusternet-hub`. */
  component: string;
  /**
   * Namespace of the involved object, where `involved` does not say it. Leave it out for a cluster
   * scoped object: its events live in `default`, API servers refuse them elsewhere.
   */
  namespace?: string | undefined;
}

/** Options of {@linkcode EventRecorder}. */
export interface EventRecorderOptions {
  /** The way to the API. */
  client: Pick<KubeClient, "create" | "patch">;
  /** Where it says what happened. @default {silent} */
  log?: Log;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Source of randomness, in `[0, 1)`. @default {Math.random} */
  random?: () => number;
  /** Writes at once, for each type of event. @default {25} */
  burst?: number;
  /** Writes per second after that, for each type of event. @default {1} */
  perSecond?: number;
}

interface Known {
  name: string;
  namespace: string;
  count: number;
}

/** Repeats within it are counted on the first event; events live an hour in a cluster. */
const AGGREGATE_MS = 10 * 60_000;
const MAX_KNOWN = 1024;

/**
 * Writes events, best effort: nothing is thrown, repeats are counted on one object, and a storm is
 * cut at a rate. What was left out is in the count of the next write. Warnings have a rate of their
 * own: a fleet that comes back must not hide the one device that does not.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #known: LRUCache<string, Known>;
  readonly #burst: number;
  readonly #buckets: Record<NewEvent["type"], { allowance: number; filledAt: number }>;

  /**
   * Makes a recorder.
   *
   * @param options the way to the API, and the rate
   */
  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#now = options.now ?? Date.now;
    this.#burst = options.burst ?? 25;
    const full = { allowance: this.#burst, filledAt: this.#now() };
    this.#buckets = { Normal: { ...full }, Warning: { ...full } };
    this.#known = new LRUCache({
      max: MAX_KNOWN,
      ttl: AGGREGATE_MS,
      ttlResolution: 0,
      perf: { now: () => this.#now() },
    });
  }

  /**
   * Records an event.
   *
   * @returns resolves when it was written or dropped; never rejects
   */
  async record(event: NewEvent): Promise<void> {
    const namespace = event.involved.namespace || event.namespace || "default";
    const { involved, type, reason, component } = event;
    const message = event.message.slice(0, 1024);
    const { kind, name, uid } = involved;
    const key = JSON.stringify([kind, namespace, name, uid, type, reason, component, message]);
    let known = this.#known.get(key);
    if (known !== undefined) known.count++;
    if (!this.#take(type)) {
      // A new one that is left out is counted as well, from its first repeat on
      if (known === undefined) this.#known.set(key, { name: "", namespace, count: 1 });
      this.#log.debug("Event left out: too many", { reason });
      return;
    }
    try {
      if (known !== undefined && known.name !== "" && await this.#repeat(known)) return;
      const count = known?.count ?? 1;
      known = { name: this.#name(name ?? "unknown"), namespace, count };
      this.#known.set(key, known);
      await this.#create(event, known, message);
    } catch (error) {
      this.#log.debug("Event could not be written", { reason, error });
      this.#known.delete(key);
    }
  }

  /** @returns `false` when the event has expired in the cluster */
  async #repeat({ name, namespace, count }: Known): Promise<boolean> {
    const lastTimestamp = this.#time();
    try {
      await this.#options.client.patch(EVENTS, name, { count, lastTimestamp }, {
        type: "merge",
        namespace,
      });
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw error;
    }
  }

  async #create(
    event: NewEvent,
    { name, namespace, count }: Known,
    message: string,
  ): Promise<void> {
    const time = this.#time();
    const { involved, type, reason, component } = event;
    const body: KubeEvent = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: namespace === "default" ? involved : { ...involved, namespace },
      type,
      reason,
      message,
      count,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component },
      reportingComponent: component,
      reportingInstance: component,
    };
    await this.#options.client.create(EVENTS, body, { namespace });
  }

  /** As client-go: the object's name, and a number that rises with time. */
  #name(involved: string): string {
    const { random = Math.random } = this.#options;
    const nanoseconds = BigInt(this.#now()) * 1_000_000n +
      BigInt(Math.floor(random() * 1_000_000));
    return `${involved.slice(0, 230)}.${nanoseconds.toString(16)}`;
  }

  #time(): string {
    return new Date(this.#now()).toISOString().replace(/\.\d+Z$/, "Z");
  }

  #take(type: NewEvent["type"]): boolean {
    const bucket = this.#buckets[type];
    const now = this.#now();
    const filled = Math.max(0, now - bucket.filledAt) / 1000 * (this.#options.perSecond ?? 1);
    bucket.allowance = Math.min(this.#burst, bucket.allowance + filled);
    bucket.filledAt = now;
    if (bucket.allowance < 1) return false;
    bucket.allowance--;
    return true;
  }
}

const recorders = new WeakMap<object, EventRecorder>();

/**
 * Records an event through the one recorder of this client.
 *
 * @returns resolves when it was written or dropped; never rejects
 */
export async function recordEvent(
  client: Pick<KubeClient, "create" | "patch">,
  event: NewEvent,
): Promise<void> {
  let recorder = recorders.get(client);
  if (recorder === undefined) recorders.set(client, recorder = new EventRecorder({ client }));
  await recorder.record(event);
}
