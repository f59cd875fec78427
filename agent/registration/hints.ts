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
