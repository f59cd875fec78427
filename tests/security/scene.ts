/**
 * The running hub and agent between real clusters, and an attacker's means: raw bytes towards the
 * hub's port and the parent, as anybody; and a search for every secret in all that can be seen.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Cluster } from "../cluster/cluster.ts";
import type { KeyPair } from "../cluster/pki.ts";
import { type Fleet, type FleetOptions, startFleet, USER } from "../e2e/fleet.ts";
import { withPrograms } from "../e2e/programs.ts";
import {
  type RawAnswer,
  rawAsk,
  rawExchange,
  type RawRequest,
  type RawTarget,
} from "./raw_http.ts";
import { SecretLedger } from "./secrets.ts";

/** Below the server's URL, without a slash at its end. */
export const SOCKETS = "/apis/proxies.clusternet.io/v1alpha1/sockets";

/** A caller whom the front proxy vouches for. */
export interface RemoteUser {
  user: string;
  groups?: readonly string[];
  uid?: string;
  /** Further lines, such as X-Remote-Extra-*. */
  headers?: readonly (readonly [string, string])[];
}

/** Options of {@linkcode startScene}. */
export interface SceneOptions extends FleetOptions {
  /** How hub and agent are run otherwise than by their tasks. */
  programs?: Parameters<typeof withPrograms>[0];
}

/** The caller who may reach the fleet's child, as the front proxy tells of them. */
export const ALICE: RemoteUser = { user: USER.name, groups: USER.groups };

/** Keys of a Secret's data whose values are secret; the others are names, URLs, public parts. */
const SECRET_KEY =
  /(^|[^a-z])(token|token-secret|password|key|private[a-z-]*|privateKey|tls\.key)$/i;

/** See the module text; disposing stops all. */
export class Scene implements AsyncDisposable {
  /** Add what the suite makes; all Secrets of both clusters are added at the search. */
  readonly secrets = new SecretLedger();
  /** Every answer that an attacker was given. */
  readonly #answers: string[] = [];
  readonly #extraPlaces = new Map<string, () => Promise<string>>();
  readonly #certs = new Map<string, KeyPair>();

  constructor(
    readonly fleet: Fleet,
    /** PEM of the CA of the hub's serving certificate. */
    readonly hubCa: string,
  ) {}

  get parent(): Cluster {
    return this.fleet.parent;
  }

  get child(): Cluster {
    return this.fleet.child;
  }

  get clusterId(): string {
    return this.fleet.clusterId;
  }

  /** A path into the fleet's child: `at("/proxy/direct/version")`. */
  at(rest: string, clusterId: string = this.clusterId): string {
    return `${SOCKETS}/${clusterId}${rest}`;
  }

  /** The hub's own port. */
  hubTarget(cert?: KeyPair): RawTarget {
    return { port: this.fleet.hub.port, ca: this.hubCa, ...(cert === undefined ? {} : { cert }) };
  }

  /** The parent's kube-apiserver. */
  parentTarget(cert?: KeyPair): RawTarget {
    const port = Number(new URL(this.parent.server).port);
    return { port, ca: this.parent.caPem, ...(cert === undefined ? {} : { cert }) };
  }

  /** One request; its answer is searched for secrets at the end. */
  async ask(target: RawTarget, request: RawRequest): Promise<RawAnswer> {
    return this.#noted(await rawAsk(target, request));
  }

  /** Bytes as they are; the answer is searched for secrets at the end. */
  async exchange(
    target: RawTarget,
    bytes: string | Uint8Array<ArrayBuffer>,
    deadlineMs?: number,
  ): Promise<RawAnswer> {
    return this.#noted(await rawExchange(target, bytes, deadlineMs));
  }

  #noted(answer: RawAnswer): RawAnswer {
    this.#answers.push(answer.text);
    return answer;
  }

  /** A request to the hub's port as kube-apiserver sends it, for any user. */
  async askAs(remote: RemoteUser, request: RawRequest): Promise<RawAnswer> {
    return await this.ask(this.hubTarget(this.parent.pki.frontProxyClient), {
      ...request,
      headers: [...remoteLines(remote), ...request.headers ?? []],
    });
  }

  /** A request through the parent's kube-apiserver, for any user. */
  async askParentAs({ user, groups }: RemoteUser, request: RawRequest): Promise<RawAnswer> {
    return await this.ask(await this.parentAs({ user, ...groups && { groups } }), request);
  }

  /** The parent's kube-apiserver, with a client certificate of a user. */
  async parentAs({ user, groups = [] }: RemoteUser): Promise<RawTarget> {
    const who = JSON.stringify([user, groups]);
    const cert = this.#certs.get(who) ?? await this.parent.mintClientCert(user, [...groups]);
    this.#certs.set(who, cert);
    return this.parentTarget(cert);
  }

  /** Who a caller is in the child, by the child's own word. */
  async whoAmI(remote: RemoteUser, headers: RawRequest["headers"] = []): Promise<RawAnswer> {
    return await this.askAs(remote, {
      method: "POST",
      path: this.at("/proxy/direct/apis/authentication.k8s.io/v1/selfsubjectreviews"),
      headers: [["Content-Type", "application/json"], ...headers],
      body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
    });
  }

  /** Another place that a secret could leak to, read at the search. */
  alsoSearch(place: string, read: () => Promise<string>): void {
    this.#extraPlaces.set(place, read);
  }

  /** Counts of one metric of the hub, summed over the labels that the pattern leaves open. */
  async hubMetrics(): Promise<string> {
    return await text(`http://127.0.0.1:${this.fleet.hub.healthPort}/metrics`);
  }

  /**
   * Looks for every secret in logs, events, objects, metrics and answers.
   *
   * @throws {AssertionError} that says where which secret was found
   */
  async nothingLeaked(): Promise<void> {
    await this.#collectSecrets();
    assert.ok(this.secrets.size > 10, "the search knows no secrets");
    const { fleet, parent, child } = this;
    const objects = "/apis/clusters.clusternet.io/v1beta1";
    const read = async (cluster: Cluster, path: string): Promise<string> =>
      (await cluster.api.request("GET", path)).text;
    const places: Record<string, () => Promise<string>> = {
      "the hub's log": () => fleet.hub.process.log(),
      "the hub's metrics": () => this.hubMetrics(),
      "the parent's Events": () => read(parent, "/api/v1/events"),
      "the child's Events": () => read(child, "/api/v1/events"),
      "a ClusterRegistrationRequest": () => read(parent, `${objects}/clusterregistrationrequests`),
      "a ManagedCluster": () => read(parent, `${objects}/managedclusters`),
      "an answer": () => Promise.resolve(this.#answers.join("\n")),
      ...Object.fromEntries(this.#extraPlaces),
    };
    if (fleet.agent !== undefined) {
      const { process, healthPort } = fleet.agent;
      places["the agent's log"] = () => process.log();
      places["the agent's metrics"] = () =>
        text(`http://127.0.0.1:${healthPort}/metrics`).catch(() => ""); // It may be stopped by now
    }
    const texts = await Promise.all(
      Object.entries(places).map(async ([name, take]) => [name, await take()] as const),
    );
    assert.deepEqual(this.secrets.find(Object.fromEntries(texts)), []);
  }

  async #collectSecrets(): Promise<void> {
    for (const cluster of [this.parent, this.child]) {
      const { items } = await cluster.api.get<{
        items: { metadata: { name: string }; data?: Record<string, string> }[];
      }>("/api/v1/secrets");
      for (const { metadata, data = {} } of items) {
        for (const [key, value] of Object.entries(data)) {
          if (SECRET_KEY.test(key)) {
            this.secrets.add(`${key} of Secret ${metadata.name} (${cluster.name})`, atob(value));
          }
        }
      }
      for await (const { name } of Deno.readDir(cluster.dir)) {
        if (!name.startsWith("kubeconfig")) continue;
        const yaml = await Deno.readTextFile(`${cluster.dir}/${name}`);
        const token = /^\s+token: (\S+)$/m.exec(yaml)?.[1];
        if (token !== undefined) this.secrets.add(`token of ${name} (${cluster.name})`, token);
        const key = /^\s+client-key-data: (\S+)$/m.exec(yaml)?.[1];
        if (key !== undefined) this.secrets.add(`key of ${name} (${cluster.name})`, atob(key));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }
}

/** Identity lines of the front proxy; each group is a line of its own. */
export function remoteLines(
  { user, groups = [], uid, headers = [] }: RemoteUser,
): [string, string][] {
  return [
    ["X-Remote-User", user],
    ...(uid === undefined ? [] : [["X-Remote-Uid", uid] as [string, string]]),
    ...groups.map((group): [string, string] => ["X-Remote-Group", group]),
    ...headers.map(([name, value]): [string, string] => [name, value]),
  ];
}

async function text(url: string): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { client, signal: AbortSignal.timeout(5_000) });
  return await response.text();
}

/** Starts a fleet to attack. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const fleet = await withPrograms(options.programs ?? {}, () => startFleet(options));
  try {
    const { spec } = await fleet.parent.api.get<{ spec: { caBundle: string } }>(
      "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io",
    );
    return new Scene(fleet, atob(spec.caBundle));
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Runs the named cases of one file against one scene; after the last, nothing may have leaked.
 *
 * @param title of the test; each case is a step of it
 */
export function cases(
  title: string,
  options: SceneOptions | (() => Promise<SceneOptions>),
  run: (step: CaseStep, scene: Scene) => Promise<void>,
): void {
  Deno.test(title, async (t) => {
    await using scene = await startScene(
      typeof options === "function" ? await options() : options,
    );
    const only = Deno.env.get("CASE");
    const step: CaseStep = async (name, body) => {
      if (only !== undefined && !name.startsWith(`${only}.`)) return;
      const passed = await t.step(name, body);
      if (!passed) await Deno.stderr.write(new TextEncoder().encode(await scene.fleet.logs(40)));
    };
    await run(step, scene);
    await t.step("nothing leaked: logs, events, objects, metrics, answers", async () => {
      await scene.nothingLeaked();
    });
  });
}

/** A case: its name starts with its number, `"5. Impersonate-* ..."`; `CASE=5` runs it alone. */
export type CaseStep = (name: string, body: () => Promise<void>) => Promise<void>;
