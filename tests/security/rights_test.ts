/**
 * Abuse cases 7 and 9 to 12: what a caller, an agent or a bootstrap token is good for, and nothing
 * else.
 */
import assert from "node:assert/strict";
import { generateAgentKey } from "../../agent/registration/keys.ts";
import { openSealed } from "../../agent/registration/sealed.ts";
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import { AgentProcess, newBootstrapToken } from "../e2e/agent_process.ts";
import { USER } from "../e2e/fleet.ts";
import { eventually } from "../e2e/wait.ts";
import { reviewsIn } from "./audit.ts";
import {
  ACCOUNTS,
  accountToken,
  dialRequest,
  registered,
  registerNeighbour,
  registration,
  REQUESTS,
} from "./neighbour.ts";
import { type RawAnswer, type RawRequest, type RawTarget, rawText } from "./raw_http.ts";
import { cases, type RemoteUser, type Scene, SOCKETS } from "./scene.ts";

const ALICE: RemoteUser = { user: USER.name, groups: USER.groups };
const SECRET = "/api/v1/namespaces/clusternet-system/secrets/parent-cluster";
/** A tunnel that opened stays open: then this is how long is waited for more. */
const DIAL_MS = 2_000;

type Header = readonly [string, string];
const bearer = (token: string): Header => ["Authorization", `Bearer ${token}`];

/** Both ways in: the parent's kube-apiserver, and the hub's own port. */
function doors(scene: Scene): Record<string, RawTarget> {
  return { "the parent": scene.parentTarget(), "the hub's port": scene.hubTarget() };
}

/** Tries to open a tunnel. */
async function dial(scene: Scene, target: RawTarget, request: RawRequest): Promise<RawAnswer> {
  return await scene.exchange(target, rawText(request), DIAL_MS);
}

/** The Events of a cluster, as `reason: message`. */
async function eventsOf({ api }: Scene["parent"]): Promise<string[]> {
  const { items } = await api.get<{ items: { reason: string; message: string }[] }>(
    "/api/v1/events",
  );
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}

cases(
  "a right is good for what it names",
  { parent: { audit: "Request" } },
  async (step, scene) => {
    const { parent, child } = scene;
    const a = scene.clusterId;
    const own = await registered(parent, a);
    const b = await registerNeighbour(parent);
    const { data: credentials } = await child.api.get<{ data: Record<string, string> }>(SECRET);
    const agentToken = scene.secrets.add("agent's token", atob(credentials["token"]!));
    const admin = scene.parentTarget(parent.adminClientCert);
    const clusterPath = `/apis/clusters.clusternet.io/v1beta1/namespaces/${own.namespace}` +
      `/managedclusters/${own.name}`;
    const clusterOf = async (): Promise<ManagedCluster> => await parent.api.get(clusterPath);
    const condition = async (type: string): Promise<string | undefined> =>
      (await clusterOf()).status?.conditions?.find((one) => one.type === type)?.status;
    const serves = async (): Promise<void> => {
      const { status, text } = await scene.askAs(ALICE, {
        path: scene.at("/proxy/direct/version"),
      });
      assert.equal(status, 200, text);
    };

    await step("7. a right on one cluster reaches no other, however it is written", async () => {
      const [begin, end] = [a.slice(0, 4), a.slice(4)];
      const hex = (char: string): string => `%${char.charCodeAt(0).toString(16)}`;
      const version = "/proxy/direct/version";
      const asked: Record<string, string> = {
        "B": `/${b.id}${version}`,
        "B in upper case": `/${b.id.toUpperCase()}${version}`,
        "B encoded": `/${hex(b.id[0]!)}${b.id.slice(1)}${version}`,
        "B encoded twice": `/%25${hex(b.id[0]!).slice(1)}${b.id.slice(1)}${version}`,
        "B with a suffix": `/${b.id}x${version}`,
        "B with a dot": `/${b.id}.${version}`,
        "B with a space": `/${b.id}%20${version}`,
        "B with a NUL": `/${b.id}%00${version}`,
        "B with parameters": `/${b.id};a=${a}${version}`,
        "B with a comma and A": `/${b.id},${a}${version}`,
        "A in upper case": `/${a.toUpperCase()}${version}`,
        "A with a suffix": `/${a}x${version}`,
        "A without its last letter": `/${a.slice(0, -1)}${version}`,
        "A with a dot": `/${a}.${version}`,
        "A split": `/${begin}/${end}${version}`,
        "A, then up to B": `/${a}/../${b.id}${version}`,
        "A, then encoded up to B": `/${a}/%2e%2e/${b.id}${version}`,
        "A, then an encoded slash to B": `/${a}%2f..%2f${b.id}${version}`,
        "A's child, then up to B": `/${a}/proxy/direct/../../../${b.id}${version}`,
        "A's child, then encoded up to B":
          `/${a}/proxy/direct/%2e%2e/%2e%2e/%2e%2e/${b.id}${version}`,
        "A's child, then a mix up to B": `/${a}/proxy/direct/..%2f..%2f../${b.id}${version}`,
        "no cluster, then B": `//${b.id}${version}`,
        "B without proxy": `/${b.id}/direct/version`,
        "B, asked with A in the query": `/${b.id}${version}?name=${a}&resourceName=${a}`,
      };
      assert.equal((await scene.ask(admin, { path: SOCKETS + asked["B"]! })).status, 503);
      await serves();
      for (const [what, rest] of Object.entries(asked)) {
        for (const door of ["hub", "parent"]) {
          const request = { path: SOCKETS + rest };
          const answer = door === "hub"
            ? await scene.askAs(ALICE, request)
            : await scene.ask(await scene.parentAs(ALICE), request);
          const at = `${what}, at the ${door}: ${answer.text}`;
          assert.ok([400, 403, 404].includes(answer.status), at);
          if (what === "B" || what.startsWith("B, ")) assert.equal(answer.status, 403, at);
        }
      }
      // A fragment of a query is no part of the path: that is A
      const query = `${SOCKETS}/${a}${version}?x=/../../${b.id}/proxy/direct`;
      assert.equal((await scene.askAs(ALICE, { path: query })).status, 200);
      // Each name that was reviewed is a cluster id as it is routed
      const reviews = await reviewsIn(
        parent,
        ({ user, resourceAttributes }) =>
          user === USER.name && resourceAttributes?.["resource"] === "sockets",
      );
      const names = new Set(reviews.map(({ resourceAttributes }) => resourceAttributes?.["name"]));
      assert.deepEqual([...names].toSorted(), [a, b.id].toSorted());
    });

    await step("9. an agent's credential opens nothing of another cluster: 403", async () => {
      const merge: Header = ["Content-Type", "application/merge-patch+json"];
      const json: Header = ["Content-Type", "application/json"];
      const theirs = `/apis/clusters.clusternet.io/v1beta1/namespaces/${b.namespace}` +
        `/managedclusters/${b.name}`;
      const tokenRequest =
        '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}';
      const mint = (account: string): RawRequest => ({
        method: "POST",
        path: `${ACCOUNTS}/${account}/token`,
        headers: [json],
        body: tokenRequest,
      });
      const patch = (path: string, body: unknown): RawRequest => ({
        method: "PATCH",
        path,
        headers: [merge],
        body: JSON.stringify(body),
      });
      const inParent: RawRequest[] = [
        { path: `${REQUESTS}/clusternet-${b.id}` },
        { path: REQUESTS },
        { path: `${REQUESTS}?watch=1&fieldSelector=metadata.name%3Dclusternet-${b.id}` },
        { path: `/api/v1/namespaces/${b.namespace}` },
        { path: `/api/v1/namespaces/${b.namespace}/secrets` },
        { path: `/api/v1/namespaces/${own.namespace}/secrets` },
        { path: "/api/v1/namespaces/clusternet-agents/secrets" },
        { path: "/api/v1/namespaces/clusternet-system/secrets/clusternet-hub-serving" },
        { path: theirs },
        { path: `${theirs}/status` },
        { path: "/apis/clusters.clusternet.io/v1beta1/managedclusters" },
        { path: `${ACCOUNTS}/${b.account.name}` },
        mint(b.account.name),
        mint(own.account.name),
        patch(`${theirs}/status`, { status: { readyz: false } }),
        patch(theirs, { metadata: { labels: { a: "b" } } }),
        patch(clusterPath, { metadata: { finalizers: null } }),
        patch(`${REQUESTS}/clusternet-${a}/status`, { status: { result: "Denied" } }),
        { method: "DELETE", path: `${REQUESTS}/clusternet-${b.id}` },
        { method: "DELETE", path: theirs },
      ];
      const onBoth: RawRequest[] = [a, b.id].flatMap((id) => [
        { path: scene.at("/proxy/direct/version", id) },
        { path: scene.at("/direct/version", id) },
        { path: scene.at("/proxy/http/127.0.0.1:80/", id) },
        { method: "POST", path: scene.at("/proxy/direct/api/v1/namespaces", id), body: "{}" },
        { path: scene.at("", id) },
      ]);
      const asAgent = (request: RawRequest): RawRequest => ({
        ...request,
        headers: [bearer(agentToken), ...request.headers ?? []],
      });
      const all: [string, RawTarget, RawRequest][] = [
        ...inParent.map((one) => ["the parent", scene.parentTarget(), one] as const),
        ...Object.entries(doors(scene)).flatMap(([name, target]) =>
          [...onBoth, { path: SOCKETS }].map((one) => [name, target, one] as const)
        ),
      ].map(([name, target, one]) => [name, target, asAgent(one)]);
      for (const [door, target, request] of all) {
        const { status, text } = await scene.ask(target, request);
        assert.equal(status, 403, `${request.method ?? "GET"} ${request.path} at ${door}: ${text}`);
      }
      for (const [door, target] of Object.entries(doors(scene))) {
        for (const path of [scene.at("/attach", b.id), scene.at("", b.id)]) {
          const { status, text } = await dial(scene, target, asAgent(dialRequest(path)));
          assert.equal(status, 403, `${path} at ${door}: ${text}`);
        }
        const mine = await dial(scene, target, asAgent(dialRequest(scene.at("/attach"))));
        assert.equal(mine.status, 101, `its own at ${door}: ${mine.text}`);
      }

      // An admin granted too much: the hub's own check is left
      await parent.kubectlOk([
        ...["create", "clusterrole", "attach-all", "--verb=get"],
        "--resource=sockets.proxies.clusternet.io/attach",
      ]);
      await parent.kubectlOk([
        ...["create", "clusterrolebinding", "attach-all", "--clusterrole=attach-all"],
        ...["--group=system:serviceaccounts", "--group=platform"],
      ]);
      const refused = /is not the ServiceAccount that the hub made for its agent/;
      await eventually("RBAC lets it pass, the hub does not", 15_000, async () => {
        for (const target of Object.values(doors(scene))) {
          const request = asAgent(dialRequest(scene.at("/attach", b.id)));
          const { status, text } = await dial(scene, target, request);
          assert.equal(status, 403, text);
          assert.match(text, refused);
        }
      }, 500);
      const user = await dial(
        scene,
        await scene.parentAs(ALICE),
        dialRequest(scene.at("/attach")),
      );
      assert.equal(user.status, 403, user.text);
      assert.match(user.text, refused);
      await serves();
    });

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
      const stored = await child.api.get<{ data: object; metadata: object }>(SECRET);
      const path = `${REQUESTS}/clusternet-${a}`;
      const before = await parent.api.get<ClusterRegistrationRequest>(path);
      const agent = async (name: string): Promise<AgentProcess> => {
        const args = ["--leader-elect=false"];
        const process = await AgentProcess.create(parent, child, { name, args });
        scene.alsoSearch(`the log of agent ${name}`, () => process.process.log());
        return process;
      };

      // With another key: refused, whatever else it holds
      await child.api.remove(SECRET);
      const stranger = await agent("stranger");
      await stranger.process.start();
      try {
        await eventually("the child's Events say why", 20_000, async () => {
          const told = (await eventsOf(child)).filter((one) =>
            one.startsWith("RegistrationFailed")
          );
          assert.match(told.join("\n"), /belongs to an agent with another key/);
        });
        for (let round = 0; round < 5; round++) await serves();
        assert.match(await stranger.process.log(), /belongs to an agent with another key/);
      } finally {
        await stranger.process.kill9();
        const found = await child.api.request("GET", SECRET);
        if (found.status === 200) await child.api.remove(SECRET);
        await child.api.create(SECRET.replace("/parent-cluster", ""), {
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
        await serves();
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
      await eventually("the right one serves again", 90_000, serves, 500);
    });

    await step("12. names that begin alike, or are made anew, are not the agent: 403", async () => {
      const account = b.account.name;
      const create = async (name: string, namespace: string): Promise<string> => {
        await parent.kubectlOk(["-n", namespace, "create", "serviceaccount", name]);
        return await accountToken(parent, name, namespace);
      };
      await parent.kubectlOk(["create", "namespace", "clusternet-agents-x"]);
      const tokens: Record<string, string> = {
        "a longer name": await create(`${account}x`, "clusternet-agents"),
        "a shorter name": await create(account.slice(0, -1), "clusternet-agents"),
        "another namespace": await create(account, "default"),
        "a longer namespace": await create(account, "clusternet-agents-x"),
        "another agent": agentToken,
      };
      await parent.api.remove(`${ACCOUNTS}/${account}`);
      tokens["made anew, of another UID"] = await create(account, "clusternet-agents");
      // RBAC lets all of them pass: what is left is the hub's own check
      await parent.kubectlOk([
        ...["create", "clusterrole", "attach-b", "--verb=get"],
        ...["--resource=sockets.proxies.clusternet.io/attach", `--resource-name=${b.id}`],
      ]);
      await parent.kubectlOk([
        ...["create", "clusterrolebinding", "attach-b", "--clusterrole=attach-b"],
        "--group=system:serviceaccounts",
      ]);
      for (const [what, token] of Object.entries(tokens)) {
        scene.secrets.add(what, token);
        for (const [door, target] of Object.entries(doors(scene))) {
          await eventually("the grant is known", 15_000, async () => {
            const request = dialRequest(scene.at("/attach", b.id), [bearer(token)]);
            const { status, text } = await dial(scene, target, request);
            assert.equal(status, 403, `${what}, at ${door}: ${text}`);
            assert.match(
              text,
              /is not the ServiceAccount that the hub made/,
              `${what}, at ${door}`,
            );
          }, 500);
        }
      }
      // As the front proxy would tell them
      const name = `system:serviceaccount:clusternet-agents:${account}`;
      const callers: RemoteUser[] = [
        { user: name, uid: crypto.randomUUID() },
        { user: name, uid: `${b.account.uid}x` },
        { user: name },
        { user: `${name}x`, uid: b.account.uid },
        { user: name.slice(0, -1), uid: b.account.uid },
        { user: name.toUpperCase(), uid: b.account.uid },
        { user: name.replace("agents", "agents-x"), uid: b.account.uid },
      ];
      const hub = scene.hubTarget(parent.pki.frontProxyClient);
      const asAccount = ({ user, uid }: RemoteUser, id = b.id): RawRequest =>
        dialRequest(scene.at("/attach", id), [
          ["X-Remote-User", user],
          ["X-Remote-Group", "system:serviceaccounts"],
          ...(uid === undefined ? [] : [["X-Remote-Uid", uid] as const]),
        ]);
      for (const caller of callers) {
        const { status, text } = await dial(scene, hub, asAccount(caller));
        assert.equal(status, 403, `${JSON.stringify(caller)}: ${text}`);
      }
      const right = { user: name, uid: b.account.uid };
      assert.equal((await dial(scene, hub, asAccount(right))).status, 101, "the very account may");
      for (
        const id of [`${b.id}x`, b.id.slice(0, -1), `x${b.id}`, `${b.id}/`, b.id.toUpperCase()]
      ) {
        const { status, text } = await dial(scene, hub, asAccount(right, id));
        assert.equal(status, id.endsWith("/") ? 404 : 400, `${id}: ${text}`);
      }
      // A request whose id begins as another's
      const key = await generateAgentKey();
      for (const id of [`${a}x`, a.slice(0, -1), a.toUpperCase(), `${a}.x`]) {
        const { status, text } = await parent.api.request("POST", REQUESTS, registration(id, key));
        assert.equal(status, 422, `${id}: ${text}`);
      }
      const misnamed = registration(crypto.randomUUID(), key);
      const { status, text } = await parent.api.request("POST", REQUESTS, {
        ...misnamed,
        metadata: { name: `clusternet-${a}x` },
      });
      assert.equal(status, 422, text);
    });
  },
);

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
