/**
 * The parent where there is none: what the hub needs of the Kubernetes API that it serves itself.
 *
 * @module
 */
import type { CallerTrust } from "./caller_trust.ts";
import type { EmbeddedKube } from "./front/front_types.ts";
import type { TokenAuthenticator } from "./front/identity.ts";
import type { ServingCertificate } from "./front/serving_cert.ts";

/** See the module text. */
export interface EmbeddedParent extends EmbeddedKube {
  /** Whose client certificates count. */
  readonly trust: CallerTrust;
  /** Judges bearer tokens. */
  readonly tokens: TokenAuthenticator;
  /** What the port serves with. */
  readonly serving: ServingCertificate;
  /** Ends open watches, so that a stop need not wait for them. */
  endWatches(): void;
}
