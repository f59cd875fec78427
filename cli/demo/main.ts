/**
 * `deno task demo`: the whole thing on a machine without Kubernetes. A standalone hub, three
 * embedded clusters and their agents; registration, the table of clusters, a list and a watch
 * through the tunnel, an agent that dies and returns. `--keep` leaves it running.
 *
 * @module
 */
import { join } from "node:path";
import { stringify } from "yaml";
import { CONFIG_MAPS } from "../../shared/kube/resources.ts";
import type { ConfigMap } from "../../shared/kube/types.ts";
import { CITIES, type Reached, Scene } from "./scene.ts";
import { Show } from "./show.ts";

const USAGE = `Usage: deno task demo [--keep]

A standalone hub, three embedded clusters and their agents on this machine.
  --keep   leave all running until Ctrl-C, with a kubeconfig whose contexts are the clusters
`;
const [, PARIS, TOKYO] = CITIES;
const MAPS = "/api/v1/namespaces/shop/configmaps";

async function registration(scene: Scene, show: Show): Promise<void> {
  show.say("starting a standalone hub and three embedded clusters (no Kubernetes needed)");
  await scene.start();
  await Promise.all(CITIES.map((city) => scene.furnish(city)));
  show.say(`the hub is up at ${scene.hub.config.server}; an agent in each cluster dials it`);
  for (const city of CITIES) scene.startAgent(city);
  await Promise.all(CITIES.map((city) => scene.condition(city, "Ready", "True")));
  show.say("registered, approved, connected: all three are Ready");
  const clusters = "/apis/clusters.clusternet.io/v1beta1";
  await show.get(scene.hub, ["clsrr"], `${clusters}/clusterregistrationrequests`);
  await show.get(scene.hub, ["mcls", "-A"], `${clusters}/managedclusters`);
}

async function throughTheTunnel(scene: Scene, show: Show): Promise<void> {
  const path = await scene.tunnelPath(PARIS);
  const tunnel = await scene.reach(scene.hub.kubeconfig, path);
  show.say(`through the tunnel, into ${PARIS}: SERVER=<hub>${path}`);
  await show.get(tunnel, ["configmaps", "-n", "shop"], MAPS, "$SERVER");
  await watch(scene, show, tunnel);
}

/** Follows objects through the tunnel, while one is made in the cluster itself. */
async function watch(scene: Scene, show: Show, tunnel: Reached): Promise<void> {
  const namespace = "shop";
  const { resourceVersion } = await tunnel.client.list(CONFIG_MAPS, { namespace });
  const ended = new AbortController();
  const events = tunnel.client.watch<ConfigMap>(CONFIG_MAPS, {
    namespace,
    resourceVersion,
    signal: ended.signal,
  });
  const next = events.next();
  const started = performance.now();
  await scene.child(PARIS).create(CONFIG_MAPS, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "fresh", namespace },
    data: { made: "in the cluster" },
  });
  const { value } = await next;
  const took = (performance.now() - started).toFixed(0);
  ended.abort();
  await events.return().catch(() => {});
  const seen = value === undefined || value.type === "BOOKMARK"
    ? "nothing"
    : `${value.type} configmap/${value.object.metadata.name}`;
  show.output("kubectl --server=$SERVER get configmaps -n shop -w", `${seen}   (${took} ms after)`);
}

async function deathAndReturn(scene: Scene, show: Show): Promise<void> {
  show.say(`kill -9 of the agent of ${TOKYO}`);
  const path = await scene.tunnelPath(TOKYO);
  await scene.killAgent(TOKYO);
  const gone = await scene.condition(TOKYO, "Connected", "False");
  show.say(`the hub says Connected=False after ${(gone / 1000).toFixed(1)} s; a request now gets`);
  const response = await scene.hub.client.raw(`${path}${MAPS}`);
  const { message } = await response.json() as { message: string };
  show.output("kubectl --server=$SERVER get configmaps -n shop", `${response.status}: ${message}`);
  scene.startAgent(TOKYO);
  const back = await scene.condition(TOKYO, "Ready", "True");
  show.say(`started again, it is Ready after ${(back / 1000).toFixed(1)} s, with its old identity`);
}

/** Writes a kubeconfig with a context for each cluster. */
async function contexts(scene: Scene): Promise<string> {
  const { config: { server, ca = "", clientCert } } = scene.hub;
  const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();
  const targets = [["hub", ""], ...CITIES.map((city) => [city, city])] as const;
  const clusters = await Promise.all(targets.map(async ([name, city]) => ({
    name,
    cluster: {
      server: server + (city === "" ? "" : await scene.tunnelPath(city!)),
      "certificate-authority-data": base64(ca),
    },
  })));
  const path = join(scene.dir, "kubeconfig");
  const text = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters,
    users: [{
      name: "admin",
      user: {
        "client-certificate-data": base64(clientCert?.cert ?? ""),
        "client-key-data": base64(clientCert?.key ?? ""),
      },
    }],
    contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: "admin" } })),
    "current-context": "hub",
  }, { lineWidth: 0 });
  await Deno.writeTextFile(path, text, { mode: 0o600 });
  return path;
}

async function keep(scene: Scene, show: Show, interrupted: Promise<void>): Promise<void> {
  const path = await contexts(scene);
  show.say("all is left running until Ctrl-C; in another terminal:");
  show.output(
    `export KUBECONFIG=${path}`,
    ["", ...CITIES].map((city) =>
      city === "" ? "kubectl get mcls -A" : `kubectl --context=${city} get configmaps -A`
    ).join("\n"),
  );
  await interrupted;
}

function findKubectl(): string | undefined {
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    try {
      const path = join(dir, "kubectl");
      if (dir !== "" && Deno.statSync(path).isFile) return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const write = (text: string): void => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  const unknown = args.find((arg) => arg !== "--keep");
  if (unknown !== undefined) {
    write(USAGE);
    return unknown === "--help" || unknown === "-h" ? 0 : 2;
  }
  const interruption = Promise.withResolvers<void>();
  let stopping = false;
  await using scene = await Scene.create();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      interruption.resolve();
      stopping = true;
    });
  }
  const show = new Show(write, findKubectl());
  const play = async (): Promise<void> => {
    await registration(scene, show);
    await throughTheTunnel(scene, show);
    await deathAndReturn(scene, show);
    if (args.includes("--keep")) await keep(scene, show, interruption.promise);
  };
  await Promise.race([play(), interruption.promise]);
  show.say(stopping ? "stopping everything" : "done; stopping everything");
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    Deno.stderr.writeSync(new TextEncoder().encode(`demo: ${message}\n`));
    Deno.exit(1);
  }
}
