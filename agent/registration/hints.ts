/**
 * What an operator should do about an answer of the parent.
 *
 * @module
 */
import { StatusError } from "../../shared/kube/status.ts";

/**
 * Says what to do about a registration that failed.
 *
 * @returns one line without any token; `undefined` when waiting helps
 */
export function hintOf(error: unknown): string | undefined {
  if (!(error instanceof StatusError)) return undefined;
  switch (error.code) {
    case 401:
      return "The parent refuses the registration token: it is wrong, expired or deleted; make a " +
        "new one and give it with --cluster-reg-token, --cluster-reg-token-file or env REG_TOKEN";
    case 403:
      return `The registration token may not register clusters: ${error.message}; bind its group ` +
        "to ClusterRole clusternet:system:bootstrapping (deploy/hub)";
    case 404:
      return "The parent knows no ClusterRegistrationRequests: install the hub there " +
        "(kubectl apply -f deploy/hub)";
    case 400:
    case 422:
      return `The parent refuses the registration request: ${error.message}`;
    default:
      return undefined;
  }
}

/** What TLS stacks say about a certificate that is not trusted. */
const UNTRUSTED =
  /UnknownIssuer|verify the first certificate|self.signed|BadSignature|unable to get/i;

/**
 * Says why the parent could not be asked: what the innermost cause says, which names the fault, and
 * what to do about a certificate that is not trusted.
 *
 * @returns one line
 */
export function reasonOf(error: unknown): string {
  let text = error instanceof Error ? error.message : String(error);
  let inner: unknown = error;
  for (let depth = 0; inner instanceof Error && depth < 8; depth++) {
    const { cause } = inner as Error;
    if (!(cause instanceof Error)) break;
    inner = cause;
  }
  if (inner instanceof Error && inner !== error && !text.includes(inner.message)) {
    text += `: ${inner.message.replace(/^error sending request for url \([^)]*\): /, "")}`;
  }
  return UNTRUSTED.test(text)
    ? `${text}. Its certificate is not signed by a CA that this agent trusts: give the parent's ` +
      "CA with --cluster-reg-parent-ca-file, or its hash with --cluster-reg-parent-ca-hash"
    : text;
}
