/**
 * Several ways to know a bearer token, as one.
 *
 * Source: k8s.io/apiserver `pkg/authentication/token/union/union.go`,
 * `pkg/authentication/authenticator/audiences.go`
 *
 * @module
 */
import type { User } from "../user.ts";
import type { TokenAuthenticator } from "./types.ts";

/** Whose a token is, or why it is nobody's. */
export type TokenVerdict =
  | { readonly user: User; readonly audiences: readonly string[] }
  /** `error` is empty when the token is of another sort; it never holds the token. */
  | { readonly user?: undefined; readonly error: string };

/** An authenticator that says why not. */
export interface TokenJudge extends TokenAuthenticator {
  /** As {@linkcode TokenAuthenticator.authenticateToken}, with a reason. */
  judgeToken(token: string, audiences?: readonly string[]): Promise<TokenVerdict>;
}

/**
 * Makes the plain form of a judge.
 *
 * @param judgeToken decides
 * @returns both forms
 */
export function tokenJudge(judgeToken: TokenJudge["judgeToken"]): TokenJudge {
  return {
    judgeToken,
    async authenticateToken(token, audiences): ReturnType<TokenAuthenticator["authenticateToken"]> {
      const verdict = await judgeToken(token, audiences);
      return verdict.user === undefined ? undefined : verdict;
    },
  };
}

/**
 * Asks any authenticator for a verdict.
 *
 * @returns the verdict; without a reason from one that gives none
 */
export async function judge(
  tokens: TokenAuthenticator,
  token: string,
  audiences?: readonly string[],
): Promise<TokenVerdict> {
  if ("judgeToken" in tokens) return await (tokens as TokenJudge).judgeToken(token, audiences);
  return await tokens.authenticateToken(token, audiences) ?? { error: "" };
}

/**
 * Asks one after another until one knows the token.
 *
 * @returns an authenticator of all; its reasons are those of all
 */
export function combineTokens(...all: TokenAuthenticator[]): TokenJudge {
  return tokenJudge(async (token, audiences) => {
    const errors: string[] = [];
    for (const tokens of all) {
      const verdict = await judge(tokens, token, audiences);
      if (verdict.user !== undefined) return verdict;
      if (verdict.error !== "") errors.push(verdict.error);
    }
    return { error: [...new Set(errors)].join(", ") };
  });
}

/**
 * Finds out for whom a token may be used.
 *
 * @param offered for whom it was made
 * @param wanted for whom it is shown
 * @returns those of `wanted` that were offered, in the order of `wanted`
 */
export function commonAudiences(
  offered: readonly string[],
  wanted: readonly string[],
): readonly string[] {
  return wanted.filter((audience) => offered.includes(audience));
}
