/**
 * What the users of the parent are told beside the work, as Events: who took a tunnel over, who was
 * refused one, what changed about the hub. Each once in a while, and by the leader alone.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { API_SERVICES } from "../../shared/kube/resources.ts";
import type { EventSink, EventSubject } from "../registration/events.ts";
import type { RequestBook } from "../registration/request_book.ts";
import type { Dialled, TunnelNews } from "./monitor.ts";
import { Pacer } from "./pacer.ts";

/** Options of {@linkcode News}. */
export interface NewsOptions {
  /** Reads the hub's APIService. */
  client: Pick<KubeClient, "getOrUndefined">;
  /** Knows the request of each cluster. */
  book: Pick<RequestBook, "get">;
  /** Takes the Events. */
  events: EventSink;
  /** Whether this hub leads. */
  active: () => boolean;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Tells. */
export class News {
  readonly #options: NewsOptions;
  readonly #takeovers: Pacer;
  readonly #refusals: Pacer;
  readonly #ofHub: Pacer;

  /** Makes one that has told nothing yet. */
  constructor(options: NewsOptions) {
    const { now } = options;
    this.#options = options;
    this.#takeovers = new Pacer({ now });
    this.#refusals = new Pacer({ now });
    this.#ofHub = new Pacer({ now });
  }

  /**
   * A live tunnel was taken over. A change of leader among an agent's replicas looks the same as a
   * stolen credential.
   */
  takenOver({ clusterId, info, displaced }: TunnelNews & { type: "connected" }): void {
    const { book, events, active } = this.#options;
    const request = book.get(clusterId);
    if (info === undefined || displaced === undefined || request === undefined) return;
    if (!active() || !this.#takeovers.allow(clusterId)) return;
    const name = ({ instanceId, remote }: Dialled): string =>
      `${JSON.stringify(instanceId.slice(0, 100))} at ${remote}`;
    events.record(
      request,
      "Normal",
      "TunnelTakenOver",
      `${name(info)} took the live tunnel of ${
        name(displaced)
      }: another replica of the agent, or ` +
        "somebody with its credentials",
    );
  }

  /**
   * Somebody else than a cluster's agent tried to open its tunnel.
   *
   * @param user who
   */
  attachRefused(clusterId: string, user: string): void {
    const { book, events, active } = this.#options;
    const request = book.get(clusterId);
    if (!active() || request === undefined || !this.#refusals.allow(clusterId)) return;
    events.record(
      request,
      "Warning",
      "AttachRefused",
      `${JSON.stringify(user.slice(0, 200))} may attach, says RBAC, but is not this cluster's ` +
        "agent, and was refused; see the hub's audit log",
    );
  }

  /** Something changed about the hub itself: told of its APIService. */
  ofHub(type: "Normal" | "Warning", reason: string, message: string): void {
    const { client, events, active } = this.#options;
    if (!active() || !this.#ofHub.allow(message)) return;
    void apiService(client).then((subject) => events.record(subject, type, reason, message));
  }
}

/** The hub's APIService; without its UID where it cannot be read. */
async function apiService(client: Pick<KubeClient, "getOrUndefined">): Promise<EventSubject> {
  const name = "v1alpha1.proxies.clusternet.io";
  const bare = { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name } };
  try {
    const found = await client.getOrUndefined<EventSubject>(API_SERVICES, name);
    return found === undefined ? bare : { ...bare, metadata: { name, uid: found.metadata.uid! } };
  } catch {
    return bare;
  }
}
