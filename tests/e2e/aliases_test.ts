/**
 * The short forms `sockets/<id>/direct|http|https/...`: the parent's kube-apiserver asks RBAC for
 * the subresource as it is written, the hub for `sockets/proxy`. Both grants are needed.
 */
import assert from "node:assert/strict";
import { type Fleet, startFleet } from "./fleet.ts";
import { eventually } from "./wait.ts";

const SAMPLE = new URL("../../deploy/samples/parent/user_rbac.yaml", import.meta.url);
const SAMPLE_ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";

/** A user of the parent. */
interface User {
  cert: string;
  key: string;
}

async function get(
  fleet: Fleet,
  path: string,
  user: User,
): Promise<{ status: number; body: { message?: string; gitVersion?: string } }> {
  using client = Deno.createHttpClient({
    caCerts: [fleet.parent.caPem],
    poolMaxIdlePerHost: 0,
    ...user,
  });
  const response = await fetch(fleet.parent.server + path, { client });
  return { status: response.status, body: await response.json() };
}

/** Grants subresources of this fleet's cluster to a user. */
async function grant({ parent, clusterId }: Fleet, user: string, names: string[]): Promise<void> {
  const resources = names.map((name) => `sockets.proxies.clusternet.io/${name}`).join(",");
  await parent.kubectlOk([
    ...["create", "clusterrole", user, "--verb=get", `--resource=${resources}`],
    `--resource-name=${clusterId}`,
  ]);
  await parent.kubectlOk(
    ["create", "clusterrolebinding", user, `--clusterrole=${user}`, `--user=${user}`],
  );
}

Deno.test("the short forms of a path need their own grant beside sockets/proxy", async (t) => {
  await using fleet = await startFleet();
  const { parent, clusterId } = fleet;
  const alias = `/apis/proxies.clusternet.io/v1alpha1/sockets/${clusterId}`;

  await t.step("a user with both grants, as in the sample, gets the child's answer", async () => {
    const sample = (await Deno.readTextFile(SAMPLE)).replaceAll(SAMPLE_ID, clusterId);
    await parent.kubectlOk(["apply", "-f", "-"], { stdin: sample });
    const bob = await parent.mintClientCert("bob", ["platform"]);
    await eventually("the grant is known", 10_000, async () => {
      const answer = await get(fleet, `${alias}/direct/version`, bob);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.match(answer.body.gitVersion ?? "", /^v1\./);
    }, 200);
    for (const kind of ["http", "https"]) {
      // The agent's refusal: the request went the whole way
      const answer = await get(fleet, `${alias}/${kind}/127.0.0.1:1/`, bob);
      assert.equal(answer.status, 403, JSON.stringify(answer.body));
      assert.match(answer.body.message ?? "", /--allow-target/);
    }
  });

  await t.step("sockets/proxy alone: 403 by the parent for the short form", async () => {
    await grant(fleet, "carol", ["proxy"]);
    const carol = await parent.mintClientCert("carol");
    await eventually("the grant is known", 10_000, async () => {
      assert.equal((await get(fleet, `${alias}/proxy/direct/version`, carol)).status, 200);
    }, 200);
    const answer = await get(fleet, `${alias}/direct/version`, carol);
    assert.equal(answer.status, 403);
    assert.match(answer.body.message ?? "", /sockets\/direct/);
  });

  await t.step("sockets/direct alone: 403 by the hub for both forms", async () => {
    await grant(fleet, "dave", ["direct"]);
    const dave = await parent.mintClientCert("dave");
    await eventually("the parent lets it pass", 10_000, async () => {
      const answer = await get(fleet, `${alias}/direct/version`, dave);
      assert.equal(answer.status, 403);
      assert.match(answer.body.message ?? "", /sockets\/proxy/);
    }, 200);
    assert.equal((await get(fleet, `${alias}/proxy/direct/version`, dave)).status, 403);
  });

  await t.step("neither: 403", async () => {
    const mallory = await parent.mintClientCert("mallory");
    assert.equal((await get(fleet, `${alias}/direct/version`, mallory)).status, 403);
  });
});
