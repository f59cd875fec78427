/**
 * TLS sessions that are resumed: the server then sees no certificate, only its own ticket. The
 * runtime's client does not resume with a ticket of ours, so `openssl s_client` does it.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  parseAnswer,
  type RawAnswer,
  type RawRequest,
  type RawTarget,
  rawText,
} from "./raw_http.ts";

/** A session that can be resumed any number of times. */
export interface Resumable extends AsyncDisposable {
  /** Asks again on a new connection. @returns whether the server resumed the session */
  again(): Promise<{ resumed: boolean; answer: RawAnswer }>;
}

const RUN_MS = 15_000;

/**
 * Asks once with a full handshake (TLS 1.2, whose session is there at its end), and keeps the
 * session.
 *
 * @throws {Deno.errors.NotFound} without `openssl` on PATH
 */
export async function resumedAsk(
  { port, ca, cert }: RawTarget,
  request: RawRequest,
): Promise<Resumable> {
  const dir = await Deno.makeTempDir({ prefix: "resumed-" });
  await Deno.writeTextFile(`${dir}/ca.pem`, ca);
  await Deno.writeTextFile(`${dir}/pair.pem`, `${cert?.cert ?? ""}${cert?.key ?? ""}`);
  const run = async (more: readonly string[]): Promise<string> => {
    const child = new Deno.Command("openssl", {
      args: [
        ...["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", `${dir}/ca.pem`],
        ...["-cert", `${dir}/pair.pem`, "-key", `${dir}/pair.pem`, "-tls1_2", "-ign_eof", ...more],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(RUN_MS),
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(rawText(request)));
    await writer.close();
    return new TextDecoder("latin1").decode((await child.output()).stdout);
  };
  const first = await run(["-sess_out", `${dir}/session`]);
  assert.match(first, /^New, TLSv1\.2/m);
  return {
    async again(): Promise<{ resumed: boolean; answer: RawAnswer }> {
      const said = await run(["-sess_in", `${dir}/session`]);
      const at = said.indexOf("HTTP/1.1 ");
      const answer = parseAnswer(at < 0 ? "" : said.slice(at));
      return { resumed: /^Reused, TLSv1\.2/m.test(said), answer };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Deno.remove(dir, { recursive: true });
    },
  };
}
