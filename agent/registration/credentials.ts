/**
 * The credentials in use, and how fresh ones come in: from the registration, and from the hub down
 * the tunnel.
 *
 * @module
 */
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import type { AgentKey } from "./keys.ts";
import type { ParentClock } from "./parent_clock.ts";
import { openSealed, SealedError } from "./sealed.ts";
import type { Credentials, ParentClusterStore } from "./store.ts";
import { boundedExpiry, isOlder } from "./token_life.ts";

/** Path of the hub's control request that brings fresh credentials. */
export const CREDENTIALS_PATH = "/credentials";

/** The credentials are in use but could not be stored: a restart would lose them. */
export class NotStoredError extends Error {
  override readonly name = "NotStoredError";
}

/** Sealed credentials whose token has expired: the hub will seal new ones. */
export class ExpiredError extends SealedError {}

/** Options of {@linkcode ParentCredentials}. */
export interface ParentCredentialsOptions {
  /** The agent's pair. */
  key: AgentKey;
  /** This cluster. */
  clusterId: string;
  /** The parent in use. */
  parentUrl: string;
  /** For the Secret's label. */
  clusterName: string;
  store: Pick<ParentClusterStore, "saveCredentials">;
  /** The parent's time. */
  clock: Pick<ParentClock, "now">;
  /** Asks the parent whether it takes these credentials; throws when it cannot be asked. */
  probe: (credentials: Credentials) => Promise<boolean>;
  /** What counts of the CA that the hub sealed; see `ParentAccess`. @default {all of it} */
  vetCa?: (pem: string) => string;
  /** Told of each change, and whether the hub handed them over now. */
  onChange?: (credentials: Credentials, fromHub: boolean) => void;
  /** @default {silentLog} */
  log?: Log;
}

/** A token is not used in its last moments: a request takes time, and clocks differ. */
const MIN_LIFE_MS = 10_000;

/** Holds the credentials in use. */
export class ParentCredentials {
  readonly #options: ParentCredentialsOptions;
  readonly #log: Log;
  #current: Credentials | undefined;
  /** What the parent refused last. */
  #refused: Credentials | undefined;

  constructor(options: ParentCredentialsOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /** @returns the credentials to use now; `undefined` before the registration */
  current(): Credentials | undefined {
    return this.#current;
  }

  /** `true` when there are credentials and their token has not expired by the parent's clock. */
  get fresh(): boolean {
    return this.#current !== undefined &&
      this.#current.expiresAt > this.#options.clock.now() + MIN_LIFE_MS;
  }

  /**
   * Takes credentials of an earlier run. Their expiry is bounded as that of new ones: an earlier
   * version may have stored what the hub said.
   *
   * @returns `false` when they are for another parent or another cluster
   */
  adopt(stored: Credentials | undefined): boolean {
    if (
      stored === undefined || stored.parentUrl !== this.#options.parentUrl ||
      stored.clusterId !== this.#options.clusterId
    ) return false;
    const expiresAt = boundedExpiry(stored.token, stored.expiresAt, this.#options.clock.now());
    this.#use({ ...stored, expiresAt }, false);
    return true;
  }

  /**
   * Opens sealed credentials, uses them from now on, and stores them. What the hub hands over now
   * wins, so that a clean hub undoes what a hostile one said; but a replayed message, with the
   * credentials in use or an older token, changes nothing.
   *
   * @param jwe what the hub sealed
   * @returns `"taken"`, or `"known"` when those in use are the same, or newer
   * @throws {ExpiredError} when their token has expired; {SealedError} when they are not for this
   * agent; {@linkcode NotStoredError} when they are in use but could not be stored; the probe's error
   */
  async accept(jwe: string): Promise<"taken" | "known"> {
    const { key, clusterId, parentUrl, clock, store, clusterName } = this.#options;
    const { vetCa = (pem: string) => pem } = this.#options;
    const payload = await openSealed(jwe, key, clusterId);
    const said = Date.parse(payload.expirationTimestamp);
    const expiresAt = boundedExpiry(payload.token, said, clock.now());
    if (expiresAt <= clock.now() + MIN_LIFE_MS) {
      throw new ExpiredError(
        `Cannot use the sealed credentials: their token expired at ${
          new Date(expiresAt).toISOString()
        }`,
      );
    }
    const held = this.#current;
    if (held !== undefined && isOlder({ token: payload.token, expiresAt }, held, clock.now())) {
      return "known";
    }
    const credentials: Credentials = {
      token: payload.token,
      expiresAt,
      caCertificate: vetCa(payload.caCertificate),
      namespace: payload.namespace,
      managedClusterName: payload.managedClusterName,
      parentUrl,
      clusterId,
    };
    if (held !== undefined && isSame(credentials, held)) return "known";
    // An API server that has just started may refuse a good token: it is asked again
    if (payload.token === this.#refused?.token && !await this.#options.probe(credentials)) {
      throw new ExpiredError("Cannot use the sealed credentials: the parent refuses their token");
    }
    this.#use(credentials, true);
    try {
      await store.saveCredentials(credentials, clusterName);
    } catch (cause) {
      throw new NotStoredError("Cannot store the credentials in the child", { cause });
    }
    this.#log.info("New credentials for the parent are stored", {
      validUntil: new Date(expiresAt).toISOString(),
    });
    return "taken";
  }

  /** The parent refused the token: it is not offered again, unless the parent takes it then. */
  refuse(): void {
    this.#refused = this.#current;
    this.#current = undefined;
  }

  /**
   * Asks the parent about a refused token again, where it has not expired: an API server that has
   * just started, or has lost its etcd, refuses good ones, and an agent whose bootstrap token is
   * long gone has no other way back.
   *
   * @returns whether it is in use again
   * @throws the probe's error
   */
  async retryRefused(): Promise<boolean> {
    const refused = this.#refused;
    if (refused === undefined || refused.expiresAt <= this.#options.clock.now() + MIN_LIFE_MS) {
      return false;
    }
    if (!await this.#options.probe(refused)) return false;
    if (this.#current === undefined) this.#use(refused, false);
    return true;
  }

  /**
   * Serves the hub's control requests: `POST /credentials` with a JWE as body.
   *
   * @returns 204 when they are in use and stored now, 200 when the agent holds them already (or
   * newer ones), 4xx when they are refused, 500 when they could not be stored
   */
  async handle(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== CREDENTIALS_PATH) {
      return statusResponse(failure(404, "Unknown control request: this agent may be older"));
    }
    if (request.method !== "POST") {
      return statusResponse(failure(405, `Cannot ${request.method} credentials: want POST`), {
        "Allow": "POST",
      });
    }
    const jwe = await request.text();
    try {
      if (await this.accept(jwe) === "taken") return new Response(null, { status: 204 });
      return new Response("The agent holds these credentials already, or newer ones\n");
    } catch (error) {
      if (error instanceof SealedError) {
        this.#log.warn("Credentials that came down the tunnel are refused", { error });
        return statusResponse(failure(422, error.message));
      }
      this.#log.error("Cannot store the new credentials: they are used, and lost at a restart", {
        error,
      });
      return statusResponse(failure(500, "Cannot store the credentials in the child: try again"));
    }
  }

  #use(credentials: Credentials, fromHub: boolean): void {
    this.#current = credentials;
    this.#refused = undefined;
    this.#options.onChange?.(credentials, fromHub);
  }
}

/** Whether nothing is new in them; without a claim `exp`, the bound on the expiry moves by itself. */
function isSame(given: Credentials, held: Credentials): boolean {
  return given.token === held.token && given.caCertificate === held.caCertificate &&
    given.namespace === held.namespace && given.managedClusterName === held.managedClusterName;
}
