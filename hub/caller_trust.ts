/**
 * Whose word about callers the public port takes: the parent's front proxy, as its ConfigMap says
 * it, or, where no parent stands before the hub, client certificates of one CA.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { Informer } from "../shared/kube/informer.ts";
import { CONFIG_MAPS } from "../shared/kube/resources.ts";
import type { ConfigMap } from "../shared/kube/types.ts";
import type { Log } from "../shared/log.ts";
import type { HealthCheck } from "./api/health.ts";
import { parseAnchors } from "./front/client_cert.ts";
import {
  FRONT_PROXY_CONFIG_MAP,
  FRONT_PROXY_NAMESPACE,
  FrontProxyConfig,
  type FrontProxySettings,
  NO_FRONT_PROXY,
} from "./front/front_proxy_config.ts";
import { type Source, ValueSource } from "./front/source.ts";
import type { HubReadings } from "./lifecycle/metrics.ts";

/** See the module text. */
export interface CallerTrust {
  /** As it is now. */
  readonly settings: Source<FrontProxySettings>;
  /** For `/readyz`. */
  readonly healthChecks: HealthCheck[];
  /** The watches, for metrics. */
  readonly informers: HubReadings["informers"];
  /** Begins to follow changes, until the signal. */
  start(signal: AbortSignal): void;
}

/**
 * Trusts the parent's front proxy, as `kube-system/extension-apiserver-authentication` describes
 * it.
 *
 * @returns the trust; empty until it was started and the ConfigMap was read
 */
export function frontProxyTrust(
  { client, log }: { client: KubeClient; log: Log },
): CallerTrust {
  const settings = new FrontProxyConfig({ log });
  const informer = new Informer<ConfigMap>({
    client,
    resource: CONFIG_MAPS,
    namespace: FRONT_PROXY_NAMESPACE,
    fieldSelector: `metadata.name=${FRONT_PROXY_CONFIG_MAP}`,
    log,
  });
  return {
    settings,
    healthChecks: [{
      name: "front-proxy-config",
      check: () => {
        if (!settings.loaded) throw new Error("extension-apiserver-authentication was not read");
      },
    }],
    informers: [{ resource: CONFIG_MAPS.plural, lastContact: () => informer.lastContact }],
    start(signal: AbortSignal): void {
      settings.follow(informer);
      informer.start(signal);
    },
  };
}

/**
 * Trusts client certificates of one CA, and no front proxy.
 *
 * @param pem the CA
 * @returns the trust; it never changes
 */
export function clientCaTrust(pem: string): CallerTrust {
  return {
    settings: new ValueSource({ ...NO_FRONT_PROXY, clientCa: parseAnchors(pem) }),
    healthChecks: [],
    informers: [],
    start: () => {},
  };
}
