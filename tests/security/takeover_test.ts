/**
 * Abuse cases 10 and 11: a bootstrap token registers and opens nothing, and no known id is taken
 * over in silence.
 */
import assert from "node:assert/strict";
import { generateAgentKey } from "../../agent/registration/keys.ts";
import { openSealed } from "../../agent/registration/sealed.ts";
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import { AgentProcess, newBootstrapToken } from "../e2e/agent_process.ts";
import { eventually } from "../e2e/wait.ts";
import {
  ACCOUNTS,
  AGENT_SECRET,
  bearer,
  clusterPathOf,
  dial,
  dialRequest,
  doors,
  registered,
  registration,
  REQUESTS,
  serves,
  stolenToken,
} from "./neighbour.ts";
import type { RawAnswer, RawRequest } from "./raw_http.ts";
import { cases, type Scene } from "./scene.ts";

/** The Events of a cluster, as `reason: message`. */
async function eventsOf({ api }: Scene["parent"]): Promise<string[]> {
  const { items } = await api.get<{ items: { reason: string; message: string }[] }>(
    "/api/v1/events",
  );
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}

cases("a cluster's place is its agent's", {}, async (step, scene) => {
  const { parent, child } = scene;
  const a = scene.clusterId;
  const own = await registered(parent, a);
  const agentToken = await stolenToken(scene);
  const clusterPath = clusterPathOf(own);
  const clusterOf = async (): Promise<ManagedCluster> => await parent.api.get(clusterPath);
  const condition = async (type: string): Promise<string | undefined> =>
    (await clusterOf()).status?.conditions?.find((one) => one.type === type)?.status;

  await step("10. a bootstrap token registers, and opens nothing", async () => {
    const good = scene.secrets.add("bootstrap token", await newBootstrapToken(parent));
    const [goodId] = good.split(".") as [string];
    const expired = scene.secrets.add("old token", await newBootstrapToken(parent, -60_000));
    const wrong = scene.secrets.add("wrong token", `${goodId}.aaaaaaaaaaaaaaaa`);
    const id = crypto.randomUUID();
    const key = await generateAgentKey();
    const create = (token: string, clusterId: string): RawRequest => ({
      method: "POST",
      path: REQUESTS,
      headers: [["Content-Type", "application/json"], bearer(token)],
      body: JSON.stringify(registration(clusterId, key)),
    });
    const refusedFor = async (what: string, token: string): Promise<void> => {
      const requests = [
        create(token, crypto.randomUUID()),
        { path: `${REQUESTS}/clusternet-${a}`, headers: [bearer(token)] },
        { path: scene.at("/proxy/direct/version"), headers: [bearer(token)] },
      ];
      for (const request of requests) {
        const { status, text } = await scene.ask(scene.parentTarget(), request);
        assert.equal(status, 401, `${what}, ${request.path}: ${text}`);
      }
      const { status, text } = await scene.ask(scene.hubTarget(), requests[2]!);
      assert.equal(status, 401, `${what}, at the hub's port: ${text}`);
    };
    await refusedFor("expired", expired);
    await refusedFor("wrong", wrong);

    const ask = async (request: RawRequest): Promise<RawAnswer> =>
      await scene.ask(scene.parentTarget(), {
        ...request,
        headers: [bearer(good), ["Content-Type", "application/json"]],
      });
    assert.equal((await ask(create(good, id))).status, 201);
    assert.equal((await ask(create(good, a))).status, 409, "an id that is known");
    const forbidden: RawRequest[] = [
      { path: REQUESTS },
      { path: `${REQUESTS}?watch=1` },
      { path: "/apis/clusters.clusternet.io/v1beta1/managedclusters" },
      { path: clusterPath },
      { path: "/api/v1/namespaces/clusternet-agents/secrets" },
      { path: "/api/v1/namespaces/kube-system/secrets" },
      { method: "DELETE", path: `${REQUESTS}/clusternet-${a}` },
      { method: "PUT", path: `${REQUESTS}/clusternet-${a}`, body: "{}" },
      { method: "PUT", path: `${REQUESTS}/clusternet-${a}/status`, body: "{}" },
      { method: "POST", path: `${ACCOUNTS}/${own.account.name}/token`, body: "{}" },
      { path: scene.at("/proxy/direct/version") },
    ];
    for (const request of forbidden) {
      const { status, text } = await ask(request);
      assert.equal(status, 403, `${request.method ?? "GET"} ${request.path}: ${text}`);
    }
    for (const target of Object.values(doors(scene))) {
      const request = dialRequest(scene.at("/attach"), [bearer(good)]);
      assert.equal((await dial(scene, target, request)).status, 403);
    }

    // What it reads of others is sealed
    await registered(parent, id);
    const { body } = await ask({ path: `${REQUESTS}/clusternet-${a}` });
    assert.ok(!body.includes(agentToken) && !/eyJ[\w-]+\.eyJ/.test(body), "no token in clear");
    const { status: others } = JSON.parse(body) as ClusterRegistrationRequest;
    assert.equal(others?.token, undefined);
    await assert.rejects(openSealed(others!.sealedCredentials!, key, a), /seal|open/i);
    const mine = JSON.parse((await ask({ path: `${REQUESTS}/clusternet-${id}` })).body);
    const opened = await openSealed(mine.status.sealedCredentials, key, id);
    scene.secrets.add("own token", opened.token);
    const sealed = { path: "/api", headers: [bearer(others!.sealedCredentials!)] };
    assert.equal((await scene.ask(scene.parentTarget(), sealed)).status, 401);

    await agentsThatFail(scene, { good, wrong, expired });
    await parent.api.remove(`/api/v1/namespaces/kube-system/secrets/bootstrap-token-${goodId}`);
    await eventually("the deleted token is void", 15_000, () => refusedFor("deleted", good), 500);
  });

  await step("11. a known id is not taken over silently", async () => {
    const stored = await child.api.get<{ data: object; metadata: object }>(AGENT_SECRET);
    const path = `${REQUESTS}/clusternet-${a}`;
    const before = await parent.api.get<ClusterRegistrationRequest>(path);
    const agent = async (name: string): Promise<AgentProcess> => {
      const args = ["--leader-elect=false"];
      const process = await AgentProcess.create(parent, child, { name, args });
      scene.alsoSearch(`the log of agent ${name}`, () => process.process.log());
      return process;
    };

    // With another key: refused, whatever else it holds
    await child.api.remove(AGENT_SECRET);
    const stranger = await agent("stranger");
    await stranger.process.start();
    try {
      await eventually("the child's Events say why", 20_000, async () => {
        const told = (await eventsOf(child)).filter((one) => one.startsWith("RegistrationFailed"));
        assert.match(told.join("\n"), /belongs to an agent with another key/);
      });
      for (let round = 0; round < 5; round++) await serves(scene);
      assert.match(await stranger.process.log(), /belongs to an agent with another key/);
    } finally {
      await stranger.process.kill9();
      const found = await child.api.request("GET", AGENT_SECRET);
      if (found.status === 200) await child.api.remove(AGENT_SECRET);
      await child.api.create(AGENT_SECRET.replace("/parent-cluster", ""), {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "parent-cluster", namespace: "clusternet-system" },
        data: stored.data,
      });
    }
    const after = await parent.api.get<ClusterRegistrationRequest>(path);
    assert.deepEqual(after.spec, before.spec);
    assert.equal(after.metadata.uid, before.metadata.uid);
    const other = (await generateAgentKey()).publicJwk;
    const change = await parent.api.request("PATCH", path, { spec: { publicKey: other } }, {
      contentType: "application/merge-patch+json",
    });
    assert.equal(change.status, 422, change.text);
    assert.match(change.text, /spec\.publicKey is immutable/);

    // A tunnel that says no HELLO takes nothing over
    for (const target of Object.values(doors(scene))) {
      const request = dialRequest(scene.at("/attach"), [bearer(agentToken)]);
      assert.equal((await dial(scene, target, request)).status, 101);
      await serves(scene);
    }

    // What an agent writes into the hub's conditions is put back
    const forged = [{
      type: "Ready",
      status: "False",
      reason: "Forged",
      message: "forged",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    }];
    const answer = await scene.ask(scene.parentTarget(), {
      method: "PATCH",
      path: `${clusterPath}/status`,
      headers: [bearer(agentToken), ["Content-Type", "application/merge-patch+json"]],
      body: JSON.stringify({ status: { conditions: forged } }),
    });
    assert.equal(answer.status, 200, answer.text);
    await eventually("the conditions are put back", 10_000, async () => {
      assert.equal(await condition("Ready"), "True");
      assert.doesNotMatch(JSON.stringify((await clusterOf()).status?.conditions), /[Ff]orged/);
    });

    // With the very credentials: the two are found out
    const thief = await agent("thief");
    await thief.process.start();
    try {
      await eventually("the condition says so", 60_000, async () => {
        assert.equal(await condition("DuplicateAgent"), "True");
      }, 250);
      await eventually("so does an Event", 10_000, async () => {
        const told = (await eventsOf(parent)).filter((one) => one.startsWith("DuplicateAgent"));
        assert.match(told.join("\n"), /replace each other/);
      });
    } finally {
      await thief.process.kill9();
    }
    await eventually("the right one serves again", 90_000, () => serves(scene), 500);
  });
});

/** Runs real agents with bootstrap tokens, so that whatever they say of them is searched. */
async function agentsThatFail(
  scene: Scene,
  tokens: { good: string; wrong: string; expired: string },
): Promise<void> {
  const { parent, child } = scene;
  for (const [name, bootstrapToken] of Object.entries(tokens)) {
    const namespace = `bootstrap-${name}`;
    await child.kubectlOk(["create", "namespace", namespace]);
    await child.kubectlOk([
      ...["-n", namespace, "create", "rolebinding", "agent", "--clusterrole=cluster-admin"],
      "--serviceaccount=clusternet-system:clusternet-agent",
    ]);
    const agent = await AgentProcess.create(parent, child, {
      name: `bootstrap-${name}`,
      bootstrapToken,
      args: [`--namespace=${namespace}`],
    });
    scene.alsoSearch(`the log of agent ${name}`, () => agent.process.log());
    await agent.process.start();
    try {
      await eventually(`agent ${name} got so far`, 20_000, async () => {
        const said = await agent.process.log();
        const events = (await eventsOf(child)).join("\n");
        if (name === "good") assert.match(said, /tunnel/i);
        else assert.match(said, /refuses the registration token/);
        if (name !== "good") assert.match(events, /refuses the registration token/);
      });
    } finally {
      await agent.process.kill9();
    }
  }
}
