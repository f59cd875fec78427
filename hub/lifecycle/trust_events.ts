/**
 * Events for changes of what the hub trusts and what it is trusted by: the front proxy's CA, the
 * CA of users' client certificates, and the serving certificate. They speak of the APIService.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";

/** A value that changes; structurally a `Source` of `hub/front`. */
interface Followed<T> {
  readonly value: T;
  subscribe(listener: (value: T) => void): () => void;
}

/** Options of {@linkcode tellTrustChanges}. */
export interface TrustEventsOptions {
  /** Whose word about callers counts. */
  settings: Followed<{
    requestHeaderCa: { pem: string };
    clientCa: { pem: string };
    allowedNames: readonly string[];
  }>;
  /** PEM of the serving certificate, leaf first. */
  serving: Followed<{ cert: string }>;
  /** Writes an Event. */
  tell: (type: "Normal" | "Warning", reason: string, message: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

const MAX_NAMED = 4;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Fingerprints of a bundle.
 *
 * @returns `SHA256=AB:CD:...`, several with commas
 */
function fingerprints(pem: string): string {
  const found = pem.match(BLOCK) ?? [];
  const named = found.slice(0, MAX_NAMED).map((block) => {
    try {
      return `SHA256=${new X509Certificate(block).fingerprint256}`;
    } catch {
      return "unreadable";
    }
  });
  if (found.length > MAX_NAMED) named.push(`${found.length - MAX_NAMED} more`);
  return named.length === 0 ? "none" : named.join(", ");
}

/** Tells of each change until the signal; what is read first at the start is none. */
export function tellTrustChanges({ settings, serving, tell, signal }: TrustEventsOptions): void {
  let { requestHeaderCa, clientCa, allowedNames } = settings.value;
  let { cert } = serving.value;
  const ends = [
    settings.subscribe((now) => {
      const was = { requestHeaderCa, clientCa, allowedNames };
      ({ requestHeaderCa, clientCa, allowedNames } = now);
      const first = was.requestHeaderCa.pem === "" && was.clientCa.pem === "";
      if (first) return;
      const names = allowedNames.join(", ").slice(0, 200) || "any";
      if (
        was.requestHeaderCa.pem !== requestHeaderCa.pem ||
        was.allowedNames.join() !== allowedNames.join()
      ) {
        tell(
          "Warning",
          "FrontProxyTrustChanged",
          `Who may speak for users is now: common name ${names}, CA ` +
            fingerprints(requestHeaderCa.pem),
        );
      }
      if (was.clientCa.pem !== clientCa.pem) {
        tell(
          "Warning",
          "ClientCAChanged",
          `Client certificates of users count from CA ${fingerprints(clientCa.pem)}`,
        );
      }
    }),
    serving.subscribe((now) => {
      if (now.cert === cert) return;
      cert = now.cert;
      const [leaf = ""] = cert.match(BLOCK) ?? [];
      tell("Normal", "ServingCertificateChanged", `The hub serves with ${fingerprints(leaf)}`);
    }),
  ];
  signal.addEventListener("abort", () => ends.forEach((end) => end()), { once: true });
}
