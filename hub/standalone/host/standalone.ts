/**
 * The hub without a parent: the embedded API over a data directory, and what the hub needs of it
 * in the place of a parent.
 *
 * @module
 */
import { caHash } from "../../../shared/kube/ca_discovery.ts";
import { KubeClient } from "../../../shared/kube/client.ts";
import { handlerTransport } from "../../../shared/kube/transport.ts";
import type { Log } from "../../../shared/log.ts";
import { withLines } from "../../../shared/request_lines.ts";
import { VERSION } from "../../../shared/version.ts";
import { clientCaTrust } from "../../caller_trust.ts";
import type { EmbeddedParent } from "../../embedded_parent.ts";
import { directoryStore } from "../../front/ca_store.ts";
import type { Identity } from "../../front/identity.ts";
import { selfMadeServing, type ServingCertificate } from "../../front/serving_cert.ts";
import { impersonate } from "../auth/impersonation.ts";
import { type Embedded, startEmbedded } from "../start_embedded.ts";
import { LOOPBACK_USER } from "../user.ts";
import { type AddressOptions, advertisedUrl, hostNames, localUrl } from "./addresses.ts";
import { type ClientCa, clientCa, writeAdminKubeconfig } from "./admin.ts";
import { type DataDir, openDataDir } from "./data_dir.ts";
import { hubApiGroup } from "./hub_api_group.ts";
import { identityOf, userOf } from "./identity.ts";
import { installHubObjects, publishClusterInfo } from "./install.ts";
import { joinToken } from "./join_token.ts";
import { welcome } from "./welcome.ts";

/** The release that the embedded API is judged against, marked as what it is. */
export const EMBEDDED_VERSION = "v1.36.3+embedded";
/** As kube-apiserver's default. */
const ISSUER = "https://kubernetes.default.svc.cluster.local";
/** Requests that go on until somebody ends them. */
const WATCH = /[?&]watch=/;
/** Paths that the hub's own health handler answers. */
const HEALTH = /^\/(?:livez|readyz|healthz)(?:\/|$)|^\/metrics$/;

/** Options of {@linkcode startStandalone}. */
export interface StandaloneOptions {
  /** Directory of all state. */
  dataDir: string;
  /** By which names it is reached. */
  addresses: AddressOptions;
  /** How the operator's program is called, for the commands that are printed. */
  ctl: string;
  /** Where to write. */
  log: Log;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** Cryptographically strong. */
  randomBytes: (length: number) => Uint8Array;
}

/** A running embedded API. */
export interface Standalone {
  /** Reaches it as the process itself, as kube-apiserver's loopback client does. */
  readonly client: KubeClient;
  /** For `startHub`. */
  readonly embedded: EmbeddedParent;
  /** PEM of the CA that agents are given. */
  readonly parentCa: () => Promise<string>;
  /** Who answers `/readyz`, `/livez`, `/healthz` and `/metrics`. */
  serveHealth(handler: (request: Request) => Promise<Response>): void;
  /**
   * Writes the administrator's kubeconfig, publishes the CA and makes a token.
   *
   * @param port where the hub listens
   * @returns what to print
   */
  announce(port: number): Promise<string>;
  /** Ends everything; what was acknowledged is on the disk. */
  stop(): Promise<void>;
}

/**
 * Opens the data directory and starts the embedded API.
 *
 * @returns the API, with the objects of deploy/hub that it needs in it
 * @throws {Error} when the directory cannot be used, or another hub uses it
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { addresses, log, now, random } = options;
  const dir = await openDataDir(options.dataDir);
  const serving = await selfMadeServing({
    store: directoryStore(dir.path),
    names: hostNames(addresses),
    log,
    now,
  });
  const ca = await clientCa(directoryStore(dir.path, "client-ca.pem"), now());
  let health: ((request: Request) => Promise<Response>) | undefined;
  const api = await startEmbedded({
    path: dir.database,
    signingKeyPem: dir.signingKeyPem,
    issuer: ISSUER,
    rootCaPem: serving.caBundle.value ?? "",
    gitVersion: EMBEDDED_VERSION,
    extraGroups: [hubApiGroup()],
    health: async (request, path) => HEALTH.test(path) ? await health?.(request) : undefined,
    now,
    random,
    log,
  });
  try {
    const client = new KubeClient({
      transport: handlerTransport((request) => api.api.handle(request, LOOPBACK_USER)),
      userAgent: `clusternet-hub/${VERSION}`,
    });
    await installHubObjects(client);
    const parts = { options, dir, serving, ca, api, client };
    return {
      client,
      embedded: embeddedParent(parts),
      parentCa: () => Promise.resolve(serving.caBundle.value ?? ""),
      serveHealth: (handler) => health = handler,
      announce: (port) => announce(parts, port),
      stop: () => api.stop(),
    };
  } catch (error) {
    await api.stop();
    throw error;
  }
}

interface Parts {
  options: StandaloneOptions;
  dir: DataDir;
  serving: ServingCertificate;
  ca: ClientCa;
  api: Embedded;
  client: KubeClient;
}

function embeddedParent({ api, ca, serving }: Parts): EmbeddedParent {
  const watches = new AbortController();
  return {
    trust: clientCaTrust(ca.cert),
    serving,
    tokens: {
      async review(token: string): Promise<Identity | undefined> {
        const found = await api.authenticate.authenticateToken(token);
        return found === undefined ? undefined : identityOf(found.user, "token");
      },
    },
    handle: (request, identity) => {
      if (!WATCH.test(request.url)) return api.api.handle(request, userOf(identity));
      const signal = AbortSignal.any([request.signal, watches.signal]);
      const watch = withLines(new Request(request, { signal }), request);
      return api.api.handle(watch, userOf(identity));
    },
    impersonate: (headers, identity) => {
      const user = userOf(identity);
      const acting = impersonate([...headers] as [string, string][], user, api.authorizer);
      return acting === user ? identity : identityOf(acting, "impersonation");
    },
    endWatches: () => watches.abort(new DOMException("the hub stops", "AbortError")),
  };
}

async function announce(parts: Parts, port: number): Promise<string> {
  const { options: { addresses, ctl, now, randomBytes }, dir, serving, ca, client } = parts;
  const servingCa = serving.caBundle.value ?? "";
  const server = advertisedUrl(addresses, port);
  await publishClusterInfo(client, { server, ca: servingCa });
  await writeAdminKubeconfig({
    path: dir.kubeconfig,
    server: localUrl(addresses, port),
    servingCa,
    ca,
    now: now(),
  });
  return welcome({
    ctl,
    server,
    ...(await joinToken({ client, now: now(), randomBytes })),
    caHash: caHash(servingCa),
    kubeconfig: dir.kubeconfig,
    dataDir: dir.path,
  });
}
