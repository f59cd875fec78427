/**
 * Who a caller of the parent is in the child: prefixes, extras, the original's child credentials,
 * and the tighter forms of the agent's rights in `deploy/samples/child/agent_rights`.
 */
import assert from "node:assert/strict";
import { AgentProcess } from "./agent_process.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

const SAMPLES = `${ROOT}deploy/samples/child/agent_rights`;
const SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

interface UserInfo {
  username: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

interface Answer {
  status: number;
  message: string;
  user: UserInfo | undefined;
}

/** A caller of the parent, with headers of its own. */
interface Caller {
  cert: string;
  key: string;
  headers?: Record<string, string>;
}

/** A request through the tunnel. */
async function ask(
  fleet: Fleet,
  { headers, ...pair }: Caller,
  path: string,
  body?: unknown,
): Promise<Answer> {
  using client = Deno.createHttpClient({
    caCerts: [fleet.parent.caPem],
    poolMaxIdlePerHost: 0,
    ...pair,
  });
  const response = await fetch(fleet.proxyServer + path, {
    client,
    headers: { "Content-Type": "application/json", ...headers },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  const answer = await response.json() as { message?: string; status?: { userInfo?: UserInfo } };
  return {
    status: response.status,
    message: answer.message ?? "",
    user: answer.status?.userInfo,
  };
}

/** Who a caller is in the child, by the child's own word. */
async function whoAmI(fleet: Fleet, caller: Caller): Promise<Answer> {
  return await ask(fleet, caller, SELF, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "SelfSubjectReview",
  });
}

/** Lets users of the parent through, and `alice` impersonate there as the original asks for. */
const parentGrants = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: more-users }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: clusternet-user }
subjects:
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: clusternet }
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: carol }
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:robot" }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: impersonator }
rules:
  - { apiGroups: [""], resources: [users], resourceNames: [clusternet, carol], verbs: [impersonate] }
  - apiGroups: [authentication.k8s.io]
    resources: [userextras/clusternet-token, userextras/example.org/team]
    verbs: [impersonate]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: impersonator }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: impersonator }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: alice }]
`;

/** Starts the fleet's agent again, with other flags. */
async function restart(fleet: Fleet, agent: AgentProcess, args: string[]): Promise<AgentProcess> {
  await agent.process.kill9();
  const next = await AgentProcess.create(fleet.parent, fleet.child, { name: "agent-next", args });
  await next.process.start();
  return next;
}

Deno.test("a caller of the parent is who it should be in the child", async (t) => {
  const args = ["--forward-extras=example.org/team", "--legacy-child-credentials"];
  await using fleet = await startFleet({ agent: { args } });
  const { parent, child } = fleet;
  await parent.kubectlOk(["apply", "-f", "-"], { stdin: parentGrants });
  await child.kubectlOk(["create", "serviceaccount", "visitor"]);
  const token = (await child.kubectlOk(["create", "token", "visitor"])).trim();
  const [alice, robot, stranger] = await Promise.all([
    parent.mintClientCert("alice", ["platform"]),
    parent.mintClientCert("system:robot", ["system:robots", "platform"]),
    parent.mintClientCert("carol", ["strangers"]),
  ]);
  const visiting = {
    ...alice,
    headers: { "Impersonate-User": "clusternet", "Impersonate-Extra-Clusternet-Token": token },
  };
  const team = (value: string): Caller => ({
    ...alice,
    headers: { "Impersonate-User": "carol", "Impersonate-Extra-Example.org%2fteam": value },
  });
  let next: AgentProcess | undefined;
  try {
    await t.step("system: names and groups arrive with the prefix clusternet:hub:", async () => {
      const { user, message } = await eventually("the grant is known", 10_000, async () => {
        const answer = await whoAmI(fleet, robot);
        assert.equal(answer.status, 201, answer.message);
        return answer;
      });
      assert.equal(user?.username, "clusternet:hub:system:robot", message);
      assert.deepEqual(user?.groups?.toSorted(), [
        "clusternet:hub:system:robots",
        "platform",
        "system:authenticated",
      ]);
    });

    await t.step("an extra needs its rule in the child", async () => {
      assert.equal((await whoAmI(fleet, team("blue"))).status, 403);
      await child.kubectlOk(["apply", "-f", `${SAMPLES}/extras.yaml`]);
      await eventually("the rule is known", 10_000, async () => {
        const { status, user, message } = await whoAmI(fleet, team("blue"));
        assert.equal(status, 201, message);
        assert.equal(user?.username, "carol");
        assert.deepEqual(user?.extra?.["example.org/team"], ["blue"]);
      });
      assert.equal((await whoAmI(fleet, team("red"))).status, 403);
    });

    await t.step("the original's way: the child's token in an extra", async () => {
      const { user, message } = await whoAmI(fleet, visiting);
      assert.equal(user?.username, "system:serviceaccount:default:visitor", message);
      const wrong = { ...visiting.headers, "Impersonate-Extra-Clusternet-Token": "no-token" };
      assert.equal((await whoAmI(fleet, { ...visiting, headers: wrong })).status, 401);
    });

    await t.step("groups by name: others are refused", async () => {
      await child.kubectlOk(["apply", "-f", `${SAMPLES}/named.yaml`]);
      await eventually("the rights are known", 10_000, async () => {
        const { status, message } = await whoAmI(fleet, stranger);
        assert.equal(status, 403, message);
        assert.match(message, /strangers/);
      });
      assert.equal((await whoAmI(fleet, alice)).status, 201);
      const can = await child.kubectl([
        ...["auth", "can-i", "impersonate", "groups/system:masters"],
        "--as=system:serviceaccount:clusternet-system:clusternet-agent",
      ]);
      assert.match(can.stdout, /^no/);
    });

    await t.step("constrained impersonation: only what is named", async () => {
      await child.kubectlOk(["apply", "-f", `${SAMPLES}/constrained.yaml`]);
      await eventually("the rights are known", 10_000, async () => {
        const { status, message } = await ask(fleet, alice, "/api/v1/secrets");
        assert.equal(status, 403, message);
      });
      for (const path of ["/api/v1/pods", "/version", "/apis/apps/v1/deployments"]) {
        const { status, message } = await ask(fleet, alice, path);
        assert.equal(status, 200, `${path}: ${message}`);
      }
      const { code, stdout, stderr } = await fleet.through(["get", "namespaces", "-o", "name"]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /namespace\/default/);
      const made = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "made" } };
      const write = await ask(fleet, alice, "/api/v1/namespaces/default/configmaps", made);
      assert.equal(write.status, 403, write.message);
      assert.equal((await ask(fleet, stranger, "/version")).status, 403);
      await child.kubectlOk(["apply", "-f", `${ROOT}deploy/agent/00-rbac.yaml`]);
    });

    await t.step("without the flags extras are nothing: clusternet is a plain user", async () => {
      next = await restart(fleet, fleet.agent!, []);
      await eventually("the agent without flags is there", 40_000, async () => {
        const { status, user, message } = await whoAmI(fleet, visiting);
        assert.equal(status, 201, message);
        assert.equal(user?.username, "clusternet");
        assert.equal(user?.extra?.["clusternet-token"], undefined);
      });
      const { user } = await whoAmI(fleet, team("blue"));
      assert.equal(user?.username, "carol");
      assert.equal(user?.extra?.["example.org/team"], undefined);
    });
  } catch (error) {
    throw new Error(`${error}\n${await fleet.logs()}`, { cause: error });
  } finally {
    await next?.process.kill9();
  }
});
