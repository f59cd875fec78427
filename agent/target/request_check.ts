/**
 * What the agent checks of a request's head by itself: the hub did so before, but the hub may be
 * hostile, and the request travels on with the agent's own token.
 *
 * @module
 */
import { leavesRoot, NOT_IN_TARGET } from "../../shared/sockets_path.ts";
import type { RequestHead } from "../../shared/tunnel/head.ts";

/** `CONNECT` would make node open a tunnel of its own, `TRACE` echoes the agent's token. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/**
 * A value's bytes (RFC 9110 section 5.5). What is above 0xff would lose its upper half on the way
 * into a byte, and U+010A so become a line feed.
 */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Says why a request is not passed on, for the child's kube-apiserver as for any target:
 *
 * - a path that some server would take for one above its root must not leave the path of the
 *   kubeconfig's `server` (`https://rancher/k8s/clusters/c-1`) with the agent's token;
 * - a name or value that would end its line is the way to a second request;
 * - `Upgrade: h2c` would let requests follow that nobody looks at.
 *
 * @param head as the hub sent it
 * @returns the reason as a sentence, or `undefined` when it may pass
 */
export function refusedRequest(
  { method, path, upgrade, headers }: Pick<RequestHead, "method" | "path" | "upgrade" | "headers">,
): string | undefined {
  if (!path.startsWith("/") || !METHODS.has(method)) {
    return `Cannot pass ${JSON.stringify(method.slice(0, 20))} on: want a known method and a path`;
  }
  if (NOT_IN_TARGET.test(path)) {
    return "Cannot pass the request on: its path holds a character that must be encoded";
  }
  if (leavesRoot(path)) return 'Cannot pass the request on: ".." leads out of the target';
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || !VALUE.test(value)) {
      const shown = JSON.stringify(name.slice(0, 80));
      return `Cannot pass the request on: its header ${shown} holds a character that none may have`;
    }
    if (upgrade && name.toLowerCase() === "upgrade" && /(^|[\s,])h(ttp\/)?2/i.test(value)) {
      return "Cannot pass the request on: an upgrade to HTTP/2 is not taken";
    }
  }
  return undefined;
}
