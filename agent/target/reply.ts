/**
 * Answers that the agent gives itself: a Kubernetes `Status`, with the same sentence as a
 * `Warning` header.
 *
 * @module
 */
import { failure, type Status, warningValue } from "../../shared/kube/status.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";

const encoder = new TextEncoder();

/**
 * Answers with a `Status`. The stream's request body, if any, is thrown away until the hub ends or
 * resets it: a reset from here would overtake the answer.
 *
 * @param stream no head was sent on it yet
 */
export function replyStatus(stream: TunnelStream, status: Status): void {
  const body = encoder.encode(JSON.stringify(status));
  try {
    stream.sendHead({
      status: status.code,
      statusText: status.reason,
      headers: [
        ["Content-Type", "application/json"],
        ["Content-Length", String(body.length)],
        ["Warning", warningValue(status.message)],
      ],
    });
    if (stream.head.method !== "HEAD") stream.write(body)?.catch(() => {});
    stream.end();
  } catch {
    return; // The stream or its session ended meanwhile: nobody waits for the answer
  }
  void discard(stream);
}

/** Reads and drops what still comes; never rejects. */
export async function discard(stream: TunnelStream): Promise<void> {
  try {
    while (await stream.read() !== null);
  } catch {
    // Reset: there is nothing left to drop
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOTFOUND: "the name does not resolve",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "no answer to the connection attempt",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is from a CA that the agent does not know",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is from a CA that the agent does not know",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/**
 * Turns what node says of a failed connection into a 502 for the user.
 *
 * @param where which server, as in `Route.where`
 * @returns the `Status`
 */
export function unreachable(where: string, error: Error & { code?: string }): Status {
  const why = UNREACHABLE[error.code ?? ""] ?? error.message.slice(0, 200);
  const code = error.code === undefined ? "" : ` (${error.code})`;
  return failure(
    502,
    `The agent cannot reach ${where}: ${why}${code}. Check that the server runs and that the ` +
      "agent's pod may connect to it",
  );
}
