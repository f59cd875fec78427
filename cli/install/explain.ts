/**
 * Errors as one sentence that says what to do next.
 *
 * @module
 */
import { DeadlineError } from "../../shared/backoff.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { TransportError } from "../../shared/kube/transport.ts";
import { CliError } from "../context.ts";

/** What TLS stacks say about a certificate that is not trusted. */
const UNTRUSTED =
  /UnknownIssuer|verify the first certificate|self.signed|BadSignature|unable to get/i;

/** The innermost message, which names the fault. */
function innermost(error: Error): string {
  let inner: Error = error;
  for (let depth = 0; inner.cause instanceof Error && depth < 8; depth++) inner = inner.cause;
  return inner.message;
}

/**
 * Whether a server was not asked since its certificate is not trusted.
 *
 * @returns `true` when a CA is missing
 */
export function isUntrusted(error: unknown): boolean {
  return error instanceof TransportError && UNTRUSTED.test(`${error.message} ${innermost(error)}`);
}

/**
 * Says what happened, and what to do next.
 *
 * @returns one sentence, without a full stop
 */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CliError) return error.message;
  if (error instanceof StatusError) return explainStatus(error);
  if (error instanceof TransportError) {
    const inner = innermost(error);
    const text = error.message.includes(inner) ? error.message : `${error.message}: ${inner}`;
    return UNTRUSTED.test(text)
      ? `${text}; its certificate is not signed by a CA that is trusted here: check ` +
        "certificate-authority-data of the kubeconfig, or --ca-hash"
      : `${text}; check the address, --kubeconfig and --context`;
  }
  if (error instanceof DeadlineError) {
    return `${error.message}; check that the server is up and can be reached from here`;
  }
  return error.message;
}

function explainStatus(error: StatusError): string {
  const { code, message } = error;
  switch (code) {
    case 401:
      return "The API server does not know these credentials (401 Unauthorized): check " +
        "--kubeconfig and --context, or log in again";
    case 403:
      return `${message} (403 Forbidden): ask an admin of that cluster for this right`;
    case 404:
      return /could not find the requested resource|404 page not found/.test(message)
        ? "The API server does not know this kind of object: is the hub installed there? " +
          "See init"
        : message;
    default:
      return message === "" ? `The API server answered ${code} ${error.reason}` : message;
  }
}
