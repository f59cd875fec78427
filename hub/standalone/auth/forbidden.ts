/**
 * The refusal of a request that the authorizer does not allow.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/responsewriters/errors.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { qualified } from "../errors.ts";
import type { User } from "../user.ts";
import { goQuote } from "../go_text.ts";
import type { Attributes } from "./types.ts";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function whatText(user: User, attributes: Attributes): string {
  const who = `User ${goQuote(user.name)} cannot ${attributes.verb}`;
  if (!attributes.isResource) return `${who} path ${goQuote(attributes.path)}`;
  const { resource, subresource, group, namespace } = attributes;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === ""
    ? "at the cluster scope"
    : `in the namespace ${goQuote(namespace)}`;
  return `${who} resource ${goQuote(whole)} in API group ${goQuote(group)} ${where}`;
}

/**
 * Makes the refusal, as kube-apiserver words it.
 *
 * @param user who asked
 * @param attributes for what
 * @param reason of the authorizer; may be empty
 * @returns 403, to be thrown by the caller
 */
export function forbiddenRequest(user: User, attributes: Attributes, reason: string): StatusError {
  const what = whatText(user, attributes).replace(/[&<>]/g, (sign) => HTML[sign] ?? sign);
  const text = reason === "" ? what : `${what}: ${reason}`;
  if (!attributes.isResource || (attributes.group === "" && attributes.resource === "")) {
    return new StatusError(failure(403, `forbidden: ${text}`, {}));
  }
  const { group, resource, name } = attributes;
  const whose = qualified({ group, plural: resource }) + (name === "" ? "" : ` ${goQuote(name)}`);
  return new StatusError(failure(403, `${whose} is forbidden: ${text}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  }));
}
