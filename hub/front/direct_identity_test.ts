import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { StatusError } from "../../shared/kube/status.ts";
import { createDirectAuthenticator } from "./direct_identity.ts";
import { NO_FRONT_PROXY } from "./front_proxy_config.ts";
import type { Identity } from "./identity.ts";
import { ValueSource } from "./source.ts";

const robot: Identity = { user: "robot", groups: ["bots"], extra: [], via: "token" };

function authenticate(...rawHeaders: string[]): Promise<Identity> {
  const authenticator = createDirectAuthenticator({
    settings: new ValueSource(NO_FRONT_PROXY),
    tokens: { review: (token) => Promise.resolve(token === "good" ? robot : undefined) },
  });
  return authenticator.authenticate({ rawHeaders, socket: {} } as unknown as IncomingMessage);
}

Deno.test("createDirectAuthenticator() takes a good token", async () => {
  const identity = await authenticate("Authorization", "Bearer good");
  assert.deepEqual(identity.groups, ["bots", "system:authenticated"]);
});

Deno.test("createDirectAuthenticator() refuses a bad credential with 401", async () => {
  for (const value of ["Bearer bad", "Bearer ", "Basic YTpi", ""]) {
    await assert.rejects(
      authenticate("Authorization", value),
      (error) => error instanceof StatusError && error.code === 401,
    );
  }
});

Deno.test("createDirectAuthenticator() calls who brings none anonymous, X-Remote-User or not", async () => {
  const identity = await authenticate("X-Remote-User", "admin", "X-Remote-Group", "system:masters");
  assert.equal(identity.user, "system:anonymous");
  assert.deepEqual(identity.groups, ["system:unauthenticated"]);
});

Deno.test("createDirectAuthenticator() has the peer's address answer for its token", async () => {
  const seen: (string | undefined)[] = [];
  const authenticator = createDirectAuthenticator({
    settings: new ValueSource(NO_FRONT_PROXY),
    tokens: {
      review: (_token, address) => {
        seen.push(address);
        return Promise.resolve(robot);
      },
    },
  });
  const rawHeaders = ["Authorization", "Bearer good", "X-Forwarded-For", "192.0.2.9"];
  const request = { rawHeaders, socket: { remoteAddress: "192.0.2.1" } };
  await authenticator.authenticate(request as unknown as IncomingMessage);
  assert.deepEqual(seen, ["192.0.2.1"]);
});
