/**
 * Asks the authorizer, and refuses in kube-apiserver's words.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/responsewriters/errors.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import type { Attributes, Authorizer } from "../auth/types.ts";
import { qualified } from "../errors.ts";
import type { User } from "../user.ts";
import { goQuote } from "../go_text.ts";

function cannot(user: User, asked: Attributes): string {
  const who = `User ${goQuote(user.name)} cannot ${asked.verb}`;
  if (!asked.isResource) return `${who} path ${goQuote(asked.path)}`;
  const resource = asked.subresource === ""
    ? asked.resource
    : `${asked.resource}/${asked.subresource}`;
  const where = asked.namespace === ""
    ? "at the cluster scope"
    : `in the namespace ${goQuote(asked.namespace)}`;
  return `${who} resource ${goQuote(resource)} in API group ${goQuote(asked.group)} ${where}`;
}

/** Browsers that sniff must not find markup. */
function sanitized(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function refusal(user: User, asked: Attributes, reason: string): StatusError {
  const why = sanitized(cannot(user, asked)) + (reason === "" ? "" : `: ${reason}`);
  if (!asked.isResource) return new StatusError(failure(403, `forbidden: ${why}`, {}));
  const { group, resource, name } = asked;
  const what = qualified({ group, plural: resource }) + (name === "" ? "" : ` ${goQuote(name)}`);
  return new StatusError(
    failure(403, `${what} is forbidden: ${why}`, { name, group, kind: resource }),
  );
}

/**
 * Lets a request pass, or not.
 *
 * @throws {StatusError} 403
 */
export function authorize(authorizer: Authorizer, user: User, asked: Attributes): void {
  const { allowed, reason } = authorizer.authorize(user, asked);
  if (!allowed) throw refusal(user, asked, reason);
}
