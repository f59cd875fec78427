import assert from "node:assert/strict";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { NODES } from "../../shared/kube/resources.ts";
import type { WriteEvent } from "../events.ts";
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

/** Events as `type reason`, and all that was said. */
function events(): { said: string[]; texts: string[]; event: WriteEvent } {
  const said: string[] = [];
  const texts: string[] = [];
  return {
    said,
    texts,
    event: (type, reason, message) => {
      said.push(`${type} ${reason}`);
      texts.push(message);
    },
  };
}

Deno.test("ParentAccess trusts a CA that leads to the pin beside it, from then on", async () => {
  const pin = await TestCa.create("pin");
  const below = await pin.subordinate("below");
  const both = pin.pem + below.pem.trim() + "\n";
  const { access, opened } = bed(() => Promise.resolve(pin.pem));
  const { said, event } = events();
  const client = await access.client(() => "t");
  await client.get(NODES, "a");
  access.trust(access.vet(below.pem, event), event);
  await client.get(NODES, "a");
  assert.equal(await access.ca(), both);
  // In the same pool: what is under way is not cut
  assert.deepEqual(opened.map(({ config, closed }) => [config.ca, closed]), [[pin.pem, false]]);
  assert.equal(await opened[0]!.config.readCa?.(), both);
  assert.deepEqual(said, ["Normal ParentCAChanged"]);
  access.trust(access.vet(pin.pem + below.pem, event), event);
  assert.equal(said.length, 1, "the pinned one adds nothing");
  access.close();
});

Deno.test("ParentAccess without a pin trusts the system's, and what the hub said last", async () => {
  const [one, two] = await Promise.all([TestCa.create("one"), TestCa.create("two")]);
  const { access } = bed(() => Promise.resolve(undefined));
  const { said, texts, event } = events();
  assert.equal(await access.ca(), undefined);
  access.trust(one.pem);
  assert.deepEqual(said, [], "it was stored");
  const first = await access.ca();
  assert.ok(first!.endsWith(one.pem.trim() + "\n"));
  assert.ok(first!.split("BEGIN CERTIFICATE").length > 10);
  access.trust(access.vet(two.pem, event), event);
  access.trust(access.vet(two.pem, event), event);
  assert.deepEqual(said, ["Normal ParentCAChanged"]);
  assert.match(texts[0]!, /beside the system's\. SHA-256: ([0-9A-F]{2}:){31}/);
  const second = await access.ca();
  assert.ok(second!.includes(two.pem.trim()) && !second!.includes(one.pem.trim()));
  access.trust(access.vet("", event), event);
  assert.equal(await access.ca(), undefined);
  assert.equal(said.length, 2);
});

Deno.test("ParentAccess looks for the pinned CA again when that failed, with what is known", async () => {
  const ca = await TestCa.create("sealed");
  const asked: string[] = [];
  const { access } = bed((known) => {
    asked.push(known);
    return known === "" ? Promise.reject(new Error("no CA")) : Promise.resolve(known);
  });
  await assert.rejects(access.ca(), /no CA/);
  access.trust(ca.pem);
  assert.equal(await access.ca(), ca.pem.trim());
  assert.equal(await access.ca(), ca.pem.trim());
  assert.deepEqual(asked, ["", ca.pem.trim(), ca.pem.trim()]);
});

Deno.test("ParentAccess with a pin trusts no CA that does not lead there, and says so", async () => {
  const [pin, evil] = await Promise.all([TestCa.create("pin"), TestCa.create("pin")]);
  const { access, opened } = bed(() => Promise.resolve(pin.pem));
  const { said, texts, event } = events();
  access.trust(evil.pem);
  assert.equal(await access.ca(), pin.pem, "one that was stored");
  assert.equal(access.vet(pin.pem + evil.pem, event), pin.pem.trim() + "\n");
  access.vet(pin.pem + evil.pem, event);
  assert.deepEqual(said, ["Warning ParentCAIgnored"]);
  assert.match(texts[0]!, /--cluster-reg-parent-ca-file.* SHA-256: ([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  access.trust(pin.pem + evil.pem, event);
  assert.equal(await access.ca(), pin.pem);
  await (await access.client(() => "t")).get(NODES, "a");
  assert.deepEqual(opened.map(({ config }) => config.ca), [pin.pem]);
  assert.equal(said.length, 1);
  access.close();
});

Deno.test("ParentAccess follows a pin that changes, and drops what led to the former", async () => {
  const [former, next] = await Promise.all([TestCa.create("one"), TestCa.create("two")]);
  const below = await former.subordinate("below");
  let pin = former.pem;
  const { access, opened } = bed(() => Promise.resolve(pin));
  const client = await access.client(() => "t");
  access.trust(below.pem + next.pem);
  assert.equal(await access.ca(), former.pem + below.pem.trim() + "\n");
  pin = former.pem + next.pem;
  assert.equal(await access.ca(), pin + below.pem.trim() + "\n", "both, as in a rotation");
  pin = next.pem;
  await client.get(NODES, "a");
  assert.equal(await opened[0]!.config.readCa?.(), pin);
  assert.deepEqual(opened.map(({ closed }) => closed), [false]);
  access.close();
});
