/**
 * Abuse cases 1 to 6: who the caller is cannot be forged.
 */
import assert from "node:assert/strict";
import type { KeyPair } from "../cluster/pki.ts";
import { CertificateAuthority } from "../cluster/pki.ts";
import { USER } from "../e2e/fleet.ts";
import { eventually } from "../e2e/wait.ts";
import { reviewsIn } from "./audit.ts";
import { forgedCertificates, FRONT_PROXY } from "./forged_certs.ts";
import { ALICE, grantVisitor, visitorToken } from "./neighbour.ts";
import { KeptConnection, type RawAnswer, type RawTarget } from "./raw_http.ts";
import { resumedAsk } from "./resumed_tls.ts";
import { cases, remoteLines, type Scene } from "./scene.ts";

const SELF = "/proxy/direct/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REVIEW = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';
const FRONT_PROXY_CONFIG = "/api/v1/namespaces/kube-system/configmaps/" +
  "extension-apiserver-authentication";

interface UserInfo {
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** Reads the answer to a SelfSubjectReview. */
function userOf({ status, body, text }: RawAnswer): UserInfo {
  assert.equal(status, 201, text);
  return (JSON.parse(body) as { status: { userInfo: UserInfo } }).status.userInfo;
}

/** Who a caller is in the child, asked with these headers at this port. */
async function selfAt(
  scene: Scene,
  target: RawTarget,
  headers: readonly (readonly [string, string])[],
): Promise<RawAnswer> {
  return await scene.ask(target, {
    method: "POST",
    path: scene.at(SELF),
    headers: [["Content-Type", "application/json"], ...headers],
    body: REVIEW,
  });
}

const options = { parent: { audit: "Request" as const } };

cases("who the caller is cannot be forged", options, async (step, scene) => {
  const { parent } = scene;
  await grantVisitor(scene);
  const version = scene.at("/proxy/direct/version");
  const aliceCert = await parent.mintClientCert(USER.name, USER.groups);
  const frontProxy = scene.hubTarget(parent.pki.frontProxyClient);
  await step("1. identity headers without the front proxy's certificate: 401", async () => {
    const admin: [string, string][] = [
      ["X-Remote-User", "admin"],
      ["X-Remote-Group", "system:masters"],
    ];
    const forms: Record<string, [string, string][]> = {
      "as they are": admin,
      "in lower case": admin.map(([name, value]) => [name.toLowerCase(), value]),
      "in upper case": admin.map(([name, value]) => [name.toUpperCase(), value]),
      "with underscores": admin.map(([name, value]) => [name.replaceAll("-", "_"), value]),
      "with uid and extras": [...admin, ["X-Remote-Uid", "1"], ["X-Remote-Extra-Scopes", "all"]],
      "twice": [...admin, ...admin],
      "beside a token that is none": [...admin, ["Authorization", "Bearer nonsense"]],
    };
    const count = async (): Promise<number> =>
      Number(
        /reason="untrusted_identity_headers"\} ([0-9]+)/.exec(await scene.hubMetrics())?.[1] ?? 0,
      );
    const before = await count();
    for (const [how, headers] of Object.entries(forms)) {
      const answer = await scene.ask(scene.hubTarget(), { path: version, headers });
      assert.equal(answer.status, 401, `${how}: ${answer.text}`);
      assert.match(answer.body, /"kind":"Status"/);
    }
    assert.equal(
      await count(),
      before + Object.keys(forms).length - 1,
      "all but underscores count",
    );

    // After a good request, on the same connection
    const bearer: [string, string] = ["Authorization", `Bearer ${await visitorToken(scene)}`];
    using kept = await KeptConnection.open(scene.hubTarget());
    assert.equal((await kept.ask({ path: version, headers: [bearer] })).status, 200);
    assert.equal((await kept.ask({ path: version, headers: admin })).status, 401);
    assert.equal((await kept.ask({ path: version, headers: [bearer, ...admin] })).status, 200);

    // A caller of their own right stays who they are
    const asAlice = await selfAt(scene, scene.hubTarget(aliceCert), admin);
    assert.equal(userOf(asAlice).username, USER.name);
    const asVisitor = await selfAt(scene, scene.hubTarget(), [bearer, ...admin]);
    assert.match(userOf(asVisitor).username, /:visitor$/);
    for (const answer of [asAlice, asVisitor]) assert.doesNotMatch(answer.body, /masters|admin"/);
  });

  await step("2. a certificate that is not the front proxy's: 401", async () => {
    const lines = remoteLines({ user: "admin", groups: ["system:masters"] });
    const good = await scene.ask(frontProxy, { path: version, headers: remoteLines(ALICE) });
    assert.equal(good.status, 200, "the true one is taken");
    for (const [what, pair] of Object.entries(await forgedCertificates(parent))) {
      for (const headers of [lines, remoteLines(ALICE)]) {
        const answer = await scene.ask(scene.hubTarget(pair), { path: version, headers });
        assert.equal(answer.status, 401, `${what}: ${answer.text}`);
      }
    }
    // The CA of users gives out any name: that is a user of that name, and no front proxy
    const user = await parent.mintClientCert(FRONT_PROXY);
    const answer = await scene.ask(scene.hubTarget(user), { path: version, headers: lines });
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.body, /User \\"front-proxy-client\\" cannot get/);

    // It expires while its connection is kept
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_000);
    const brief = await parent.pki.frontProxyCa.issue({ commonName: FRONT_PROXY, notAfter });
    using kept = await KeptConnection.open(scene.hubTarget(brief));
    const asked = { path: version, headers: remoteLines(ALICE) };
    assert.equal((await kept.ask(asked)).status, 200);
    await pause(notAfter.getTime() - Date.now() + 1_100);
    assert.equal((await kept.ask(asked)).status, 401, "expired on a kept connection");
  });

  await step("3. a front-proxy CA comes and goes without a restart", async () => {
    const next = await CertificateAuthority.create("next-front-proxy-ca");
    const pair = await next.issue({ commonName: FRONT_PROXY });
    const asked = { path: version, headers: remoteLines(ALICE) };
    const config = await parent.api.get<{ data: Record<string, string> }>(FRONT_PROXY_CONFIG);
    const name = "requestheader-client-ca-file";
    const setCa = async (pem: string): Promise<unknown> =>
      await parent.api.patch(FRONT_PROXY_CONFIG, { data: { [name]: pem } });
    const status = async (cert: KeyPair): Promise<number> =>
      (await scene.ask(scene.hubTarget(cert), asked)).status;
    assert.equal(await status(pair), 401, "unknown before");
    const { pid } = scene.fleet.hub.process;

    await setCa(config.data[name]! + next.pem);
    await eventually("the new CA is taken", 5_000, async () => {
      assert.equal(await status(pair), 200);
    });
    assert.equal(await status(parent.pki.frontProxyClient), 200, "the old one too");
    using kept = await KeptConnection.open(scene.hubTarget(pair));
    assert.equal((await kept.ask(asked)).status, 200);
    await using resumed = await resumedAsk(scene.hubTarget(pair), asked);
    const again = await resumed.again();
    assert.deepEqual([again.resumed, again.answer.status], [true, 200]);

    await setCa(config.data[name]!);
    await eventually("the CA that went is refused", 5_000, async () => {
      assert.equal(await status(pair), 401);
    });
    assert.equal((await kept.ask(asked)).status, 401, "also on a kept connection");
    const { answer } = await resumed.again();
    assert.equal(answer.status, 401, `also on a resumed session: ${answer.text}`);
    assert.equal(await status(parent.pki.frontProxyClient), 200, "the old one stays");
    const through = await scene.ask(scene.parentTarget(aliceCert), { path: version });
    assert.equal(through.status, 200, through.text);
    assert.equal(scene.fleet.hub.process.pid, pid, "no restart");
  });

  await step("4. the identity in the SubjectAccessReview is exact", async () => {
    const uid = `uid-${crypto.randomUUID()}`;
    const headers: [string, string][] = [
      ["X-Remote-User", USER.name],
      ["X-Remote-Uid", uid],
      ["X-Remote-Group", "platform"],
      ["X-Remote-Group", "dev,ops"],
      ["X-Remote-Group", ""],
      ["x-remote-group", "team a"],
      ["X-Remote-Group", "système"].map(utf8Bytes) as [string, string],
      ["X-Remote-Extra-Example.org%2fTeam", "blue, green"],
      ["x-remote-extra-example.org%2Fteam", "red"],
      ["X-Remote-Extra-Scopes", "a%20b"],
      ["X-Remote-Extra-Bad%zz", "kept"],
    ];
    const answer = await scene.ask(frontProxy, { path: version, headers });
    assert.equal(answer.status, 400, "a group that no header carries unchanged ends at the agent");
    const own = headers.filter(([, value]) => !value.startsWith("syst"));
    const me = userOf(await selfAt(scene, frontProxy, own));
    assert.equal(me.username, USER.name);
    assert.equal(me.uid, uid);
    assert.deepEqual(me.groups, ["platform", "dev,ops", "team a", "system:authenticated"]);
    assert.equal(me.extra, undefined, "extras do not pass by default");

    const reviews = await reviewsIn(parent, (spec) => spec.uid === uid);
    const extra = {
      "example.org/team": ["blue, green", "red"],
      "scopes": ["a%20b"],
      "bad%zz": ["kept"],
    };
    const resourceAttributes = {
      group: "proxies.clusternet.io",
      version: "v1alpha1",
      resource: "sockets",
      subresource: "proxy",
      name: scene.clusterId,
    };
    const groups = (...more: string[]): string[] => [
      ...["platform", "dev,ops", "team a", ...more, "system:authenticated"],
    ];
    assert.deepEqual(reviews, [
      {
        user: USER.name,
        uid,
        groups: groups("système"),
        extra,
        resourceAttributes: { ...resourceAttributes, verb: "get" },
      },
      {
        user: USER.name,
        uid,
        groups: groups(),
        extra,
        resourceAttributes: { ...resourceAttributes, verb: "create" },
      },
    ]);

    // As kube-apiserver itself writes them
    const cert = await parent.mintClientCert(USER.name, ["platform", "dev,ops", "team a"]);
    const through = userOf(await selfAt(scene, scene.parentTarget(cert), []));
    assert.deepEqual(through.groups, ["platform", "dev,ops", "team a", "system:authenticated"]);
  });

  await step("5. Impersonate-* never passes raw", async () => {
    const forms: [string, string][][] = [
      [["Impersonate-User", "system:admin"]],
      [["impersonate-user", "system:admin"]],
      [["IMPERSONATE-USER", "system:admin"], ["Impersonate-User", "carol"]],
      [["Impersonate-Group", "system:masters"]],
      [["Impersonate-Uid", "1"]],
      [["Impersonate-Extra-Scopes", "all"]],
      [["iMpErSoNaTe-eXtRa-%41", "all"]],
      [["Impersonate-User", ""]],
    ];
    const bearer: [string, string] = ["Authorization", `Bearer ${await visitorToken(scene)}`];
    for (const form of forms) {
      const what = JSON.stringify(form);
      // Direct callers: refused
      const byCert = await selfAt(scene, scene.hubTarget(aliceCert), form);
      assert.equal(byCert.status, 400, `${what}: ${byCert.text}`);
      const byToken = await selfAt(scene, scene.hubTarget(), [bearer, ...form]);
      assert.equal(byToken.status, 400, `${what}: ${byToken.text}`);
      // Vouched for by the front proxy: dropped
      const vouched = userOf(await scene.whoAmI(ALICE, form));
      assert.deepEqual(
        [vouched.username, vouched.groups, vouched.uid, vouched.extra],
        [USER.name, [...USER.groups, "system:authenticated"], undefined, undefined],
        what,
      );
      // Through the parent: its own check refuses
      if (form[0]![1] === "") continue; // kube-apiserver takes an empty name for none
      const through = await selfAt(scene, scene.parentTarget(aliceCert), form);
      const isUser = form[0]![0].toLowerCase() === "impersonate-user";
      assert.equal(through.status, isUser ? 403 : 400, `${what}: ${through.text}`);
    }
    const folded = userOf(await scene.whoAmI(ALICE, [["Impersonate_User", "system:admin"]]));
    assert.equal(folded.username, USER.name);

    await parent.kubectlOk([
      ...["create", "clusterrole", "as-carol", "--verb=impersonate", "--resource=users"],
      "--resource-name=carol",
    ]);
    await parent.kubectlOk([
      ...["create", "clusterrolebinding", "as-carol", "--clusterrole=as-carol"],
      `--user=${USER.name}`,
    ]);
    const target = scene.parentTarget(aliceCert);
    const asCarol: [string, string] = ["Impersonate-User", "carol"];
    const carol = await eventually(
      "alice may act as carol",
      10_000,
      async () => userOf(await selfAt(scene, target, [asCarol])),
    );
    assert.equal(carol.username, "carol");
    assert.deepEqual(carol.groups, ["system:authenticated"]);
    for (
      const more of [
        ["Impersonate-Group", "system:masters"],
        ["Impersonate-Uid", "1"],
        ["Impersonate-Extra-Scopes", "all"],
      ] as [string, string][]
    ) {
      const answer = await selfAt(scene, target, [asCarol, more]);
      assert.equal(answer.status, 403, `${more}: ${answer.text}`);
    }
  });

  await step("6. no Connection header takes an identity off or lets one in", async () => {
    const names = [
      ...["Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Authorization"],
      ...["X-Remote-User", "X-Remote-Group", "X-Remote-Uid", "Host", "Content-Length"],
    ];
    const forms: [string, string][][] = [
      [["Connection", names.join(", ")]],
      names.map((name) => ["Connection", name.toLowerCase()]),
      [["Connection", `close,${names.join(",").toUpperCase()}`]],
      [["Connection", "Impersonate-User"], ["Impersonate-User", "system:admin"]],
      [["Connection", "Authorization"], ["Authorization", "Bearer nonsense"]],
      [["Proxy-Connection", names.join(", ")]],
      [["Keep-Alive", names.join(", ")]],
    ];
    for (const form of forms) {
      const what = JSON.stringify(form);
      const vouched = userOf(await scene.whoAmI({ ...ALICE, uid: "42" }, form));
      assert.deepEqual(
        [vouched.username, vouched.uid, vouched.groups],
        [USER.name, "42", [...USER.groups, "system:authenticated"]],
        what,
      );
      if (form.some(([name]) => name !== "Connection")) continue;
      const direct = userOf(await selfAt(scene, scene.hubTarget(aliceCert), form));
      const through = userOf(await selfAt(scene, scene.parentTarget(aliceCert), form));
      for (const { username, groups } of [direct, through]) {
        assert.equal(username, USER.name, what);
        assert.deepEqual(groups, [...USER.groups, "system:authenticated"], what);
      }
    }
  });
});

function utf8Bytes(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
