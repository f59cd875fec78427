/**
 * Hands sealed credentials to an agent down its tunnel: `POST /credentials` to target `agent`.
 *
 * @module
 */
import { withDeadline } from "../../shared/backoff.ts";
import { ResetCode } from "../../shared/tunnel/errors.ts";
import type { RequestHead } from "../../shared/tunnel/head.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";

/** What is needed of a tunnel session. */
export interface OpensStreams {
  open(
    head: RequestHead,
  ): Pick<TunnelStream, "write" | "end" | "read" | "reset" | "responseHead">;
}

/** The agent did not take them. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  /** What the agent answered; `undefined` when it answered nothing. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 4_096;

/**
 * Delivers sealed credentials.
 *
 * @param session the cluster's tunnel
 * @param sealed JWE in compact form
 * @returns when the agent stored them
 * @throws {DeliveryError} when it did not
 */
export async function deliverCredentials(
  session: OpensStreams,
  sealed: string,
  signal: AbortSignal,
): Promise<void> {
  const body = new TextEncoder().encode(sealed);
  let answer: { status: number; text: string };
  try {
    answer = await withDeadline(TIMEOUT_MS, "hand credentials to the agent", async (inner) => {
      const stream = session.open({
        method: "POST",
        target: "agent",
        path: "/credentials",
        upgrade: false,
        headers: [["content-type", "application/jose"], ["content-length", String(body.length)]],
      });
      const onAbort = (): void => stream.reset(ResetCode.CANCEL, "no answer in time");
      inner.addEventListener("abort", onAbort, { once: true });
      try {
        await stream.write(body);
        stream.end();
        const { status } = await stream.responseHead;
        return { status, text: await readSome(stream) };
      } finally {
        inner.removeEventListener("abort", onAbort);
      }
    }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DeliveryError(`Cannot hand credentials to the agent: ${message}`, undefined, {
      cause,
    });
  }
  if (answer.status >= 200 && answer.status <= 299) return;
  throw new DeliveryError(
    `The agent did not take its credentials: ${answer.status} ${answer.text.slice(0, 300)}`,
    answer.status,
  );
}

async function readSome(stream: Pick<TunnelStream, "read" | "reset">): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length <= MAX_ANSWER_BYTES) continue;
    stream.reset(ResetCode.NO_ERROR, "enough");
    break;
  }
  return text;
}
