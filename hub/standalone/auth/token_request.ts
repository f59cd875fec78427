/**
 * TokenRequest: defaults, checks and claims.
 *
 * Source: k8s.io/kubernetes `pkg/registry/core/serviceaccount/storage/token.go`,
 * `pkg/apis/authentication/validation/validation.go`, `pkg/serviceaccount/claims.go`
 *
 * @module
 */
import { badRequest, conflict, type FieldError, invalid, notFound } from "../errors.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";
import { serviceAccountUser } from "./service_account_names.ts";

const KIND = { group: "authentication.k8s.io", plural: "TokenRequest", kind: "TokenRequest" };
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/** An object that a token dies with. */
interface Bound {
  /** Claim of `kubernetes.io`. */
  readonly claim: "secret" | "node";
  readonly name: string;
  readonly uid: string;
}

/** A request that was found good. */
export interface GrantedRequest {
  /** Claims but for `iss`. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The answer, its token still empty. */
  readonly answer: ApiObject;
  /** `status.expirationTimestamp`. */
  readonly expirationTimestamp: string;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

/**
 * Writes a time as metav1.Time does.
 *
 * @param ms since 1970
 * @returns RFC 3339 in UTC, to the second
 */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function checkMetadata(metadata: ApiObject["metadata"], account: Stored): void {
  const must = (field: string): FieldError => ({
    type: "FieldValueInvalid",
    field: `metadata.${field}`,
    message: `Invalid value: ${
      JSON.stringify(metadata[field])
    }: must match the service account ${field} if specified`,
  });
  const { name, namespace, uid } = metadata;
  if (textOf(name) !== "" && name !== account.name) {
    throw invalid(KIND, account.name, [must("name")]);
  }
  if (textOf(namespace) !== "" && namespace !== account.namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
  if (textOf(uid) !== "" && uid !== account.uid) {
    throw conflict(
      KIND,
      account.name,
      `the UID in the token request (${uid}) does not match the UID of the service account (${account.uid})`,
    );
  }
}

function checkSeconds(seconds: number): void {
  const why = seconds < MIN_SECONDS
    ? "may not specify a duration less than 10 minutes"
    : seconds > MAX_SECONDS
    ? "may not specify a duration larger than 2^32 seconds"
    : undefined;
  if (why === undefined) return;
  throw invalid(KIND, "", [{
    type: "FieldValueInvalid",
    field: "spec.expirationSeconds",
    message: `Invalid value: ${seconds}: ${why}`,
  }]);
}

/** `schema.FromAPIVersionAndKind`, as Go prints it. */
function groupVersion(apiVersion: string): { group: string; version: string } {
  const parts = apiVersion.split("/", 3);
  if (apiVersion === "" || apiVersion === "/" || parts.length > 2) {
    return { group: "", version: "" };
  }
  const [first = "", second] = parts;
  return second === undefined ? { group: "", version: first } : { group: first, version: second };
}

function findBound(store: Store, ref: Readonly<Record<string, unknown>>, namespace: string): Bound {
  const { group, version } = groupVersion(textOf(ref.apiVersion));
  const kind = textOf(ref.kind);
  const name = textOf(ref.name);
  // There are no pods here: each is "not found"
  const plural = group !== "" ? undefined : { Secret: "secrets", Node: "nodes", Pod: "pods" }[kind];
  if (plural === undefined) {
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
  if (name === "") throw badRequest("Name parameter required.");
  const found = plural === "pods"
    ? undefined
    : store.get(plural, plural === "nodes" ? "" : namespace, name);
  if (found === undefined) throw notFound({ group: "", plural, kind }, name);
  if (textOf(ref.uid) !== "" && ref.uid !== found.uid) {
    throw conflict(
      { group: "", plural: kind, kind },
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. ` +
        "The object might have been deleted and then recreated",
    );
  }
  return { claim: plural === "nodes" ? "node" : "secret", name, uid: found.uid };
}

/**
 * Checks a request for a token.
 *
 * @param o.account the ServiceAccount
 * @param o.request as it was sent, defaults not set
 * @param o.audiences of the API server, where the request names none
 * @param o.tokenId `jti`
 * @param o.now wall clock, in milliseconds
 * @returns what to sign and to answer
 * @throws {StatusError} 400, 404, 409 and 422 in kube-apiserver's words
 */
export function grantToken(
  o: {
    store: Store;
    account: Stored;
    request: ApiObject;
    audiences: readonly string[];
    tokenId: string;
    now: number;
  },
): GrantedRequest {
  const { account, request, now } = o;
  const metadata = recordOf(request.metadata);
  checkMetadata(metadata, account);
  const spec = recordOf(request.spec);
  const seconds = typeof spec.expirationSeconds === "number"
    ? spec.expirationSeconds
    : DEFAULT_SECONDS;
  checkSeconds(seconds);
  const wanted = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
  const audiences = wanted.length === 0 ? [...o.audiences] : wanted;
  const ref = spec.boundObjectRef ?? null;
  const bound = ref === null ? undefined : findBound(o.store, recordOf(ref), account.namespace);
  const issuedAt = Math.floor(now / 1000);
  return {
    claims: {
      aud: audiences,
      exp: Math.floor(now / 1000 + seconds),
      iat: issuedAt,
      jti: o.tokenId,
      "kubernetes.io": {
        namespace: account.namespace,
        ...(bound?.claim === "node" ? { node: { name: bound.name, uid: bound.uid } } : {}),
        ...(bound?.claim === "secret" ? { secret: { name: bound.name, uid: bound.uid } } : {}),
        serviceaccount: { name: account.name, uid: account.uid },
      },
      nbf: issuedAt,
      sub: serviceAccountUser(account.namespace, account.name),
    },
    answer: {
      kind: KIND.kind,
      apiVersion: `${KIND.group}/v1`,
      metadata: {
        ...metadata,
        name: account.name,
        namespace: account.namespace,
        uid: account.uid,
        creationTimestamp: timeText(now),
      },
      spec: { audiences, expirationSeconds: seconds, boundObjectRef: ref },
    },
    expirationTimestamp: timeText(now + seconds * 1000),
  };
}
