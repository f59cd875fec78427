/**
 * Signs service account tokens, and checks signatures; remembers those that were good.
 *
 * Source: k8s.io/kubernetes `pkg/serviceaccount/jwt.go`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { compactVerify, importPKCS8, importSPKI, SignJWT } from "jose";
import { LRUCache } from "lru-cache";

const ALGORITHM = "ES256";
/** Longer ones are not ours; header and cache stay small. */
const MAX_TOKEN_LENGTH = 16 * 1024;
const MAX_REMEMBERED = 4096;

/** Claims of a token, as the issuer made them. */
export type Claims = Readonly<Record<string, unknown>>;

/** Claims, or why they cannot be believed; an empty error: a token of another issuer. */
export type SignedClaims = { readonly claims: Claims } | {
  readonly claims?: undefined;
  readonly error: string;
};

/** Signs and checks. */
export interface TokenSigner {
  /** The public key's id, as in `kid`. */
  readonly keyId: string;
  /** @returns a JWT in compact form */
  sign(claims: Claims): Promise<string>;
  /** Checks signature and issuer; times, audiences and objects are the caller's to check. */
  verify(token: string): Promise<SignedClaims>;
}

function jsonPart(part: string | undefined): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? value as Claims : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a signer.
 *
 * @param options.signingKeyPem EC P-256 private key, PKCS #8 or SEC 1
 * @param options.issuer `iss` of what is signed and believed
 * @throws {Error} when the key cannot be read or is of another sort
 */
export async function tokenSigner(
  { signingKeyPem, issuer }: { signingKeyPem: string; issuer: string },
): Promise<TokenSigner> {
  const key = createPrivateKey(signingKeyPem);
  if (key.asymmetricKeyType !== "ec") {
    throw new Error("Cannot sign service account tokens: give an EC P-256 key in PEM form");
  }
  const publicKey = createPublicKey(key);
  const der = publicKey.export({ type: "spki", format: "der" });
  const keyId = createHash("sha256").update(der).digest("base64url");
  const privatePem = key.export({ type: "pkcs8", format: "pem" }).toString();
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const signing = await importPKCS8(privatePem, ALGORITHM);
  const verifying = await importSPKI(publicPem, ALGORITHM);
  const good = new LRUCache<string, Claims>({ max: MAX_REMEMBERED });

  return {
    keyId,
    sign: (claims) =>
      new SignJWT({ ...claims, iss: issuer }).setProtectedHeader({ alg: ALGORITHM, kid: keyId })
        .sign(signing),
    async verify(token): Promise<SignedClaims> {
      const parts = token.split(".", 4);
      if (token.length > MAX_TOKEN_LENGTH || parts.length !== 3) return { error: "" };
      const [head, body] = parts;
      if (jsonPart(body)?.iss !== issuer) return { error: "" };
      const digest = createHash("sha256").update(token).digest("base64");
      const known = good.get(digest);
      if (known !== undefined) return { claims: known };
      const header = jsonPart(head);
      if (header === undefined) return { error: "" };
      if (typeof header.kid === "string" && header.kid !== "" && header.kid !== keyId) {
        return { error: "invalid signature, no keys found" };
      }
      try {
        const { payload } = await compactVerify(token, verifying, { algorithms: [ALGORITHM] });
        const claims = JSON.parse(new TextDecoder().decode(payload)) as Claims;
        // A cache of signatures alone: what the claims say is checked each time
        good.set(digest, claims);
        return { claims };
      } catch {
        return { error: "go-jose/go-jose: error in cryptographic primitive" };
      }
    },
  };
}
