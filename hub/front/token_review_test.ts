import assert from "node:assert/strict";
import { StatusError } from "../../shared/kube/status.ts";
import { silentLog } from "../../shared/log.ts";
import type { Identity } from "./identity.ts";
import { network, TokenReviewer } from "./token_review.ts";

interface SetUp {
  review(token: string, address?: string): Promise<string | undefined>;
  /** Tokens that the parent was asked about. */
  asked: string[];
  clock: { ms: number };
  /** Lets the parent answer about junk, which it is slow to do. */
  answerJunk(): void;
}

function setUp(): SetUp {
  const asked: string[] = [];
  const clock = { ms: 0 };
  let junk: (() => void)[] = [];
  const reviewer = new TokenReviewer({
    client: {
      raw: async (_path, init) => {
        const { spec: { token } } = JSON.parse(String(init?.body)) as { spec: { token: string } };
        asked.push(token);
        if (token.startsWith("junk")) await new Promise<void>((resolve) => junk.push(resolve));
        const [kind, username] = token.split(".");
        return Response.json({ status: { authenticated: kind === "good", user: { username } } });
      },
    },
    log: silentLog,
    now: () => clock.ms,
  });
  return {
    review: async (token, address = "192.0.2.1") => {
      const identity: Identity | undefined = await reviewer.review(token, address);
      return identity?.user;
    },
    asked,
    clock,
    answerJunk: () => {
      for (const resolve of junk) resolve();
      junk = [];
    },
  };
}

function is429(error: unknown): boolean {
  return error instanceof StatusError && error.code === 429 &&
    error.status.details?.retryAfterSeconds === 1;
}

Deno.test("Junk of one address holds up neither other addresses nor who was let in before", async () => {
  const { review, asked, clock, answerJunk } = setUp();
  assert.equal(await review("good.ann"), "ann");
  clock.ms = 20_000;
  const held = Array.from({ length: 16 }, (_, i) => review(`junk${i}`));
  await assert.rejects(review("junk16"), is429);
  await assert.rejects(review("good.new"), is429, "nobody knows yet that it is good");
  assert.equal(await review("good.new", "192.0.2.2"), "new");
  assert.equal(await review("good.ann"), "ann");
  assert.equal(asked.filter((token) => token === "good.ann").length, 2);
  answerJunk();
  assert.ok((await Promise.all(held)).every((user) => user === undefined));
  assert.equal(await review("good.newer"), "newer");
});

Deno.test("Junk pushes no good token out, and a no is kept for half as long", async () => {
  const { review, asked, clock } = setUp();
  await review("good.ann");
  for (let i = 0; i < 5_000; i++) await review(`bad.${i}`);
  const before = asked.length;
  clock.ms = 4_999;
  assert.equal(await review("good.ann"), "ann");
  assert.equal(await review("bad.4999"), undefined);
  assert.equal(asked.length, before);
  clock.ms = 5_000;
  assert.equal(await review("good.ann"), "ann");
  assert.equal(asked.length, before);
  await review("bad.4999");
  assert.equal(asked.length, before + 1);
  clock.ms = 10_000;
  await review("good.ann");
  assert.equal(asked.length, before + 2);
});

Deno.test("An IPv6 host is one, whichever address of its /64 it calls from", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:9::", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["", ""],
  ];
  for (const [address, whose] of cases) assert.equal(network(address), whose, address);
});
