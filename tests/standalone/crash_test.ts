/**
 * kill -9 of a standalone hub under writes, again and again: no acknowledged write is lost, no
 * object is half-written, and a watch that resumes sees every change once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { CONFIG_MAPS } from "../../shared/kube/resources.ts";
import type { ConfigMap } from "../../shared/kube/types.ts";
import { type StandaloneHub, startStandaloneHub } from "./standalone_hub.ts";

const ROUNDS = 50;
const WRITERS = 8;
const NAMESPACE = "default";
/** Makes an object large enough to span pages of the database. */
const PADDING = "x".repeat(3000);

/** What the hub acknowledged, by name: the value, or `undefined` when it was deleted. */
class Acknowledged {
  readonly values = new Map<string, string | undefined>();
  /** Names whose last write was not answered: they may stand either way. */
  readonly unsure = new Set<string>();
  readonly versions: number[] = [];
}

function object(name: string, value: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: NAMESPACE, labels: { crash: "test" } },
    data: { value, padding: PADDING, again: value },
  };
}

async function write(
  client: KubeClient,
  name: string,
  turn: number,
): Promise<ConfigMap | undefined> {
  const value = `${turn}`;
  const options = { namespace: NAMESPACE };
  if (turn % 5 === 0) {
    return await client.create<ConfigMap>(CONFIG_MAPS, object(name, value), options);
  }
  if (turn % 5 === 4) return void await client.delete(CONFIG_MAPS, name, options);
  const patch = { data: { value, again: value } };
  return await client.patch<ConfigMap>(CONFIG_MAPS, name, patch, { type: "merge", ...options });
}

/** Writes until the hub dies. */
async function writer(client: KubeClient, prefix: string, seen: Acknowledged): Promise<void> {
  for (let turn = 0;; turn++) {
    const name = `${prefix}-${Math.floor(turn / 5)}`;
    seen.unsure.add(name);
    try {
      const written = await write(client, name, turn);
      seen.values.set(name, written?.data?.value);
      if (written !== undefined) seen.versions.push(Number(written.metadata.resourceVersion));
      seen.unsure.delete(name);
    } catch {
      return;
    }
  }
}

/** Follows changes across restarts; each run resumes where the last one ended. */
class Follower {
  readonly versions: number[] = [];
  readonly values = new Map<string, string>();

  constructor(public resourceVersion: string) {}

  async follow(client: KubeClient, signal: AbortSignal): Promise<void> {
    const { resourceVersion } = this;
    try {
      const options = { namespace: NAMESPACE, labelSelector: "crash", resourceVersion, signal };
      for await (const event of client.watch<ConfigMap>(CONFIG_MAPS, options)) {
        const { metadata, data } = event.object as ConfigMap;
        this.resourceVersion = metadata.resourceVersion!;
        if (event.type === "BOOKMARK") continue;
        this.versions.push(Number(metadata.resourceVersion));
        if (event.type === "DELETED") this.values.delete(metadata.name!);
        else this.values.set(metadata.name!, data!.value!);
      }
    } catch (error) {
      // The hub was killed; a version that is not kept any more would be a fault
      assert.doesNotMatch(String(error), /too old|Expired|410/);
    }
  }

  /** Waits until it has seen a version. */
  async reaches(version: number): Promise<void> {
    for (let left = 200; Number(this.resourceVersion) < version; left--) {
      assert.ok(left > 0, `the watch stands at ${this.resourceVersion}, not ${version}`);
      await delay(50);
    }
  }
}

/** Compares what stands with what was acknowledged. */
async function check(client: KubeClient, seen: Acknowledged, round: number): Promise<number> {
  const { items, resourceVersion } = await client.list<ConfigMap>(CONFIG_MAPS, {
    namespace: NAMESPACE,
    labelSelector: "crash",
  });
  const standing = new Map(items.map(({ metadata, data }) => [metadata.name!, data!]));
  for (const [name, data] of standing) {
    assert.equal(data.value, data.again, `${name} is half-written in round ${round}`);
    assert.equal(data.padding, PADDING, `${name} is cut in round ${round}`);
  }
  for (const [name, value] of seen.values) {
    if (seen.unsure.has(name)) continue;
    assert.equal(standing.get(name)?.value, value, `${name} in round ${round}`);
  }
  // From now on what stands is what counts
  for (const name of seen.unsure) seen.values.set(name, standing.get(name)?.value);
  seen.unsure.clear();
  return Number(resourceVersion);
}

async function round(
  hub: StandaloneHub,
  follower: Follower,
  seen: Acknowledged,
  number: number,
): Promise<void> {
  const client = await hub.client();
  const ended = new AbortController();
  const following = follower.follow(client, ended.signal);
  const writers = Array.from(
    { length: WRITERS },
    (_, index) => writer(client, `r${number}-w${index}`, seen),
  );
  await delay(100 + (number * 37) % 200);
  await hub.process.kill9();
  await Promise.all(writers);
  ended.abort();
  await following;
  await hub.process.start();
}

Deno.test(`a standalone hub survives ${ROUNDS} kills under writes`, async () => {
  await using hub = await startStandaloneHub();
  const seen = new Acknowledged();
  const { resourceVersion } = await (await hub.client()).list(CONFIG_MAPS, {
    namespace: NAMESPACE,
  });
  const follower = new Follower(resourceVersion);
  for (let number = 1; number <= ROUNDS; number++) {
    await round(hub, follower, seen, number);
    await check(await hub.client(), seen, number);
  }
  const client = await hub.client();
  const version = await check(client, seen, ROUNDS);
  const ended = new AbortController();
  const following = follower.follow(client, ended.signal);
  await client.create(CONFIG_MAPS, object("last", "last"), { namespace: NAMESPACE });
  await follower.reaches(version + 1);
  ended.abort();
  await following;
  const sorted = [...follower.versions].sort((a, b) => a - b);
  assert.deepEqual(follower.versions, sorted, "changes came out of order");
  assert.equal(new Set(sorted).size, sorted.length, "a change came twice");
  const watched = new Set(sorted);
  assert.deepEqual(seen.versions.filter((one) => !watched.has(one)), [], "a change was left out");
  const said = `${seen.versions.length} acknowledged writes, ${sorted.length} changes watched\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(said));
});
