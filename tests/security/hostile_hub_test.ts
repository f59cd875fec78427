/**
 * Abuse case 18: a hub that was taken over. The agent decides by itself.
 */
import assert from "node:assert/strict";
import { tokenTimes } from "../../agent/registration/token_life.ts";
import { seal } from "../../hub/registration/sealing.ts";
import type {
  ClusterRegistrationRequest,
  SealedCredentials,
} from "../../shared/kube/clusternet_types.ts";
import { CertificateAuthority } from "../cluster/pki.ts";
import { AgentProcess } from "../e2e/agent_process.ts";
import { eventually } from "../e2e/wait.ts";
import { FakeHub } from "./fake_hub.ts";
import { FramePeer, type StreamAnswer } from "./frame_peer.ts";
import { AGENT_SECRET, REQUESTS } from "./neighbour.ts";
import { plainAnswer, Recorder } from "./recorder.ts";
import { Cutter } from "./rotation_load.ts";
import { cases } from "./scene.ts";

type Pairs = [name: string, value: string][];
/** What the agent may do instead of answering: cut the stream. */
type Expected = number | "cut";

const REVIEW = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';

/** Who the child takes a caller for, in its words. */
interface WhoIs {
  username: string;
  groups: string[];
}

cases("a hub that was taken over", { agent: false }, async (step, scene) => {
  const { parent, child } = scene;
  const evilCa = await CertificateAuthority.create("planted");
  await using fake = await FakeHub.start(parent);
  await using evil = await FakeHub.start(parent, evilCa);
  await using way = new Cutter(fake.port);
  await using named = await Recorder.start({ answer: ({ method }) => plainAnswer(method) });
  await using never = await Recorder.start();
  const agent = await AgentProcess.create(scene.parent, scene.child, {
    parentUrl: way.url,
    args: [`--allow-target=http://127.0.0.1:${named.port}`],
  });
  scene.alsoSearch("the agent's log", () => agent.process.log());
  await agent.process.start();
  const hub = new FramePeer(await fake.conn, "hub");
  hub.hello("hub");
  const seen = (): string =>
    hub.frames.map(({ payload }) => new TextDecoder("latin1").decode(payload)).join("\n");
  scene.alsoSearch("what the agent told the hub", () => Promise.resolve(seen()));

  const NAMED = `http/127.0.0.1:${named.port}`;
  const head = (target: string, more: Pairs = [], method = "GET", path = "/x"): Pairs => [
    [":method", method],
    [":target", target],
    [":path", path],
    ...more,
  ];
  const expect = (answer: StreamAnswer, expected: Expected[], what: string): void => {
    const got = answer.reset === undefined ? answer.status : "cut";
    assert.ok(expected.includes(got), `${what}: ${got} ${answer.body}`);
  };
  const whoIs = async (more: Pairs): Promise<WhoIs> => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const headers: Pairs = [["Content-Type", "application/json"], [
      "Content-Length",
      `${REVIEW.length}`,
    ]];
    const answer = await hub.request(head("direct", [...more, ...headers], "POST", path), REVIEW);
    assert.equal(answer.status, 201, answer.body);
    return JSON.parse(answer.body).status.userInfo;
  };

  await step("18. the agent refuses by itself what a hostile hub asks for", async () => {
    const { data: before } = await scene.child.api.get<{ data: unknown }>(AGENT_SECRET);

    // Where to
    const nowhere: [target: string, expected: Expected[]][] = [
      [`http/127.0.0.1:${never.port}`, [403]],
      [`http/localhost:${never.port}`, [403]],
      [`http/[::ffff:127.0.0.1]:${named.port}`, [403]],
      [`http/2130706433:${named.port}`, [403]],
      [`https/127.0.0.1:${named.port}`, [403]],
      ["http/169.254.169.254", [403]],
      ["https/example.com", [403]],
      [`http/x@127.0.0.1:${named.port}`, [400]],
      [`${NAMED}/x`, [400]],
      [`${NAMED}?`, [400]],
      ["http/", [400, "cut"]],
      ["gopher/127.0.0.1:70", [400]],
      ["direct/", [400]],
      ["DIRECT", [400]],
      ["", ["cut"]],
    ];
    for (const [target, expected] of nowhere) {
      expect(await hub.request(head(target)), expected, `target ${target}`);
    }

    // In whose name
    const masters: Pairs = [[":user", "kubernetes-admin"], [":group", "system:masters"]];
    assert.deepEqual((await whoIs(masters)).groups, [
      "clusternet:hub:system:masters",
      "system:authenticated",
    ]);
    const list = await hub.request(head("direct", masters, "GET", "/api/v1/secrets"));
    expect(list, [403], "secrets as system:masters");
    for (
      const user of [
        "system:admin",
        "system:kube-controller-manager",
        "system:serviceaccount:clusternet-system:clusternet-agent",
        "system:node:node-0",
        "clusternet:hub:system:admin",
      ]
    ) {
      assert.equal((await whoIs([[":user", user]])).username, `clusternet:hub:${user}`);
    }
    const groups = ["kubeadm:cluster-admins", "system:nodes", "system:authenticated", "dev"];
    const pairs = groups.map((group): [string, string] => [":group", group]);
    assert.deepEqual((await whoIs([[":user", "ann"], ...pairs])).groups.toSorted(), [
      "clusternet:hub:kubeadm:cluster-admins",
      "clusternet:hub:system:nodes",
      "dev",
      "system:authenticated",
    ]);
    const smuggled: Pairs = [
      [":user", "ann"],
      ["Impersonate-User", "kubernetes-admin"],
      ["Impersonate-Group", "system:masters"],
      ["impersonate_group", "system:masters"],
      ["Authorization", "Bearer nonsense"],
      ["X-Remote-User", "kubernetes-admin"],
      ["X-Remote-Group", "system:masters"],
    ];
    const listed: Pairs = [["Connection", "Impersonate-User, Impersonate-Group, Authorization"]];
    for (const lines of [smuggled, [...smuggled, ...listed]]) {
      const ann = await whoIs(lines);
      assert.deepEqual([ann.username, ann.groups], ["ann", ["system:authenticated"]]);
    }
    for (
      const nobody of [
        [],
        [[":user", ""]],
        [[":user", "system:anonymous"]],
        [[":user", "ann"], [":group", "system:unauthenticated"]],
      ] as Pairs[]
    ) {
      const answer = await hub.request(head("direct", nobody, "GET", "/api"));
      expect(answer, [403, "cut"], JSON.stringify(nobody));
    }
    // Asked for by its address, the child's API server sees nobody
    const child = new URL(scene.child.server);
    const byAddress = await hub.request(
      head(`https/${child.host}`, masters, "GET", "/api/v1/namespaces"),
    );
    expect(byAddress, [401, 403], "the child by its address");

    // Bytes that end a line, and lines that hide a request
    const evil = "\r\nEvil: 1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    const oddities: [what: string, pairs: Pairs, expected: Expected[], body?: string][] = [
      ["CRLF in the path", head(NAMED, [], "GET", `/x HTTP/1.1${evil}`), ["cut"]],
      ["CRLF in the method", head(NAMED, [], `GET /x HTTP/1.1${evil}`), ["cut"]],
      ["CRLF in the target", head(`${NAMED}${evil}`), ["cut"]],
      ["CRLF in a name", head(NAMED, [[`X${evil}`, "1"]]), ["cut"]],
      ["CRLF in a value", head(NAMED, [["X", `1${evil}`]]), ["cut"]],
      ["LF in a value", head(NAMED, [["X", "1\nEvil: 1"]]), ["cut"]],
      ["U+010A in a value", head(NAMED, [["X", "1\u010d\u010aEvil: 1"]]), [400, "cut"]],
      ["CRLF in the user", head("direct", [[":user", `ann${evil}`]]), ["cut"]],
      ["U+010A in the user", head("direct", [[":user", "ann\u010aEvil: 1"]]), [400]],
      ["CRLF in a group", head("direct", [[":user", "ann"], [":group", `dev${evil}`]]), ["cut"]],
      ["a space in a name", head(NAMED, [["X Evil", "1"]]), [400, "cut"]],
      ["a colon in a name", head(NAMED, [["X: 1", "1"]]), [400, "cut"]],
      ["an unknown pseudo-header twice", head(NAMED, [[":a", "1"], [":a", "2"]]), ["cut"]],
      ...["CONNECT", "TRACE", "get", "PROPFIND", "FOO BAR", ""].map(
        (method): [string, Pairs, Expected[]] => [
          `method ${method}`,
          head(NAMED, [], method),
          [400, "cut"],
        ],
      ),
      ...["x", "*", "", "http://127.0.0.1/", "/../x", "/%2e%2e/x", "/a b", "/\u00e4", "/x#y"].map(
        (path): [string, Pairs, Expected[]] => [
          `path ${path}`,
          head(NAMED, [], "GET", path),
          [400, "cut"],
        ],
      ),
      ["two framings", head(NAMED, [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]]), [
        400,
      ]],
      ["two lengths", head(NAMED, [["Content-Length", "5"], ["Content-Length", "6"]]), [400]],
      ["a negative length", head(NAMED, [["Content-Length", "-1"]]), [400]],
      [
        "a body longer than it says",
        head(NAMED, [["Content-Length", "5"]], "POST"),
        [400, 200, "cut"],
        `hello${evil}`,
      ],
      ["a body shorter than it says", head(NAMED, [["Content-Length", "900"]], "POST"), [
        400,
        "cut",
      ], evil],
      [
        "an upgrade to HTTP/2",
        head(NAMED, [[":upgrade", "1"], ["Connection", "Upgrade"], ["Upgrade", "h2c"]]),
        [400],
      ],
    ];
    for (const [what, pairs, expected, body] of oddities) {
      expect(await hub.request(pairs, body), expected, what);
    }
    expect(await hub.request(new Uint8Array([0xff, 0xfe, 0])), ["cut"], "no UTF-8");
    expect(await hub.request(new Uint8Array(60_000).fill(97)), ["cut"], "no end");

    // Control requests
    const control = (path: string, method = "POST", more: Pairs = []): Pairs =>
      head("agent", [["Content-Type", "application/jose"], ...more], method, path);
    const deep = "[".repeat(30_000);
    const orders: [what: string, pairs: Pairs, expected: Expected[], body?: string][] = [
      ["no credentials", control("/credentials"), [400, 422]],
      ["garbage", control("/credentials"), [400, 422], "garbage"],
      ["half a JWE", control("/credentials"), [400, 422], "eyJhbGciOiJub25lIn0..a.b.c"],
      ["a JWE of nobody", control("/credentials"), [400, 422], `${btoa(deep)}.a.b.c.d`],
      ["deep JSON", control("/credentials"), [400, 422], deep],
      ["too much", control("/credentials"), [413], "x".repeat(100_000)],
      ["a wrong method", control("/credentials", "GET"), [404, 405]],
      ["no method of fetch", control("/credentials", "CONNECT"), [400, 404, 405, 500, "cut"]],
      ["an unknown path", control("/exec"), [404]],
      ["another host", control("@example.com/credentials"), [400, 404, 500, "cut"]],
      ["in a user's name", head("agent", masters, "POST", "/exec"), [400, 403, 404]],
    ];
    for (const [what, pairs, expected, body] of orders) {
      expect(await hub.request(pairs, body), expected, `control: ${what}`);
    }

    // Nothing of it arrived, nothing was believed, and the agent goes on
    assert.deepEqual(never.requests, []);
    for (const { line, headers } of named.requests) {
      assert.match(line, /^POST \/x HTTP\/1\.1$/, "a request got through");
      assert.ok(!headers.some(([name]) => /evil|authorization|impersonate/.test(name)));
    }
    const { data: after } = await scene.child.api.get<{ data: unknown }>(AGENT_SECRET);
    assert.deepEqual(after, before);
    named.clear();
    const honest = await hub.request(head(NAMED, [[":user", "ann"]], "GET", "/honest"));
    assert.deepEqual([honest.status, honest.body, hub.ended], [200, "GET", false]);
    assert.ok(named.requests[0]!.headers.every(([name]) => name !== "authorization"));
    const log = await agent.process.log();
    for (const target of [`http/127.0.0.1:${never.port}`, "http/169.254.169.254"]) {
      assert.match(log, new RegExp(`refused target="${target}" status=403`));
    }
  });

  await step("18. credentials of a hostile hub do not outlive it", async () => {
    const id = await agent.clusterId();
    const { spec, status } = await parent.api.get<ClusterRegistrationRequest>(
      `${REQUESTS}/clusternet-${id}`,
    );
    const stored = async (): Promise<{ token: string; expiry: number; ca: string }> => {
      const { data } = await child.api.get<{ data: Record<string, string> }>(AGENT_SECRET);
      const expiry = Date.parse(atob(data["token-expiry"]!));
      return { token: atob(data["token"]!), expiry, ca: atob(data["ca.crt"]!) };
    };
    const deliver = async (change: Partial<SealedCredentials> & { token: string }) => {
      const jwe = await seal(spec.publicKey, {
        clusterId: id,
        namespace: status!.dedicatedNamespace!,
        managedClusterName: status!.managedClusterName!,
        expirationTimestamp: new Date(tokenTimes(change.token).expiresAt!).toISOString(),
        caCertificate: parent.caPem,
        ...change,
      });
      const type: Pairs = [["Content-Type", "application/jose"]];
      return (await hub.request(head("agent", type, "POST", "/credentials"), jwe)).status;
    };
    const { token: first } = await stored();
    scene.secrets.add("agent's first token", first);
    const poison = {
      token: first,
      expirationTimestamp: "9999-12-31T00:00:00Z",
      caCertificate: evilCa.pem,
    };
    const planted = evilCa.pem.trim().split("\n")[1]!;

    // Nothing of it is stored that is not true
    assert.equal(await deliver(poison), 204);
    assert.equal(await deliver({ ...poison, namespace: "../../x" }), 422);
    assert.equal(await deliver({ ...poison, managedClusterName: "a/../b" }), 422);
    const kept = await stored();
    assert.ok(kept.expiry <= tokenTimes(first).expiresAt!, `stored until ${kept.expiry}`);
    assert.ok(!kept.ca.includes(planted), "a planted CA is stored");
    await eventually("the child's admin is told", 5_000, async () => {
      const events = await child.kubectlOk(["get", "events", "-A"]);
      assert.match(events, /Warning +ParentCAIgnored/);
    });

    // What a clean hub says wins, though its token ends sooner; what it said before does not
    const { namespace, name } = status!.serviceAccount!;
    const fresh = (await parent.kubectlOk(
      ["-n", namespace, "create", "token", name, "--duration=10m"],
    )).trim();
    scene.secrets.add("agent's fresh token", fresh);
    assert.equal(await deliver({ token: fresh }), 204);
    assert.equal((await stored()).token, fresh);
    assert.equal(await deliver({ token: fresh }), 200, "a replay");
    assert.equal(await deliver(poison), 200, "an older token");
    assert.equal((await stored()).token, fresh);

    // A planted CA does not count beside the pin: told to the running agent, or stored long ago
    assert.equal(await deliver({ ...poison, token: fresh }), 204);
    way.target = evil.port;
    const refuses = async (what: string): Promise<void> => {
      const before = way.taken;
      await eventually(what, 30_000, () => assert.ok(way.taken >= before + 3 || evil.seen > 0));
      assert.equal(evil.seen, 0, `${what}: the agent speaks to it`);
    };
    way.cut();
    await refuses("the agent comes to whoever has the planted CA");
    await agent.process.kill9();
    const data = {
      "ca.crt": btoa(parent.caPem + evilCa.pem),
      "token-expiry": btoa(poison.expirationTimestamp),
    };
    await child.api.patch(AGENT_SECRET, { data });
    await agent.process.start();
    await refuses("it comes again, with the planted CA in its Secret");
  });
  await hub.end();
  await agent.process.kill9();
});
