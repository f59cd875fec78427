/**
 * Kinds that are questions: they are answered and never stored.
 *
 * Source: k8s.io/kubernetes `pkg/registry/authentication`, `pkg/registry/authorization`
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import type { User } from "../user.ts";
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  subjectAccessReview,
} from "./access_reviews.ts";
import type { Rbac } from "./rbac.ts";
import { type PolicyRule, ruleJson } from "./rbac_rules.ts";
import { timeText } from "./token_request.ts";
import { judge } from "./tokens.ts";
import type { TokenAuthenticator } from "./types.ts";

/** By key of the resource: answers a question. */
export type Reviews = Readonly<
  Record<
    string,
    (o: { object: ApiObject; user: User; namespace: string }) => Promise<ApiObject>
  >
>;

/** Options of {@linkcode createReviews}. */
export interface ReviewsOptions {
  /** Answers what somebody may do. */
  rbac: Rbac;
  /** Answers whose a token is. */
  tokens: TokenAuthenticator;
  /** Wall clock, in milliseconds; absent: a SelfSubjectReview has no time of creation. */
  now?: () => number;
}

function userInfo({ name, uid = "", groups, extra }: User): Record<string, unknown> {
  return {
    username: name,
    ...(uid === "" ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** The token of a review as a header would carry it, up to its first space. */
function bearerOf(token: string): string {
  const [, bearer = ""] = `Bearer ${token}`.trim().split(" ", 2);
  return bearer;
}

async function tokenReview(review: ApiObject, tokens: TokenAuthenticator): Promise<ApiObject> {
  const { token, audiences } = (review.spec ?? {}) as { token?: unknown; audiences?: unknown };
  if (typeof token !== "string" || token === "") {
    throw badRequest("token is required for TokenReview in authentication");
  }
  const bearer = bearerOf(token);
  if (bearer === "") return { ...review, status: { user: {} } };
  const wanted = Array.isArray(audiences) && audiences.length > 0
    ? audiences.map(String)
    : undefined;
  const verdict = await judge(tokens, bearer, wanted);
  if (verdict.user === undefined) {
    const words = "invalid bearer token";
    const error = verdict.error === "" ? words : `[${words}, ${verdict.error}]`;
    return { ...review, status: { user: {}, error } };
  }
  const { user } = verdict;
  return {
    ...review,
    status: {
      authenticated: true,
      user: userInfo(user),
      ...(verdict.audiences.length === 0 ? {} : { audiences: [...verdict.audiences] }),
    },
  };
}

function rulesReview(review: ApiObject, rbac: Rbac, user: User): ApiObject {
  const { namespace } = (review.spec ?? {}) as { namespace?: unknown };
  if (typeof namespace !== "string" || namespace === "") {
    throw badRequest("no namespace on request");
  }
  const { rules, problems } = rbac.rulesFor(user, namespace);
  const resourceRule = (rule: PolicyRule): unknown => ruleJson({ ...rule, nonResourceURLs: [] });
  const pathRule = ({ verbs, nonResourceURLs }: PolicyRule): unknown => ({
    verbs,
    nonResourceURLs,
  });
  const evaluationError = rbac.problemsText(problems);
  return {
    kind: "SelfSubjectRulesReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: {},
    spec: {},
    status: {
      resourceRules: rules.filter((rule) => rule.resources.length > 0).map(resourceRule),
      nonResourceRules: rules.filter((rule) => rule.nonResourceURLs.length > 0).map(pathRule),
      incomplete: false,
      ...(evaluationError === "" ? {} : { evaluationError }),
    },
  };
}

/**
 * Makes the answers to all review kinds. Metadata is given back as it came: managed fields are for
 * the caller to add, but for SelfSubjectReview and SelfSubjectRulesReview, which are new objects.
 *
 * @returns handlers by resource key; they throw `StatusError` 400 and 422 in kube-apiserver's words
 */
export function createReviews({ rbac, tokens, now }: ReviewsOptions): Reviews {
  return {
    "tokenreviews.authentication.k8s.io": ({ object }) => tokenReview(object, tokens),
    "selfsubjectreviews.authentication.k8s.io": ({ user }) =>
      Promise.resolve({
        kind: "SelfSubjectReview",
        apiVersion: "authentication.k8s.io/v1",
        metadata: now === undefined ? {} : { creationTimestamp: timeText(now()) },
        status: { userInfo: userInfo(user) },
      }),
    "subjectaccessreviews.authorization.k8s.io": async ({ object }) =>
      await subjectAccessReview(object, rbac),
    "selfsubjectaccessreviews.authorization.k8s.io": async ({ object, user }) =>
      await selfSubjectAccessReview(object, rbac, user),
    "localsubjectaccessreviews.authorization.k8s.io": async ({ object, namespace }) =>
      await localSubjectAccessReview(object, rbac, namespace),
    "selfsubjectrulesreviews.authorization.k8s.io": async ({ object, user }) =>
      await rulesReview(object, rbac, user),
  };
}
