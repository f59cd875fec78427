/**
 * Which clusters an `unjoin` is about: the child, its parent, or one of them.
 *
 * @module
 */
import { isStatus } from "../../shared/kube/status.ts";
import { type CliContext, CliError, type Connected } from "../context.ts";
import { explain } from "./explain.ts";
import { findClusterIds } from "./leave_parent.ts";
import { type Membership, readMembership } from "./membership.ts";
import type { KubeconfigFlags } from "./options.ts";

/** What the operator said. */
export interface SidesFlags extends KubeconfigFlags {
  /** Id or name of the cluster. */
  cluster: string | undefined;
  /** Kubeconfig of the parent. */
  parentKubeconfig?: string;
  /** Context of the parent. */
  parentContext?: string;
}

/** What there is; disposing closes the connections. */
export interface Sides extends Disposable {
  /** The parent, where it can be reached. */
  parent?: Connected;
  /** The child, where it can be reached and is the one that is meant. */
  child?: Connected;
  /** What the child says of itself. */
  membership?: Membership;
  /** The cluster. */
  clusterId?: string;
  /** Why a side is not there. */
  troubles: string[];
}

/**
 * Connects to both sides as far as they are named. Without a flag for the parent, and with a
 * cluster named, the current context may be the parent itself.
 *
 * @throws {CliError} when the flags name two different clusters, or none
 */
export async function findSides(context: CliContext, flags: SidesFlags): Promise<Sides> {
  const finder = new Finder(context, flags);
  try {
    await finder.find();
    return finder.sides;
  } catch (error) {
    finder.sides[Symbol.dispose]();
    throw error;
  }
}

class Finder {
  readonly #context: CliContext;
  readonly #flags: SidesFlags;
  readonly #stack = new DisposableStack();
  readonly sides: Sides;

  constructor(context: CliContext, flags: SidesFlags) {
    this.#context = context;
    this.#flags = flags;
    this.sides = { troubles: [], [Symbol.dispose]: () => this.#stack.dispose() };
  }

  async find(): Promise<void> {
    const { cluster, kubeconfig, parentKubeconfig, parentContext } = this.#flags;
    const named = parentKubeconfig !== undefined || parentContext !== undefined;
    const parent = named
      ? this.#stack.use(
        await this.#context.connect({
          kubeconfig: parentKubeconfig ?? kubeconfig,
          context: parentContext,
        }),
      )
      : undefined;
    const here = this.#stack.use(await this.#context.connect(this.#flags));
    await this.#readHere(here, parent);
    if (cluster === undefined) await this.#withoutName(here, parent);
    else await this.#withName(cluster, here, parent);
  }

  /** The membership of the current context's cluster; that it cannot be reached may not matter. */
  async #readHere(here: Connected, parent: Connected | undefined): Promise<void> {
    const { signal } = this.#context;
    try {
      const membership = await readMembership(here.client, signal);
      if (membership !== undefined) this.sides.membership = membership;
    } catch (error) {
      signal.throwIfAborted();
      if (parent === undefined || this.#flags.cluster === undefined) throw error;
      this.sides.troubles.push(`the child cannot be reached: ${explain(error)}`);
    }
  }

  /** `unjoin`: the current context is the child. */
  async #withoutName(here: Connected, parent: Connected | undefined): Promise<void> {
    const { sides } = this;
    const clusterId = sides.membership?.clusterId;
    if (clusterId === undefined && parent?.config.server === here.config.server) {
      throw new CliError(
        `Context "${here.contextName}" is the parent itself: name the child with --context, or the ` +
          "cluster by its id. Nothing was changed",
      );
    }
    sides.child = here;
    if (clusterId !== undefined) sides.clusterId = clusterId;
    if (parent === undefined) return;
    if (clusterId === undefined) {
      this.#context.err(
        "The child has joined no hub, or not any more; to clean the parent of it, name the cluster by " +
          "its id or name\n",
      );
    }
    if (await this.#idsIn(parent, clusterId ?? "") !== undefined) sides.parent = parent;
  }

  async #withName(
    cluster: string,
    here: Connected,
    parent: Connected | undefined,
  ): Promise<void> {
    const { sides } = this;
    const { membership } = sides;
    const candidate = parent ?? here;
    const ids = await this.#idsIn(candidate, cluster, parent === undefined);
    if (ids !== undefined && ids.length > 1) {
      throw new CliError(
        `Several clusters are named "${cluster}": say which by its id: ${ids.join(", ")}`,
      );
    }
    const own = membership?.clusterId === cluster || membership?.name === cluster
      ? membership.clusterId
      : undefined;
    const clusterId = ids?.[0] ?? own ?? (parent === undefined ? undefined : uuidOf(cluster));
    if (clusterId === undefined) {
      throw new CliError(
        `There is no cluster "${cluster}" here: in the parent, ${this.#context.program} clusters ` +
          "shows them; name the parent with --parent-kubeconfig or --parent-context",
      );
    }
    sides.clusterId = clusterId;
    if (ids !== undefined && (parent !== undefined || ids.length > 0)) sides.parent = candidate;
    if (membership?.clusterId === clusterId) {
      sides.child = here;
      return;
    }
    delete sides.membership;
    const { kubeconfig, context } = this.#flags;
    if (membership?.clusterId === undefined || parent === undefined) return;
    if (kubeconfig === undefined && context === undefined) return;
    throw new CliError(
      `Context "${here.contextName}" is cluster ${membership.clusterId}, and not "${cluster}": name ` +
        "the right one with --context. Nothing was changed",
    );
  }

  /**
   * @param quiet a cluster that is no parent is none, and no trouble
   * @returns `undefined` when that cluster cannot be asked
   */
  async #idsIn(
    candidate: Connected,
    word: string,
    quiet = false,
  ): Promise<string[] | undefined> {
    const { signal } = this.#context;
    try {
      return await findClusterIds(candidate.client, word, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (quiet && isStatus(error, 403, 404)) return undefined;
      this.sides.troubles.push(`the parent cannot be asked: ${explain(error)}`);
      return undefined;
    }
  }
}

function uuidOf(word: string): string | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(word) ? word : undefined;
}
