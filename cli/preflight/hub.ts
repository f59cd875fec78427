/**
 * Whether a hub can be reached from here, is the right one, and takes the token.
 *
 * @module
 */
import {
  CaDiscoveryError,
  caHash,
  type DiscoverCaOptions,
} from "../../shared/kube/ca_discovery.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import { REQUEST_NAME_PREFIX } from "../../shared/kube/clusternet_types.ts";
import { CLUSTER_REGISTRATION_REQUESTS, resourcePath } from "../../shared/kube/resources.ts";
import type { KubeConnection } from "../../shared/kube/transport.ts";
import { CliError } from "../context.ts";
import { isUntrusted } from "../install/explain.ts";
import type { Preflight } from "./preflight.ts";

/** How the operator said which CA is the hub's; at most one of them. */
export interface CaChoice {
  /** Hash of its public key: `sha256:` and 64 hex digits. */
  hash?: string | undefined;
  /** PEM. */
  pem?: string | undefined;
}

/** How this machine reaches a hub. */
export interface HubAccess {
  /** Opens connections. */
  connectTo: (config: ClusterConfig) => KubeConnection;
  /** Fetches a CA by its hash. */
  discoverCa: (url: string, hash: string, options: DiscoverCaOptions) => Promise<string>;
}

/** Options of {@linkcode checkHub}. */
export interface CheckHubOptions extends HubAccess {
  /** URL of the hub's API server. */
  url: string;
  /** Whom to trust; the system's CAs when it says nothing. */
  ca: CaChoice;
  /** To register with. */
  token: string;
  /** HTTP proxy on the way. */
  proxyUrl?: string | undefined;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Ends it. */
  signal: AbortSignal;
}

/** A clock that is off by more than this is worth a word, in milliseconds. */
const MAX_SKEW_MS = 60_000;
/** No cluster has it: what counts is how the hub refuses. */
const NO_CLUSTER = "00000000-0000-0000-0000-000000000000";
const BOOTSTRAP_TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Runs the checks of the hub; failures are collected in `preflight`.
 *
 * @returns PEM of the hub's CA; `undefined` where the system's count, or a check failed
 */
export async function checkHub(
  preflight: Preflight,
  options: CheckHubOptions,
): Promise<string | undefined> {
  const { url, token, connectTo, proxyUrl, signal } = options;
  let ca: string | undefined;
  const known = await preflight.check(async () => {
    const found = await findCa(options);
    ca = found.pem;
    return found.said;
  });
  const shaped = await preflight.check(() => {
    if (BOOTSTRAP_TOKEN.test(token) || JWT.test(token)) {
      return Promise.resolve("the token has the form of a token");
    }
    return Promise.reject(
      new CliError(
        'the token is no bootstrap token ("6 characters.16 characters", lower case) and no ' +
          "ServiceAccount token: paste it whole, or make a new one in the parent with " +
          "token create --print-join-command",
      ),
    );
  });
  if (!known) return undefined;
  using connection = connectTo({
    server: url,
    ...(ca === undefined ? {} : { ca }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    token: () => Promise.resolve(shaped ? token : undefined),
  });
  const client = new KubeClient({ transport: connection.transport });
  let date: string | null = null;
  let askedAt = 0;
  const reached = await preflight.check(async () => {
    askedAt = options.now();
    const response = await reach(client, url, signal);
    date = response.headers.get("date");
    return `the hub answers at ${url}`;
  });
  if (!reached) return undefined;
  checkClock(preflight, date, (askedAt + options.now()) / 2);
  if (shaped) await preflight.check(() => checkToken(client, signal));
  return ca;
}

async function findCa(options: CheckHubOptions): Promise<{ pem?: string; said: string }> {
  const { url, ca, discoverCa, proxyUrl, signal } = options;
  if (ca.pem !== undefined) {
    try {
      return { pem: ca.pem, said: `the hub's CA is given: ${caHash(ca.pem)}` };
    } catch (cause) {
      throw new CliError(
        "the CA that was given is not a certificate in PEM: give the CA of the parent's API server",
        1,
        { cause },
      );
    }
  }
  if (ca.hash === undefined) return { said: "no CA is given: the CAs of this system count" };
  try {
    const pem = await discoverCa(url, ca.hash, { proxyUrl, signal });
    return { pem, said: "the hub's CA was fetched and has the given hash" };
  } catch (error) {
    if (!(error instanceof CaDiscoveryError)) throw error;
    throw new CliError(
      `${error.message}. Where a hub does not show its CA to everybody, give the CA itself with ` +
        "--ca-file or --ca-data",
      1,
      { cause: error },
    );
  }
}

async function reach(client: KubeClient, url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await client.raw("/version", { signal });
  } catch (error) {
    if (!isUntrusted(error)) throw error;
    throw new CliError(
      `the certificate of ${url} is not signed by a CA that counts here: give the parent's CA with ` +
        "--ca-hash or --ca-file (token create --print-join-command prints it)",
      1,
      { cause: error },
    );
  }
}

function checkClock(preflight: Preflight, date: string | null, here: number): void {
  const there = Date.parse(date ?? "");
  if (Number.isNaN(there)) return;
  const skew = here - there;
  if (Math.abs(skew) < MAX_SKEW_MS) return;
  const seconds = Math.round(Math.abs(skew) / 1000);
  preflight.warn(
    `this machine's clock is ${seconds} s ${skew > 0 ? "ahead of" : "behind"} the hub's: tokens ` +
      "and certificates may be refused; set the clock (NTP)",
  );
}

async function checkToken(client: KubeClient, signal: AbortSignal): Promise<string> {
  const path = resourcePath(CLUSTER_REGISTRATION_REQUESTS, {
    name: REQUEST_NAME_PREFIX + NO_CLUSTER,
  });
  const response = await client.raw(path, { signal });
  const text = await response.text();
  switch (response.status) {
    case 200:
      return "the hub takes the token";
    case 401:
      throw new CliError(
        "the hub refuses the token (401): it is wrong, expired or deleted; make a new one in the " +
          "parent with token create --print-join-command",
      );
    case 403:
      throw new CliError(
        "the hub knows the token, but it may not register clusters (403): is the hub installed " +
          "there (init), and does the token have the group " +
          "system:bootstrappers:clusternet:register-cluster-token (token create gives it)?",
      );
    case 404:
      if (text.includes("clusterregistrationrequests")) return "the hub takes the token";
      throw new CliError(
        "this API server knows no ClusterRegistrationRequests: install the hub there first (init)",
      );
    default:
      throw new CliError(
        `the hub answered ${response.status} when it was asked about the token: look at its log`,
      );
  }
}
