/**
 * Tokens of service accounts: made for TokenRequests, and believed as long as what they are bound
 * to is there.
 *
 * Source: k8s.io/kubernetes `pkg/serviceaccount/jwt.go`, `pkg/serviceaccount/claims.go`
 *
 * @module
 */
import { goQuoteList } from "../go_text.ts";
import {
  AUTHENTICATED,
  serviceAccountGroups,
  serviceAccountUser,
} from "./service_account_names.ts";
import { type Claims, tokenSigner } from "./token_signing.ts";
import { grantToken } from "./token_request.ts";
import { commonAudiences, type TokenJudge, tokenJudge, type TokenVerdict } from "./tokens.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";
import type { User } from "../user.ts";

/** Clocks may differ by so many seconds; go-jose's default. */
const LEEWAY_S = 60;

/** Makes tokens and knows them again. */
export interface ServiceAccountTokens extends TokenJudge {
  /**
   * Answers a TokenRequest.
   *
   * @param o.serviceAccount whose token it is
   * @param o.request the TokenRequest as it was sent
   * @param o.user who asks
   * @returns the TokenRequest with its `status`
   * @throws {StatusError} 400, 404, 409 and 422 in kube-apiserver's words
   */
  createToken(
    o: { serviceAccount: Stored; request: ApiObject; user: User },
  ): Promise<ApiObject>;
}

/** Options of {@linkcode serviceAccountTokens}. */
export interface ServiceAccountTokensOptions {
  /** Where ServiceAccounts, Secrets and Nodes are. */
  store: Store;
  /** EC P-256 private key. */
  signingKeyPem: string;
  /** `iss`, and the audience of the API server itself. */
  issuer: string;
  /** Wall clock, in milliseconds. */
  now: () => number;
  /** Makes token ids. @default {crypto.randomUUID} */
  newId?: () => string;
}

function objectOf(value: unknown): Claims {
  return typeof value === "object" && value !== null ? value as Claims : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** @returns why the token cannot be used now; `undefined` when it can */
function timeFault({ nbf, exp, iat }: Claims, now: number): string | undefined {
  const seconds = Math.floor(now / 1000);
  if (typeof nbf === "number" && seconds + LEEWAY_S < nbf) {
    return "service account token is not valid yet";
  }
  if (typeof exp === "number" && seconds - LEEWAY_S > exp) {
    return "service account token has expired";
  }
  if (typeof iat === "number" && seconds + LEEWAY_S < iat) {
    return "service account token is issued in the future";
  }
  return undefined;
}

/** @returns why the token died with its object; `undefined` when it lives */
function boundFault(
  found: Stored | undefined,
  uid: string,
  what: "secret" | "node",
): string | undefined {
  if (found !== undefined && found.uid !== uid) {
    const title = what === "secret" ? "secret" : "node";
    return `${title} UID (${found.uid}) does not match service account ${title} ref claim (${uid})`;
  }
  return found === undefined || found.deleting
    ? "service account token has been invalidated"
    : undefined;
}

/** Looks at the store each time: what is deleted voids its tokens at once. */
function userOf(store: Store, claims: Claims): TokenVerdict | { user: User } {
  const kubernetes = objectOf(claims["kubernetes.io"]);
  const namespace = textOf(kubernetes.namespace);
  const { name: nameClaim, uid: uidClaim } = objectOf(kubernetes.serviceaccount);
  const name = textOf(nameClaim);
  const uid = textOf(uidClaim);
  const account = store.get("serviceaccounts", namespace, name);
  if (account === undefined) return { error: `serviceaccounts "${name}" not found` };
  if (account.uid !== uid) {
    return { error: `service account UID (${account.uid}) does not match claim (${uid})` };
  }
  if (account.deleting) {
    return { error: `service account ${namespace}/${name} has been deleted` };
  }
  const extra: Record<string, string[]> = {};
  if (textOf(claims.jti) !== "") {
    extra["authentication.kubernetes.io/credential-id"] = [`JTI=${textOf(claims.jti)}`];
  }
  // We make none for pods: such a claim is from a key that others sign with, too
  if (kubernetes.pod !== undefined) return { error: "service account token has been invalidated" };
  for (const what of ["secret", "node"] as const) {
    if (kubernetes[what] === undefined) continue;
    const ref = objectOf(kubernetes[what]);
    const [boundName, boundUid] = [textOf(ref.name), textOf(ref.uid)];
    const found = store.get(`${what}s`, what === "secret" ? namespace : "", boundName);
    const fault = boundFault(found, boundUid, what);
    if (fault !== undefined) return { error: fault };
    if (what === "node") {
      extra["authentication.kubernetes.io/node-name"] = [boundName];
      extra["authentication.kubernetes.io/node-uid"] = [boundUid];
    }
  }
  return {
    user: {
      name: serviceAccountUser(namespace, name),
      uid,
      groups: [...serviceAccountGroups(namespace), AUTHENTICATED],
      extra,
    },
  };
}

/**
 * Makes the issuer and its authenticator.
 *
 * @throws {Error} when the key cannot be read
 */
export async function serviceAccountTokens(
  { store, signingKeyPem, issuer, now, newId = () => crypto.randomUUID() }:
    ServiceAccountTokensOptions,
): Promise<ServiceAccountTokens> {
  const signer = await tokenSigner({ signingKeyPem, issuer });
  const own = [issuer];
  const judging = tokenJudge(async (token, audiences): Promise<TokenVerdict> => {
    const { claims, ...refused } = await signer.verify(token);
    if (claims === undefined) return { error: "error" in refused ? refused.error : "" };
    const offered = Array.isArray(claims.aud) ? claims.aud.map(String) : own;
    const wanted = audiences ?? own;
    const common = commonAudiences(offered, wanted);
    if (common.length === 0) {
      const [theirs, ours] = [goQuoteList(offered), goQuoteList(wanted)];
      return { error: `token audiences ${theirs} is invalid for the target audiences ${ours}` };
    }
    const fault = timeFault(claims, now());
    if (fault !== undefined) return { error: fault };
    const verdict = userOf(store, claims);
    return verdict.user === undefined ? verdict : { user: verdict.user, audiences: common };
  });
  return {
    ...judging,
    async createToken({ serviceAccount: account, request }): Promise<ApiObject> {
      const granted = grantToken({
        store,
        account,
        request,
        audiences: own,
        tokenId: newId(),
        now: now(),
      });
      const token = await signer.sign(granted.claims);
      const { expirationTimestamp } = granted;
      return { ...granted.answer, status: { token, expirationTimestamp } };
    },
  };
}
