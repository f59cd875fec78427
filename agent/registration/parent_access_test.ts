import assert from "node:assert/strict";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { NODES } from "../../shared/kube/resources.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { ParentAccess } from "./parent_access.ts";
import { ParentClock } from "./parent_clock.ts";

interface Opened {
  config: ClusterConfig;
  closed: boolean;
  seen: (string | null)[];
}

function bed(pinned: (known: string) => Promise<string | undefined>): {
  access: ParentAccess;
  opened: Opened[];
} {
  const opened: Opened[] = [];
  const access = new ParentAccess({
    parentUrl: "https://parent:6443",
    pinnedCa: pinned,
    clock: new ParentClock(),
    userAgent: "test",
    connect: (config) => {
      const one: Opened = { config, closed: false, seen: [] };
      opened.push(one);
      const close = (): void => void (one.closed = true);
      return {
        transport: (request) => {
          one.seen.push(request.headers.get("authorization"));
          return Promise.resolve(Response.json({}));
        },
        close,
        [Symbol.dispose]: close,
      };
    },
  });
  return { access, opened };
}

Deno.test("ParentAccess sends the token of the moment over one connection pool", async () => {
  const { access, opened } = bed(() => Promise.resolve("PINNED"));
  let token: string | undefined = "one";
  const client = await access.client(() => token);
  await client.get(NODES, "a");
  token = "two";
  await client.get(NODES, "a");
  token = undefined;
  await (await access.client(() => token)).get(NODES, "a");
  assert.equal(opened.length, 1);
  assert.deepEqual(opened[0]!.seen, ["Bearer one", "Bearer two", null]);
  assert.equal(opened[0]!.config.ca, "PINNED");
  access.close();
  assert.equal(opened[0]!.closed, true);
});

Deno.test("ParentAccess trusts the hub's CA beside the pinned one, from then on", async () => {
  const { access, opened } = bed(() => Promise.resolve("PINNED"));
  const client = await access.client(() => "t");
  await client.get(NODES, "a");
  access.trust("SEALED\n", access.caPin);
  await client.get(NODES, "a");
  assert.equal(await access.ca(), "PINNED\nSEALED\n");
  // In the same pool: what is under way is not cut
  assert.deepEqual(opened.map(({ config, closed }) => [config.ca, closed]), [["PINNED", false]]);
  assert.equal(await opened[0]!.config.readCa?.(), "PINNED\nSEALED\n");
  access.close();
});

Deno.test("ParentAccess without a pinned CA trusts the system's, and later the hub's too", async () => {
  const { access } = bed(() => Promise.resolve(undefined));
  assert.equal(await access.ca(), undefined);
  access.trust("SEALED", undefined);
  const ca = await access.ca();
  assert.ok(ca!.endsWith("SEALED") && ca!.includes("BEGIN CERTIFICATE"));
});

Deno.test("ParentAccess looks for the pinned CA again when that failed, with what is known", async () => {
  const asked: string[] = [];
  const { access } = bed((known) => {
    asked.push(known);
    return known === "" ? Promise.reject(new Error("no CA")) : Promise.resolve(known);
  });
  await assert.rejects(access.ca(), /no CA/);
  access.trust("SEALED", undefined);
  assert.equal(await access.ca(), "SEALED");
  assert.equal(await access.ca(), "SEALED");
  assert.deepEqual(asked, ["", "SEALED", "SEALED"]);
});

Deno.test("ParentAccess with a pin trusts no CA that came without that pin", async () => {
  const { access, opened } = bed(() => Promise.resolve(`PINNED`));
  access.trust("STORED BEFORE THE PIN", undefined);
  assert.equal(await access.ca(), "PINNED");
  access.trust("STORED UNDER ANOTHER PIN", "0".repeat(64));
  assert.equal(await access.ca(), "PINNED");
  await (await access.client(() => "t")).get(NODES, "a");
  assert.deepEqual(opened.map(({ config }) => config.ca), ["PINNED"]);
  assert.match(access.caPin!, /^[0-9a-f]{64}$/);
  access.trust("SEALED", access.caPin);
  assert.equal(await access.ca(), "PINNED\nSEALED\n");
  access.close();
});

Deno.test("ParentAccess follows a pin that changes, and drops what came under the former", async () => {
  const ca = await TestCa.create("one");
  let pin = ca.pem;
  const { access, opened } = bed(() => Promise.resolve(pin));
  const client = await access.client(() => "t");
  access.trust("SEALED", access.caPin);
  assert.match(await access.ca() ?? "", /SEALED/);
  const former = access.caPin;
  pin = ca.pem + (await TestCa.create("two")).pem;
  await client.get(NODES, "a");
  assert.notEqual(access.caPin, former);
  assert.equal(await opened[0]!.config.readCa?.(), pin);
  assert.deepEqual(opened.map(({ closed }) => closed), [false]);
  access.close();
});

Deno.test("ParentAccess without a pin says so, and takes what came under one", async () => {
  const { access } = bed(() => Promise.resolve(undefined));
  access.trust("SEALED", "0".repeat(64));
  assert.ok((await access.ca())!.endsWith("SEALED"));
  assert.equal(access.caPin, undefined);
});
