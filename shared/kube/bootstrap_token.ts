/**
 * What bootstrap tokens are made of.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 *
 * @module
 */

/** Where their Secrets are. */
export const BOOTSTRAP_NAMESPACE = "kube-system";
/** Type of their Secrets. */
export const BOOTSTRAP_TYPE = "bootstrap.kubernetes.io/token";
/** Names of their Secrets are this and the public part. */
export const BOOTSTRAP_PREFIX = "bootstrap-token-";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Uniform over the alphabet: bytes that would favour its beginning are thrown away. */
function letters(count: number, randomBytes: (length: number) => Uint8Array): string {
  const limit = 256 - 256 % ALPHABET.length;
  let text = "";
  while (text.length < count) {
    for (const byte of randomBytes(count)) {
      if (byte < limit && text.length < count) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

/**
 * Makes the two parts of a token; written `id.secret`.
 *
 * @param randomBytes cryptographically strong
 * @returns 6 and 16 characters
 */
export function newBootstrapToken(
  randomBytes: (length: number) => Uint8Array,
): { id: string; secret: string } {
  return { id: letters(6, randomBytes), secret: letters(16, randomBytes) };
}
