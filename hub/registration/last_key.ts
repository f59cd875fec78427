/**
 * For whose key a dedicated namespace was made. The namespace outlives its registration, and so do
 * the rights of users on the cluster's id: whoever registers the id anew with another key is let in
 * by a human alone.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type {
  ClusterRegistrationRequest,
  ObjectMeta,
  PublicKeyJwk,
} from "../../shared/kube/clusternet_types.ts";

/**
 * Annotation on a dedicated namespace: {@linkcode keyHash} of the agent it was made for. Written
 * once: the hub may create namespaces, not change them.
 */
export const KEY_ANNOTATION = "clusters.clusternet.io/key-sha256";

/** An id that was known with another key asks to be registered: only a human can know why. */
export class OtherKeyError extends Error {
  override readonly name = "OtherKeyError";

  /**
   * Tells what to do.
   *
   * @param namespace that was made for the other key
   */
  constructor(namespace: string) {
    super(
      `Waits for an administrator: namespace "${namespace}" was made for an agent of this cluster ` +
        "id with another key, and users may still have rights on the id. Set condition " +
        "Approved=True on this request if the agent is right, or delete that namespace, or deny",
    );
  }
}

/**
 * Hash of a public key: RFC 7638's thumbprint, in hexadecimal.
 *
 * @returns 64 lower-case digits
 */
export function keyHash({ crv, kty, x, y }: PublicKeyJwk): string {
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("hex");
}

/**
 * Whether a namespace was made for another key than that of a request. One without the annotation
 * was made before there was one, and says nothing.
 *
 * @returns `true` when a human has to look
 */
export function keyChanged(
  { metadata }: { metadata: ObjectMeta },
  request: ClusterRegistrationRequest,
): boolean {
  const made = metadata.annotations?.[KEY_ANNOTATION];
  return made !== undefined && made !== keyHash(request.spec.publicKey);
}
