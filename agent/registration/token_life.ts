/**
 * What a token says of its own life. A hub's word on it is bounded by that: a hub that was hostile
 * once could name an expiry that no later token reaches, and its agents would keep what it planted.
 *
 * Tokens of ServiceAccounts are JWTs (RFC 7519) with `iat` and `exp`. Nothing is verified here: who
 * lies in them has a token that the parent refuses.
 *
 * @module
 */

/** What is read of a token, in milliseconds since the epoch. */
export interface TokenTimes {
  /** Claim `iat`. */
  issuedAt?: number;
  /** Claim `exp`. */
  expiresAt?: number;
}

/** No token counts for longer, whatever it or the hub says, in milliseconds. */
export const MAX_LIFE_MS = 90 * 86_400_000;
/** A token that says it was issued later than so far from now says nothing, in milliseconds. */
const MAX_AHEAD_MS = 5 * 60_000;

/** @returns the times that stand in a token; none of what is no JWT */
export function tokenTimes(token: string): TokenTimes {
  const parts = token.split(".");
  if (parts.length !== 3) return {};
  let claims: unknown;
  try {
    const bytes = Uint8Array.fromBase64(parts[1]!, { alphabet: "base64url" });
    claims = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
  if (typeof claims !== "object" || claims === null) return {};
  const { iat, exp } = claims as { iat?: unknown; exp?: unknown };
  return {
    ...(typeof iat === "number" && Number.isFinite(iat) ? { issuedAt: iat * 1000 } : {}),
    ...(typeof exp === "number" && Number.isFinite(exp) ? { expiresAt: exp * 1000 } : {}),
  };
}

/**
 * When a token counts no more.
 *
 * @param said what the hub, or the Secret, says; milliseconds since the epoch
 * @param now the parent's time
 * @returns the earliest of `said`, the token's own `exp`, and 90 days from now
 */
export function boundedExpiry(token: string, said: number, now: number): number {
  return Math.min(said, tokenTimes(token).expiresAt ?? Infinity, now + MAX_LIFE_MS);
}

/** A token and its bounded expiry. */
export interface DatedToken {
  token: string;
  /** Milliseconds since the epoch; see {@linkcode boundedExpiry}. */
  expiresAt: number;
}

/**
 * Whether a token was issued before the one that is held: the word of a replayed message. Where
 * `iat` is missing, or lies in the future, the one with an honest one is the later; where both lack
 * it, the one that expires later.
 *
 * @param now the parent's time
 */
export function isOlder(given: DatedToken, held: DatedToken, now: number): boolean {
  const [mine, theirs] = [given, held].map(({ token }) => {
    const { issuedAt } = tokenTimes(token);
    return issuedAt !== undefined && issuedAt <= now + MAX_AHEAD_MS ? issuedAt : undefined;
  });
  if (mine !== undefined && theirs !== undefined) return mine < theirs;
  if (mine !== undefined) return false;
  return given.expiresAt < held.expiresAt;
}
