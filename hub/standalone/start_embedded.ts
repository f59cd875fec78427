/**
 * Puts the embedded API together: the store, its namespaces and roles, who may do what, tokens,
 * controllers.
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import { startRoleAggregation } from "./auth/aggregation.ts";
import { ensureBootstrapPolicy } from "./auth/bootstrap_policy.ts";
import { bootstrapTokens } from "./auth/bootstrap_tokens.ts";
import { Rbac } from "./auth/rbac.ts";
import { createReviews } from "./auth/reviews.ts";
import { serviceAccountTokens } from "./auth/service_account_tokens.ts";
import { combineTokens } from "./auth/tokens.ts";
import type { Authorizer, TokenAuthenticator } from "./auth/types.ts";
import { ensureNamespaces, startControllers } from "./controllers/controllers.ts";
import { createEmbeddedApi, type EmbeddedApi } from "./embedded_api.ts";
import { KINDS } from "./kinds/kinds.ts";
import { createDiscovery, type ExtraGroup } from "./reads/discovery.ts";
import { openStore } from "./store/open_store.ts";
import type { Store } from "./store/types.ts";

/** Options of {@linkcode startEmbedded}. */
export interface StartEmbeddedOptions {
  /** File of the store, or `:memory:`. */
  path: string;
  /** EC P-256 private key that signs tokens of service accounts. */
  signingKeyPem: string;
  /** `iss` of those tokens, and the audience of the API itself. */
  issuer: string;
  /** CA that clients verify the API with; published in every namespace. */
  rootCaPem: string;
  /** Such as `v1.36.3+embedded`. */
  gitVersion: string;
  /** Groups that are served beside the API, for discovery. */
  extraGroups?: readonly ExtraGroup[];
  /** Answers `/readyz` and the like; `undefined` for other paths. */
  health?: (request: Request, path: string) => Promise<Response | undefined>;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** At least 0, below 1; unforeseeable. */
  random: () => number;
  /** Where it says what happened. */
  log: Log;
}

/** A running embedded API. */
export interface Embedded {
  /** Answers requests, and writes for controllers. */
  readonly api: EmbeddedApi;
  /** All objects. */
  readonly store: Store;
  /** Whose a bearer token is: of service accounts and bootstrap tokens. */
  readonly authenticate: TokenAuthenticator;
  /** Who may do what. */
  readonly authorizer: Authorizer;
  /** Ends controllers, then the store; what was acknowledged is on the disk. */
  stop(): Promise<void>;
}

/** On an open store; the caller closes it when this throws. */
async function startOn(store: Store, options: StartEmbeddedOptions): Promise<Embedded> {
  const { signingKeyPem, issuer, rootCaPem, gitVersion, extraGroups, health } = options;
  const { now, random, log } = options;
  const tokens = await serviceAccountTokens({ store, signingKeyPem, issuer, now });
  const authenticate = combineTokens(tokens, bootstrapTokens({ store, now, audiences: [issuer] }));
  const rbac = new Rbac({ store, log });
  const stopping = new AbortController();
  try {
    const api = createEmbeddedApi({
      store,
      authorizer: rbac,
      rbac,
      tokens,
      reviews: createReviews({ rbac, tokens: authenticate, now }),
      discovery: createDiscovery({
        kinds: KINDS,
        gitVersion,
        ...(extraGroups === undefined ? {} : { extraGroups }),
      }),
      ...(health === undefined ? {} : { health }),
      now,
      random,
      log,
    });
    await ensureNamespaces({ store, writer: api.writer });
    await ensureBootstrapPolicy({ store, now });
    const running = { store, writer: api.writer, log, signal: stopping.signal };
    const aggregation = startRoleAggregation(running);
    const controllers = startControllers({ ...running, rootCa: rootCaPem, now });
    return {
      api,
      store,
      authenticate,
      authorizer: rbac,
      async stop(): Promise<void> {
        stopping.abort();
        await Promise.all([aggregation.done, controllers.done]);
        rbac.close();
        await store.close();
      },
    };
  } catch (error) {
    rbac.close();
    throw error;
  }
}

/**
 * Opens the store and starts the API on it.
 *
 * @returns the API, ready to be asked
 * @throws {Error} when the store cannot be opened, or the key is none
 */
export async function startEmbedded(options: StartEmbeddedOptions): Promise<Embedded> {
  const { path, now, log } = options;
  const store = await openStore({ path, now, log });
  try {
    return await startOn(store, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}
