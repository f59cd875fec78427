/**
 * Abuse cases 7, 9 and 12: a right, or an agent's credential, is good for what it names.
 */
import assert from "node:assert/strict";
import { generateAgentKey } from "../../agent/registration/keys.ts";
import { eventually } from "../e2e/wait.ts";
import { reviewsIn } from "./audit.ts";
import {
  ACCOUNTS,
  accountToken,
  ALICE,
  bearer,
  clusterPathOf,
  dial,
  dialRequest,
  doors,
  registered,
  registerNeighbour,
  registration,
  REQUESTS,
  serves,
  stolenToken,
} from "./neighbour.ts";
import type { RawRequest, RawTarget } from "./raw_http.ts";
import { cases, type RemoteUser, SOCKETS } from "./scene.ts";

type Header = readonly [string, string];
const OPTIONS = { parent: { audit: "Request" as const } };

cases("a right is good for what it names", OPTIONS, async (step, scene) => {
  const { parent } = scene;
  const a = scene.clusterId;
  const own = await registered(parent, a);
  const b = await registerNeighbour(parent);
  const agentToken = await stolenToken(scene);
  const admin = scene.parentTarget(parent.adminClientCert);
  const clusterPath = clusterPathOf(own);

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
    await serves(scene);
    for (const [what, rest] of Object.entries(asked)) {
      for (const door of ["hub", "parent"]) {
        const request = { path: SOCKETS + rest };
        const answer = door === "hub"
          ? await scene.askAs(ALICE, request)
          : await scene.ask(await scene.parentAs(ALICE), request);
        const at = `${what}, at the ${door}: ${answer.text}`;
        assert.ok([400, 403, 404].includes(answer.status), at);
        if (what === "B" || what.startsWith("B, ")) assert.equal(answer.status, 403, at);
        // It is the hub that refuses, not the child
        if (what.startsWith("A's child")) assert.equal(answer.status, 400, at);
      }
    }
    // A fragment of a query is no part of the path: that is A
    const query = `${SOCKETS}/${a}${version}?x=/../../${b.id}/proxy/direct`;
    assert.equal((await scene.askAs(ALICE, { path: query })).status, 200);
    // Each name that was reviewed is a cluster id as it is routed
    const reviews = await reviewsIn(
      parent,
      ({ user, resourceAttributes }) =>
        user === ALICE.user && resourceAttributes?.["resource"] === "sockets",
    );
    const names = new Set(reviews.map(({ resourceAttributes }) => resourceAttributes?.["name"]));
    assert.deepEqual([...names].toSorted(), [a, b.id].toSorted());
  });

  await step("9. an agent's credential opens nothing of another cluster: 403", async () => {
    const merge: Header = ["Content-Type", "application/merge-patch+json"];
    const json: Header = ["Content-Type", "application/json"];
    const theirs = clusterPathOf(b);
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
    await serves(scene);
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
});
