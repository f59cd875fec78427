/**
 * No spelling of a path reaches another cluster than the one that kube-apiserver authorised: hundreds
 * of them as raw bytes, through the parent and on the hub's own port. The audit logs of the parent
 * and of two children, and the hub's own, say who was authorised, routed and reached.
 */
import assert from "node:assert/strict";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { AgentProcess, installAgent } from "../e2e/agent_process.ts";
import { Fleet, untilReady } from "../e2e/fleet.ts";
import { apiServiceAvailable, HubProcess, installHub } from "../e2e/hub_process.ts";
import { freePorts } from "../cluster/ports.ts";
import { eventually } from "../e2e/wait.ts";
import { type RawAnswer, rawExchange, type RawTarget, rawText, upgradeText } from "./raw_http.ts";

const SOCKETS = "/apis/proxies.clusternet.io/v1alpha1/sockets";

/** What the audit log of a kube-apiserver says of one request. */
interface AuditEvent {
  stage: string;
  requestURI: string;
  user: { username: string };
  objectRef?: { resource?: string; subresource?: string; name?: string };
}

/** Spellings of request targets that aim at `other`, by somebody who may reach `own`. */
function spellings(own: string, other: string): string[] {
  const hex = (text: string): string =>
    text.replace(/./, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const ids = [
    other,
    other.toUpperCase(),
    hex(other),
    other.replaceAll("-", "%2d"),
    ...[";", ";x=1", "%3b", ".", "%20", "%00", "%0a", "%0d%0aX:%20y", "#", "%23", "\\", "%5c", "@"]
      .flatMap((end) => [`${other}${end}`, `${own}${end}${other}`, `${own}${end}/../${other}`]),
    ...["..", "%2e%2e", ".%2E", "%252e%252e", "..;", "..;x=1", "..%3bx", "%c0%ae%c0%ae", "..%00"]
      .flatMap((up) => [
        `${own}/${up}/${other}`,
        `${own}%2f${up}%2f${other}`,
        `${own}%252f${up}%252f${other}`,
        `${own}\\${up}\\${other}`,
        `${own}/proxy/${up}/${up}/${other}`,
        `${own}/proxy/direct/${up}/${up}/${up}/${other}`,
        `${own}/proxy/direct/${up}%2f${up}%2f${up}%2f${other}`,
        `${own}/proxy/direct/a/${up}/${up}/${up}/${up}/${other}`,
      ]),
    `/${other}`,
    `./${other}`,
    `%2e/${other}`,
    `%2f${other}`,
    `${own},${other}`,
    `${own}/${other}`,
    `${own}?/../${other}`,
    `${own}/proxy/direct/?/../../../${other}`,
  ];
  const prefixes = [
    `https://127.0.0.1${SOCKETS}`,
    `http://hub${SOCKETS}`,
    `/${SOCKETS}`,
    SOCKETS.replace("/apis", "/apis/."),
    SOCKETS.replace("/apis", "/x/../apis"),
    SOCKETS.replace("/apis", "/%61pis"),
    SOCKETS.replace("/apis", "/APIS"),
    SOCKETS.replace("/sockets", "//sockets"),
    SOCKETS.replace("/sockets", "/Sockets"),
    SOCKETS.replace("/sockets", "/sockets;x"),
    SOCKETS.replace("/sockets", "/namespaces/default/sockets"),
    SOCKETS.replace("v1alpha1", "v1alpha1%2fsockets%2f" + own + "%2f..%2f.."),
  ];
  return [
    ...ids.map((id) => `${SOCKETS}/${id}/proxy/direct`),
    ...ids.slice(0, 12).flatMap((id) => [
      `${SOCKETS}/${id}/direct`,
      `${SOCKETS}/${id}/proxy%2fdirect`,
      `${SOCKETS}/${id}//proxy//direct`,
    ]),
    ...prefixes.map((prefix) => `${prefix}/${other}/proxy/direct`),
  ];
}

/** One request that was sent. */
interface Probe {
  bytes: string;
  target: RawTarget;
}

/** Sends all, some at once; the answers stand in the same order. */
async function sendAll(probes: readonly Probe[]): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: 6 }, async () => {
    while (next < probes.length) {
      const index = next++;
      const { target, bytes } = probes[index]!;
      answers[index] = await rawExchange(target, bytes, 8_000);
    }
  }));
  return answers;
}

async function auditOf(cluster: Cluster): Promise<AuditEvent[]> {
  const text = await Deno.readTextFile(`${cluster.dir}/audit.log`);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
}

/** The number of the probe that a path belongs to. */
function probeOf(path: string): number | undefined {
  const found = /probe-([0-9]+)/.exec(path)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Where the hub sent each probe, by its own word. */
async function routedBy(fleet: Fleet): Promise<Map<number, string>> {
  const routed = new Map<number, string>();
  for (const line of (await fleet.hub.process.log()).split("\n")) {
    const cluster = /"cluster":"([^"]+)"/.exec(line)?.[1]; // Of refused requests too
    const probe = line.includes('"event":"request"') ? probeOf(line) : undefined;
    if (cluster !== undefined && probe !== undefined) routed.set(probe, cluster);
  }
  return routed;
}

/** Two children at one parent; alice may reach the first alone, bob both. */
class TwoChildren implements AsyncDisposable {
  private constructor(
    readonly fleet: Fleet,
    readonly childB: Cluster,
    readonly agentB: AgentProcess,
    readonly idB: string,
    readonly hubCa: string,
  ) {}

  static async start(): Promise<TwoChildren> {
    const started: AsyncDisposable[] = [];
    const kept = async <T extends AsyncDisposable>(one: Promise<T>): Promise<T> => {
      const value = await one;
      started.unshift(value);
      return value;
    };
    try {
      const names = ["parent", "child-a", "child-b"];
      const starts = names.map((name) => kept(startCluster({ name, audit: "Metadata" })));
      await Promise.allSettled(starts);
      const [parent, childA, childB] = await Promise.all(starts) as [Cluster, Cluster, Cluster];
      const [port] = freePorts(1) as [number];
      await installHub(parent, port);
      const hub = await HubProcess.create(parent, { port, args: ["--enable-tunnel-logging=true"] });
      started.unshift({ [Symbol.asyncDispose]: async () => void await hub.process.kill9() });
      await hub.process.start();
      await apiServiceAvailable(parent);
      const [agentA, agentB] = await Promise.all([childA, childB].map(async (child, index) => {
        await installAgent(child);
        const agent = await AgentProcess.create(parent, child, { name: `agent-${"ab"[index]}` });
        started.unshift({ [Symbol.asyncDispose]: async () => void await agent.process.kill9() });
        await agent.process.start();
        return agent;
      })) as [AgentProcess, AgentProcess];
      const fleet = new Fleet(parent, childA, hub, agentA);
      fleet.clusterId = await agentA.clusterId();
      const idB = await agentB.clusterId();
      await fleet.grantUser();
      await fleet.ready();
      await untilReady(parent, idB, 40_000);
      await Promise.all([
        parent.kubectlOk([
          ...["create", "clusterrole", "both", "--verb=get,create"],
          "--resource=sockets.proxies.clusternet.io/proxy",
        ]),
        parent.kubectlOk(
          ["create", "clusterrolebinding", "both", "--clusterrole=both", "--user=bob"],
        ),
      ]);
      const { spec } = await parent.api.get<{ spec: { caBundle: string } }>(
        "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io",
      );
      return new TwoChildren(fleet, childB, agentB, idB, atob(spec.caBundle));
    } catch (error) {
      for (const one of started) await one[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agentB.process.kill9();
    await this.fleet[Symbol.asyncDispose]();
    await this.childB[Symbol.asyncDispose]();
  }
}

Deno.test("no spelling of a path reaches another cluster than the one that was authorised", async () => {
  await using world = await TwoChildren.start();
  const { fleet, childB, idB, hubCa } = world;
  const { parent, child: childA, clusterId: idA } = fleet;
  const [alice, bob] = await Promise.all([
    parent.mintClientCert("alice", ["platform"]),
    parent.mintClientCert("bob", ["platform"]),
  ]);
  const parentPort = Number(new URL(parent.server).port);
  const ways = (cert: RawTarget["cert"]): RawTarget[] => [
    { port: parentPort, ca: parent.caPem, ...cert && { cert } },
    { port: fleet.hub.port, ca: hubCa, ...cert && { cert } },
  ];
  const probes: Probe[] = [];
  const add = (target: RawTarget, path: string, headers: [string, string][] = []): number =>
    probes.push({
      target,
      bytes: rawText({ path: `${path}/api/probe-${probes.length}`, headers }),
    }) -
    1;
  const aims = spellings(idA, idB);
  for (const target of ways(alice)) {
    for (const path of aims) {
      add(target, path);
      probes.push({
        target,
        bytes: upgradeText({
          path: `${path}/api/probe-${probes.length}`,
          headers: [["Connection", "close"]],
        }),
      });
    }
  }
  // Headers that some servers take for the request target: the request itself goes to A
  const overridden = ways(alice).map((target) =>
    add(target, `${SOCKETS}/${idA}/proxy/direct`, [
      ["X-Original-URL", `${SOCKETS}/${idB}/proxy/direct/api/probe-x`],
      ["X-Rewrite-URL", `${SOCKETS}/${idB}/proxy/direct/api/probe-x`],
      ["X-HTTP-Method-Override", "DELETE"],
    ])
  );
  const toA = ways(alice).map((target) => add(target, `${SOCKETS}/${idA}/proxy/direct`));
  const toB = ways(bob).map((target) => add(target, `${SOCKETS}/${idB}/proxy/direct`));
  const answers = await sendAll(probes);

  await eventually("the last probe is in the audit logs", 15_000, async () => {
    assert.ok((await auditOf(childB)).some(({ requestURI }) => probeOf(requestURI) === toB.at(-1)));
  });
  const reached = new Map<number, string>();
  for (const [id, cluster] of [[idA, childA], [idB, childB]] as const) {
    for (const { requestURI } of await auditOf(cluster)) {
      const probe = probeOf(requestURI);
      if (probe !== undefined) reached.set(probe, id);
    }
  }
  // The search can find: honest requests are where they should be
  for (const probe of [...toA, ...overridden]) assert.equal(reached.get(probe), idA, `${probe}`);
  for (const probe of toB) assert.equal(reached.get(probe), idB, `${probe}`);

  const honestB = new Set(toB);
  for (const [probe, id] of reached) {
    const { bytes } = probes[probe]!;
    assert.ok(id === idA || honestB.has(probe), `reached the other cluster: ${bytes}`);
  }
  // What kube-apiserver authorised is what the hub routed is what was reached
  const authorised = new Map<number, string | undefined>();
  for (const { requestURI, stage, objectRef } of await auditOf(parent)) {
    const probe = probeOf(requestURI);
    if (probe !== undefined && stage === "ResponseComplete") authorised.set(probe, objectRef?.name);
  }
  // The hub's log never holds a query
  const told = [...reached.keys()].filter((probe) =>
    probeOf(probes[probe]!.bytes.split("?", 1)[0]!) !== undefined
  );
  const routed = await eventually("the hub told of every probe", 15_000, async () => {
    const seen = await routedBy(fleet);
    for (const probe of told) assert.ok(seen.has(probe), probes[probe]!.bytes);
    return seen;
  });
  assert.ok(told.length >= 6, `${told.length}`);
  for (const [probe, id] of routed) {
    const { bytes, target } = probes[probe]!;
    assert.equal(reached.get(probe) ?? id, id, bytes);
    if (target.port === parentPort) assert.equal(authorised.get(probe), id, bytes);
  }
  // Every other one was refused, by either server
  answers.forEach(({ status, text }, probe) => {
    if (reached.has(probe)) return;
    const { bytes } = probes[probe]!;
    assert.ok(status === 0 || (status >= 300 && status < 500), `${bytes}\n${text.slice(0, 300)}`);
  });
});
