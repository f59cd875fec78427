import assert from "node:assert/strict";
import { KubeClient } from "../../../shared/kube/client.ts";
import { SECRETS } from "../../../shared/kube/resources.ts";
import type { Secret } from "../../../shared/kube/types.ts";
import { FakeKube } from "../../../shared/testing/fake_kube.ts";
import { JOIN_TOKEN_LIFE_MS, joinToken } from "./join_token.ts";

const HOUR = 3_600_000;
const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** The fake keeps `stringData` as it is; a real API moves it into `data`. */
function settle(kube: FakeKube): void {
  for (const secret of kube.list<Secret & { stringData?: Record<string, string> }>("/secrets")) {
    const data = Object.fromEntries(
      Object.entries(secret.stringData ?? {})
        .map(([key, value]) => [key, new TextEncoder().encode(value).toBase64()]),
    );
    kube.put("/secrets", { ...secret, data });
  }
}

Deno.test("joinToken() makes a token of a day and prints it again while it is fresh", async () => {
  const kube = new FakeKube();
  const client = new KubeClient({ transport: kube.transport });
  const now = Date.parse("2026-01-01T00:00:00Z");
  const first = await joinToken({ client, now, randomBytes });
  assert.match(first.token, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  assert.equal(first.expires, now + JOIN_TOKEN_LIFE_MS);
  settle(kube);
  assert.equal((await joinToken({ client, now: now + 3 * HOUR, randomBytes })).token, first.token);
  const later = await joinToken({ client, now: now + 5 * HOUR, randomBytes });
  assert.notEqual(later.token, first.token);
  const { items } = await client.list<Secret>(SECRETS, { namespace: "kube-system" });
  assert.equal(items.length, 2);
});
