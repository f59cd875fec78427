/**
 * Abuse cases 13, 14, 16 and 17: where a request may lead, and where none does.
 */
import assert from "node:assert/strict";
import { freePorts } from "../cluster/ports.ts";
import { type OwnResolver, startOwnResolver } from "./own_resolver.ts";
import { type RawAnswer, upgradeText, valuesOf } from "./raw_http.ts";
import { plainAnswer, Recorder } from "./recorder.ts";
import { ENCODED, LEGAL, NEVER_BY_RANGE, NO_HOSTS, OUT_OF_TARGET, USER_INFO } from "./spellings.ts";
import { ALICE, cases, remoteLines, type Scene, type SceneOptions, SOCKETS } from "./scene.ts";

/** `named` is named by address; `wide` by ranges and names; `never` not at all. */
const [NAMED, WIDE, NEVER] = freePorts(3) as [number, number, number];
/** An address of this machine that is not forbidden by its kind. */
const OUTER = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !/^(127|169\.254)\./.test(address)
)?.address;

const AGENT_ARGS = [
  `--allow-target=http://127.0.0.1:${NAMED}`,
  `--allow-target=http://0.0.0.0/0:${WIDE}`,
  `--allow-target=http://[::/0]:${WIDE}`,
  `--allow-target=http://localhost:${WIDE}`,
  `--allow-target=http://rebind.test:${WIDE}`,
];

/** A path, what the hub answers, and what arrives where the parent makes another path of it. */
type Spelling = [path: string, status: number, arrives?: string | undefined];

/** Asks the hub's own port, and through the parent's kube-apiserver. */
async function bothWays(scene: Scene, path: string): Promise<RawAnswer[]> {
  return await Promise.all([scene.askAs(ALICE, { path }), scene.askParentAs(ALICE, { path })]);
}

/** Expects a `Status`; a request line that Go cannot read gets a line of text from the parent. */
function expectStatus(answer: RawAnswer, status: number, what: string): void {
  assert.equal(answer.status, status, `${what}: ${answer.text.slice(0, 600)}`);
  assert.match(answer.body, status === 400 ? /"kind":"Status"|^400 / : /"kind":"Status"/, what);
}

let resolver: OwnResolver | string = "not started";

async function options(): Promise<SceneOptions> {
  resolver = await startOwnResolver();
  const agent = { args: AGENT_ARGS };
  return typeof resolver === "string" ? { agent } : { agent, programs: { agent: resolver.change } };
}

cases("no request leads anywhere else", options, async (step, scene) => {
  await using _resolver = typeof resolver === "string" ? undefined : resolver;
  const noResolver = typeof resolver === "string" ? ` (without rebinding: ${resolver})` : "";
  await using named = await Recorder.start({ port: NAMED });
  await using wide = await Recorder.start({ port: WIDE, host: "::" });
  await using never = await Recorder.start({ port: NEVER, host: "::" });
  const to = (host: string, rest = "/"): string => scene.at(`/proxy/http/${host}${rest}`);

  await step(
    "13. addresses of the node, of clouds and in disguise: 403, whatever range allows them",
    async () => {
      for (const host of [...NO_HOSTS, "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:8080:1"]) {
        const [hub, parent] = await bothWays(scene, to(host)) as [RawAnswer, RawAnswer];
        expectStatus(hub, 400, host);
        // It takes percent signs off before the hub sees them
        expectStatus(parent, host.includes("%") && parent.status === 403 ? 403 : 400, host);
      }
      for (const host of NEVER_BY_RANGE) {
        for (const port of [WIDE, NEVER]) {
          const [hub, parent] = await bothWays(scene, to(`${host}:${port}`)) as [
            RawAnswer,
            RawAnswer,
          ];
          expectStatus(hub, 403, `${host}:${port}`);
          assert.match(hub.body, /--allow-target|in full, in decimal/, host);
          // It encodes brackets
          expectStatus(parent, host.startsWith("[") && parent.status === 400 ? 400 : 403, host);
        }
      }
      assert.deepEqual([...wide.paths, ...never.paths], []);
      // Allowed is what is named: by its address, and an ordinary address by a range
      for (const answer of await bothWays(scene, to(`127.0.0.1:${NAMED}`, "/named"))) {
        assert.equal(answer.status, 200, answer.text);
      }
      assert.deepEqual(named.paths, ["/named", "/named"]);
      for (const host of [`127.0.0.2:${NAMED}`, `localhost:${NAMED}`]) {
        for (const answer of await bothWays(scene, to(host))) expectStatus(answer, 403, host);
      }
      if (OUTER !== undefined) {
        expectStatus(await scene.askAs(ALICE, { path: to(`${OUTER}:${NEVER}`) }), 403, "not named");
        const inRange = await scene.askAs(ALICE, { path: to(`${OUTER}:${WIDE}`, "/range") });
        assert.equal(inRange.status, 200, inRange.text);
      }
      assert.deepEqual([...wide.paths, ...never.paths], OUTER === undefined ? [] : ["/range"]);
    },
  );

  await step(
    `14. a name is resolved once, checked, and that address dialled${noResolver}`,
    async () => {
      wide.clear();
      // Listed by name, but it leads to the node itself
      const local = await scene.askAs(ALICE, { path: to(`localhost:${WIDE}`) });
      expectStatus(local, 403, "localhost");
      assert.match(local.body, /resolves to (127\.0\.0\.1|::1), a loopback address/);
      if (typeof resolver !== "string" && OUTER !== undefined) {
        resolver.answers.set("rebind.test", [OUTER, "127.0.0.1"]);
        const first = await scene.askAs(ALICE, { path: to(`rebind.test:${WIDE}`, "/first") });
        assert.equal(first.status, 200, first.text);
        assert.deepEqual(wide.requests.map(({ path, dialled }) => [path, dialled]), [
          ["/first", OUTER],
        ]);
        const questions = resolver.asked;
        const asked = (): number => questions.filter((name) => name === "rebind.test").length;
        assert.equal(asked(), 1, "one question for one request");
        for (const address of ["127.0.0.1", "169.254.169.254", "0.0.0.0"]) {
          resolver.answers.set("rebind.test", [address]);
          const next = await scene.askAs(ALICE, { path: to(`rebind.test:${WIDE}`, "/next") });
          expectStatus(next, 403, address);
          assert.match(next.body, new RegExp(`resolves to ${address}`));
        }
        assert.equal(asked(), 4);
      }
      assert.deepEqual(wide.paths.filter((path) => path !== "/first"), []);
    },
  );

  await step("16. no spelling leaves its target; legal bytes arrive as they are", async () => {
    named.clear();
    const base = to(`127.0.0.1:${NAMED}`, "");
    const id = scene.clusterId;
    const refused: Spelling[] = [
      ...OUT_OF_TARGET.map((rest): Spelling => [base + rest, 400, ENCODED[rest]]),
      ...["direct", `http/127.0.0.1:${NAMED}`].flatMap((target): Spelling[] => [
        [scene.at(`/proxy/${target}/../../../../../../../../version`), 400],
        [scene.at(`/proxy/x/../${target}/steal`), 404],
        [scene.at(`/proxy//${target}/steal`), 404],
        [scene.at(`/proxy/%2e/${target}/steal`), 404],
        [`${SOCKETS}//${id}/proxy/${target}/steal`, 400],
        [`${SOCKETS}/x/../${id}/proxy/${target}/steal`, 400],
        [`${SOCKETS}/%2e%2e/sockets/${id}/proxy/${target}/steal`, 400],
        [`${SOCKETS}/${id}%2fproxy/${target}/steal`, 400, "/steal"],
        [`${SOCKETS}/${id};x/proxy/${target}/steal`, 400],
        [`${SOCKETS}/${id}\0/proxy/${target}/steal`, 400],
        [`${SOCKETS}\\${id}\\proxy\\${target}\\steal`, 400],
        [`https://127.0.0.1${scene.at(`/proxy/${target}/steal`)}`, 400, "/steal"],
        [`http://x@127.0.0.1:${NAMED}/steal`, 400],
        [`127.0.0.1:${NAMED}`, 400],
        ["*", 400],
      ]),
      ...USER_INFO.map((host): [string, number] => [to(`${host}:${NAMED}`, "/steal"), 400]),
    ];
    for (const [path, status, encoded] of refused) {
      const answer = await scene.askAs(ALICE, { path });
      assert.equal(answer.status, status, `${JSON.stringify(path)}: ${answer.text.slice(0, 500)}`);
      assert.deepEqual(named.paths, [], path);
      // The parent refuses it too, or makes plain what it authorises: then that arrives
      const through = await scene.askParentAs(ALICE, { path });
      assert.ok([0, 200].includes(through.status) || through.status >= 400, through.text);
      assert.deepEqual(named.paths, through.status === 200 ? [encoded] : [], path);
      named.clear();
    }

    for (const rest of LEGAL) {
      const answer = await scene.askAs(ALICE, { path: base + rest });
      assert.equal(answer.status, 200, `${rest}: ${answer.text}`);
    }
    assert.deepEqual(
      named.requests.map(({ line }) => line),
      LEGAL.map((rest) => `GET ${rest} HTTP/1.1`),
    );
    for (const { headers } of named.requests) {
      const hosts = headers.filter(([name]) => name === "host").map(([, value]) => value);
      assert.deepEqual(hosts, [`127.0.0.1:${NAMED}`]);
    }
    // The parent writes paths and queries anew, so there it is the meaning that stays
    named.clear();
    for (const rest of LEGAL) {
      const answer = await scene.askParentAs(ALICE, { path: base + rest });
      assert.equal(answer.status, 200, `${rest}: ${answer.text}`);
    }
    assert.deepEqual(named.paths.map(meaning), LEGAL.map(meaning));
  });

  await step("17. a redirect is never followed and never passed on: 502", async () => {
    named.clear();
    const places = [
      `http://127.0.0.1:${NAMED}/stolen`,
      "/stolen",
      `//127.0.0.1:${NAMED}/stolen`,
      "https://evil.example/?token=abcdefghijklmnop",
    ];
    named.answer = ({ path }) => {
      const [, status, place] = /^\/(\d+)\/(\d)$/.exec(path) ?? [];
      return status === undefined
        ? plainAnswer("stolen")
        : plainAnswer("elsewhere", `HTTP/1.1 ${status} Elsewhere`, [
          `Location: ${places[Number(place)]}`,
        ]);
    };
    const admin = remoteLines(ALICE);
    const asked: string[] = [];
    for (const status of [300, 301, 302, 303, 305, 307, 308]) {
      for (const place of places.keys()) {
        const rest = `/${status}/${place}`;
        const path = to(`127.0.0.1:${NAMED}`, rest);
        const hub = scene.hubTarget(scene.parent.pki.frontProxyClient);
        const answers = [
          ...await bothWays(scene, path),
          await scene.exchange(hub, upgradeText({ path, headers: admin })),
        ];
        asked.push(rest, rest, rest);
        for (const answer of answers) {
          expectStatus(answer, 502, rest);
          assert.deepEqual(valuesOf(answer, "location"), [], rest);
          assert.doesNotMatch(answer.text, /token=/);
          assert.match(answer.body, /redirects do not pass/);
        }
      }
    }
    // Not modified is no redirect: discovery caches live on it
    named.answer = () => ({ bytes: 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n' });
    for (const answer of await bothWays(scene, to(`127.0.0.1:${NAMED}`, "/cached"))) {
      assert.equal(answer.status, 304, answer.text);
      asked.push("/cached");
    }
    assert.deepEqual(named.paths, asked);
  });
});

function meaning(rest: string): [string, [string, string][]] {
  const [path = "", ...query] = rest.split("?");
  return [decodeURIComponent(path), [...new URLSearchParams(query.join("?"))]];
}
