/**
 * The agent's list of targets in a ConfigMap of the child, kept up to date.
 *
 * - A list that cannot be read is refused as a whole: the last good one stays in force. An agent
 *   that starts with such a list has none, so only its flags count.
 * - A ConfigMap that is gone, or has no list, means that nothing of it may be reached.
 * - While the child's API cannot be read (down, or the grant is missing) the last list stays: an
 *   outage of an API server must not cut a service that an admin allowed.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { Informer } from "../../shared/kube/informer.ts";
import { CONFIG_MAPS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { ConfigMap, ObjectReference } from "../../shared/kube/types.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { type AllowEntry, formatAllowEntry } from "./allow_entry.ts";

/** The one key of the ConfigMap that is read; another one is a fault. */
export const LIST_KEY = "targets.yaml";

/** Writes an Event about an object, best effort. */
export type TargetListEvent = (
  involved: ObjectReference,
  type: "Normal" | "Warning",
  reason: "TargetListAccepted" | "TargetListRefused" | "TargetListRemoved",
  message: string,
) => void;

/** Options of {@linkcode TargetConfigMap}. */
export interface TargetConfigMapOptions {
  /** The way to the child's API, with the agent's own rights. */
  client: Pick<KubeClient, "list" | "watch">;
  /** The agent's namespace. */
  namespace: string;
  /** The ConfigMap's name. */
  name: string;
  /** Takes the entries that are in force, each time they change. */
  apply: (entries: readonly AllowEntry[]) => void;
  /** Told of every change after the first list, and of every refusal. @default {nobody} */
  event?: TargetListEvent;
  /** Reads a list; throws with what is wrong. @default {readTargetList, loaded at the first} */
  read?: (text: string) => Promise<AllowEntry[]>;
  /** Where it says what happened. @default {silentLog} */
  log?: Log;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** 0 to 1. @default {Math.random} */
  random?: () => number;
}

/** Watches the ConfigMap; see the module text. */
export class TargetConfigMap {
  readonly #options: TargetConfigMapOptions;
  readonly #log: Log;
  readonly #informer: Informer<ConfigMap>;
  /** Rises with each change, so that a list that was still being read is not applied late. */
  #generation = 0;
  #reading: Promise<void> = Promise.resolve();
  #entries: readonly AllowEntry[] = [];
  #fault: string | undefined;
  /** Of the fault, for the one who is told later. */
  #faulty: { map: ConfigMap; message: string } | undefined;
  /** Until the first list was looked at: what it says is no change. */
  #first = true;
  /** Whether there was a good list since the ConfigMap is there. */
  #good = false;
  #saidForbidden = false;

  /** Makes it; `start` starts it. */
  constructor(options: TargetConfigMapOptions) {
    const { client, namespace, name, log = silentLog, now, random } = options;
    this.#options = options;
    this.#log = log.with({ configMap: `${namespace}/${name}` });
    this.#informer = new Informer<ConfigMap>({
      client: {
        list: (...args) => this.#sayForbidden(client.list(...args)),
        watch: client.watch.bind(client),
      },
      resource: CONFIG_MAPS,
      namespace,
      // RBAC's resourceNames hold for list and watch with this selector
      fieldSelector: `metadata.name=${name}`,
      log,
      ...(now === undefined ? {} : { now }),
      ...(random === undefined ? {} : { random }),
    });
    this.#informer.on({
      added: (map) => this.#changed(map),
      updated: (map) => this.#changed(map),
      deleted: (map) => this.#removed(map),
    });
  }

  /** Entries in force. */
  get entries(): readonly AllowEntry[] {
    return this.#entries;
  }

  /** Why the ConfigMap's list is refused; `undefined` when it is in force or there is none. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /**
   * Starts; once.
   *
   * @param signal stops it
   */
  start(signal: AbortSignal): void {
    this.#informer.start(signal);
    this.#informer.synced.then(() => this.#reading).then(() => this.#first = false, () => {});
  }

  /**
   * Waits for the first list, so that the first request finds it in force.
   *
   * @param withinMs at most so long: an agent without the grant is to work
   * @param signal ends it
   * @returns resolves in either case; never rejects
   */
  async ready(withinMs: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const synced = this.#informer.synced.then(() => this.#reading);
    const late = delay(withinMs, AbortSignal.any([signal, stop.signal]));
    await Promise.race([synced, late]).catch(() => {});
    stop.abort();
    await late.catch(() => {});
  }

  /** Resolves when everything is closed after the signal. */
  get stopped(): Promise<void> {
    return this.#informer.stopped.then(() => this.#reading);
  }

  #changed(map: ConfigMap): void {
    const generation = ++this.#generation;
    this.#reading = this.#read(map).then(
      (entries) => {
        if (generation === this.#generation) this.#accept(map, entries);
      },
      (error) => {
        if (generation === this.#generation) this.#refuse(map, error);
      },
    );
  }

  async #read({ data = {}, binaryData = {} }: ConfigMap): Promise<AllowEntry[]> {
    const keys = [...Object.keys(data), ...Object.keys(binaryData)];
    const unknown = keys.find((key) => key !== LIST_KEY);
    if (unknown !== undefined) {
      throw new Error(`its key ${JSON.stringify(unknown)} is unknown; the one key is ${LIST_KEY}`);
    }
    const text = data[LIST_KEY];
    if (text === undefined) {
      if (keys.length === 0) return [];
      throw new Error(`its key ${LIST_KEY} must be text, not binaryData`);
    }
    if (text.trim() === "") return [];
    const { read = readLazily } = this.#options;
    try {
      return await read(text);
    } catch (error) {
      throw new Error(`${LIST_KEY}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #accept(map: ConfigMap, entries: readonly AllowEntry[]): void {
    const before = this.#entries.map(formatAllowEntry);
    const now = entries.map(formatAllowEntry);
    const mended = this.#fault !== undefined;
    this.#fault = undefined;
    this.#entries = entries;
    this.#options.apply(entries);
    const added = now.filter((entry) => !before.includes(entry));
    const removed = before.filter((entry) => !now.includes(entry));
    this.#good = true;
    if (!mended && added.length === 0 && removed.length === 0) return;
    this.#log.info("The list of targets is in force", {
      entries: now.length,
      added: some(added),
      removed: some(removed),
    });
    if (this.#first) return; // Not one Event for each start of each agent
    this.#tell(
      map,
      "Normal",
      "TargetListAccepted",
      `The list is in force: ${now.length} entries, ${added.length} added, ${removed.length} removed`,
    );
  }

  #refuse(map: ConfigMap, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const before = this.#fault;
    this.#fault = why;
    if (before === why) return;
    const kept = this.#good
      ? `The last good list stays in force: ${this.#entries.length} entries`
      : "There is no earlier list: only --allow-target is in force";
    this.#log.error("The list of targets is refused", { why, kept });
    this.#faulty = { map, message: `Cannot take the list: ${why}. ${kept}` };
    this.repeatFault();
  }

  /** Writes the Event of a fault that stands again, for one that nobody was told of. */
  repeatFault(): void {
    if (this.#fault === undefined || this.#faulty === undefined) return;
    const { map, message } = this.#faulty;
    this.#tell(map, "Warning", "TargetListRefused", message);
  }

  #removed(map: ConfigMap): void {
    this.#generation++;
    const count = this.#entries.length;
    this.#entries = [];
    this.#fault = undefined;
    this.#good = false;
    this.#options.apply([]);
    this.#log.info("The list of targets was removed: nothing of it may be reached", { count });
    this.#tell(
      map,
      "Normal",
      "TargetListRemoved",
      `The list is gone: its ${count} entries may not be reached any more`,
    );
  }

  #tell(
    { metadata }: ConfigMap,
    type: "Normal" | "Warning",
    reason: Parameters<TargetListEvent>[2],
    message: string,
  ): void {
    const { namespace, name } = this.#options;
    this.#options.event?.(
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        namespace,
        name,
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      },
      type,
      reason,
      message,
    );
  }

  /** A missing grant would else be seen in the debug log alone. */
  async #sayForbidden<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.#saidForbidden = false;
      return result;
    } catch (error) {
      if (isStatus(error, 403) && !this.#saidForbidden) {
        this.#saidForbidden = true;
        this.#log.warn(
          "Cannot read the list of targets: grant get, list and watch on this ConfigMap " +
            "(deploy/agent/00-rbac.yaml), or give --allow-targets-configmap=",
          { error },
        );
      }
      throw error;
    }
  }
}

/** The YAML library need not stand in the memory of an agent that has no list. */
async function readLazily(text: string): Promise<AllowEntry[]> {
  const { readTargetList } = await import("./target_list.ts");
  return readTargetList(text);
}

/** For the log: a list may be long. */
function some(entries: readonly string[]): string {
  const shown = entries.slice(0, 20).join(" ");
  return entries.length > 20 ? `${shown} and ${entries.length - 20} more` : shown;
}
