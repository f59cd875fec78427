/**
 * Sums up the child's nodes, page by page: a large cluster's nodes never stand in memory at once.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { ResourceSums } from "./quantity.ts";

/** The parts of a node that count. */
export interface NodeObject {
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string }[];
  };
}

interface NodePage {
  items?: NodeObject[] | null;
  metadata?: { continue?: string };
}

/** What is reported of all nodes. */
export interface NodeSummary {
  nodeStatistics: { readyNodes: number; notReadyNodes: number; unknownNodes: number };
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
}

/** Adds up nodes. */
export class NodeSums {
  readonly #counts = { readyNodes: 0, notReadyNodes: 0, unknownNodes: 0 };
  readonly #capacity = new ResourceSums();
  readonly #allocatable = new ResourceSums();

  /** Counts one node by its condition `Ready`; a node that never said so is unknown. */
  add(node: NodeObject): void {
    const ready = node.status?.conditions?.find(({ type }) => type === "Ready")?.status;
    if (ready === "True") this.#counts.readyNodes++;
    else if (ready === "False") this.#counts.notReadyNodes++;
    else this.#counts.unknownNodes++;
    this.#capacity.add(node.status?.capacity);
    this.#allocatable.add(node.status?.allocatable);
  }

  /** @returns what was added up */
  summary(): NodeSummary {
    return {
      nodeStatistics: { ...this.#counts },
      capacity: this.#capacity.totals(),
      allocatable: this.#allocatable.totals(),
    };
  }
}

const PAGE = 100;
/** No cluster has more; a server that always says "continue" must not hold the agent for ever. */
const MAX_PAGES = 1_000;

/**
 * Reads all nodes.
 *
 * @param client client of the child
 * @param signal ends it
 * @returns the sums
 * @throws {StatusError} when the nodes cannot be listed
 */
export async function summariseNodes(
  client: KubeClient,
  signal: AbortSignal,
): Promise<NodeSummary> {
  const sums = new NodeSums();
  let next = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (next !== "") query.set("continue", next);
    const list = await client.json<NodePage>(`/api/v1/nodes?${query}`, { signal });
    for (const node of list.items ?? []) sums.add(node);
    next = list.metadata?.continue ?? "";
    if (next === "") break;
  }
  return sums.summary();
}
