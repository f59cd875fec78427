/**
 * What to do about a 401 or 403 that concerns the agent's own rights in the child, not the
 * caller's. The child's answer passes unchanged; the advice is a `Warning` header beside it.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { HeaderList } from "../../shared/headers.ts";
import { warningValue } from "../../shared/kube/status.ts";

const MAX_BYTES = 16 * 1024;
const MAX_MS = 2_000;

/** {@linkcode adviceFor}'s result. */
export interface Advice {
  /** To be added to the answer's. */
  headers: HeaderList;
  /** The part of the body that was read; goes before the rest. */
  body: Uint8Array[];
}

/**
 * Reads the first part of a refusal and finds out whether it is about impersonation.
 *
 * @param response a 401 or 403 whose body was not read yet; left paused, so that the rest can be
 * read on
 * @returns the header to add, if any, and what was read
 */
export async function adviceFor(response: IncomingMessage): Promise<Advice> {
  if (response.statusCode === 401) {
    return {
      headers: [[
        "Warning",
        warningValue(
          "The child's kube-apiserver does not accept the agent's own credential: check the " +
            "agent's ServiceAccount token, and the agent's log",
        ),
      ]],
      body: [],
    };
  }
  const body = await readSome(response);
  const text = body.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
  const match = /cannot impersonate(?: resource)? \\?"?([a-z]+(?:\/[^\s"\\]+)?)/.exec(text);
  if (match === null) return { headers: [], body };
  return {
    headers: [[
      "Warning",
      warningValue(
        `The agent may not impersonate ${match[1]}: in the child, grant its ServiceAccount the ` +
          "verb impersonate on users, groups and uids (ClusterRole clusternet-agent)",
      ),
    ]],
    body,
  };
}

/** Reads until the end, the byte limit or the deadline. */
function readSome(response: IncomingMessage): Promise<Uint8Array[]> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let total = 0;
    const done = (): void => {
      clearTimeout(timer);
      response.off("readable", onReadable).off("end", done).off("close", done).off("error", done);
      resolve(chunks);
    };
    const onReadable = (): void => {
      for (let chunk = response.read(); chunk !== null; chunk = response.read()) {
        chunks.push(chunk);
        total += chunk.length;
      }
      if (total >= MAX_BYTES) done();
    };
    const timer = setTimeout(done, MAX_MS);
    response.on("readable", onReadable).on("end", done).on("close", done).on("error", done);
  });
}
