/**
 * How to recognise the parent's kube-apiserver: ConfigMap
 * `kube-system/extension-apiserver-authentication`, which it writes itself.
 *
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import { type Anchors, parseAnchors } from "./client_cert.ts";
import { type Source, ValueSource } from "./source.ts";

/** Namespace of the ConfigMap. */
export const FRONT_PROXY_NAMESPACE = "kube-system";
/** Name of the ConfigMap. */
export const FRONT_PROXY_CONFIG_MAP = "extension-apiserver-authentication";

/** The ConfigMap, parsed. */
export interface FrontProxySettings {
  /** `requestheader-client-ca-file`: who may say in headers who the caller is. */
  requestHeaderCa: Anchors;
  /** `requestheader-allowed-names`: common names; empty allows any. */
  allowedNames: readonly string[];
  /** Header names as written, first non-empty one wins. */
  usernameHeaders: readonly string[];
  /** As written; every line of each counts. */
  groupHeaders: readonly string[];
  /** As written. */
  extraHeaderPrefixes: readonly string[];
  /** As written; empty before Kubernetes 1.32. */
  uidHeaders: readonly string[];
  /** `client-ca-file`: users' own client certificates. */
  clientCa: Anchors;
}

/** The part of a ConfigMap that is read here. */
export interface ConfigMapLike {
  /** Name and namespace. */
  metadata?: { name?: string; namespace?: string };
  /** Its texts. */
  data?: Record<string, string>;
}

/** What is needed of `Informer<ConfigMap>` of `shared/kube`. */
export interface ConfigMapInformer {
  /** Registers listeners; tells of every object known now as added. */
  on(listener: {
    added?: (object: ConfigMapLike) => void;
    updated?: (object: ConfigMapLike) => void;
    deleted?: (object: ConfigMapLike) => void;
  }): unknown;
}

/** Trusts nobody: what holds until the ConfigMap was read. */
export const NO_FRONT_PROXY: FrontProxySettings = {
  requestHeaderCa: { pem: "", certificates: [] },
  allowedNames: [],
  usernameHeaders: [],
  groupHeaders: [],
  extraHeaderPrefixes: [],
  uidHeaders: [],
  clientCa: { pem: "", certificates: [] },
};

function jsonList(data: Record<string, string>, key: string): string[] {
  const text = data[key];
  if (text === undefined || text === "") return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`Cannot read ${key}: it is not JSON`, { cause });
  }
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string")) {
    throw new TypeError(`Cannot read ${key}: it is not a list of strings`);
  }
  return value.filter((item) => item !== ""); // An empty prefix would match every header
}

/**
 * Parses the data of the ConfigMap.
 *
 * @returns the settings
 * @throws {TypeError} names the key that cannot be read
 */
export function parseFrontProxyConfig(data: Record<string, string>): FrontProxySettings {
  return {
    requestHeaderCa: parseAnchors(data["requestheader-client-ca-file"] ?? ""),
    allowedNames: jsonList(data, "requestheader-allowed-names"),
    usernameHeaders: jsonList(data, "requestheader-username-headers"),
    groupHeaders: jsonList(data, "requestheader-group-headers"),
    extraHeaderPrefixes: jsonList(data, "requestheader-extra-headers-prefix"),
    uidHeaders: jsonList(data, "requestheader-uid-headers"),
    clientCa: parseAnchors(data["client-ca-file"] ?? ""),
  };
}

/**
 * The settings as they are now, kept up to date from an informer. An update that cannot be
 * read, and a deletion, leave the last good settings in force: kube-apiserver writes the
 * ConfigMap anew within a minute, and dropping it would lock every user out meanwhile.
 */
export class FrontProxyConfig implements Source<FrontProxySettings> {
  readonly #source = new ValueSource<FrontProxySettings>(NO_FRONT_PROXY);
  readonly #log: Log;
  #loaded = false;
  #seen: string | undefined;

  /**
   * Trusts nobody yet.
   *
   * @param options where to write what happened
   */
  constructor({ log }: { log: Log }) {
    this.#log = log;
  }

  /** The settings as they are now. */
  get value(): FrontProxySettings {
    return this.#source.value;
  }

  /** `true` once the ConfigMap was read with a CA in it; a readiness check. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /**
   * Calls the listener at each change.
   *
   * @returns ends the subscription
   */
  subscribe(listener: (value: FrontProxySettings) => void): () => void {
    return this.#source.subscribe(listener);
  }

  /**
   * Follows an informer whose objects are at most this ConfigMap (list and watch it with
   * `fieldSelector: metadata.name=extension-apiserver-authentication`).
   */
  follow(informer: ConfigMapInformer): void {
    const onChange = (object: ConfigMapLike): void => {
      if (object.metadata?.name === FRONT_PROXY_CONFIG_MAP) this.update(object.data ?? {});
    };
    informer.on({
      added: onChange,
      updated: onChange,
      deleted: () => {
        this.#log.warn(
          "the front proxy's ConfigMap was deleted; the last settings stay in force",
          { name: `${FRONT_PROXY_NAMESPACE}/${FRONT_PROXY_CONFIG_MAP}` },
        );
      },
    });
  }

  /** Takes new data; bad data is logged and changes nothing. */
  update(data: Record<string, string>): void {
    const seen = JSON.stringify(Object.entries(data).sort());
    if (seen === this.#seen) return;
    let settings: FrontProxySettings;
    try {
      settings = parseFrontProxyConfig(data);
    } catch (error) {
      this.#log.error("the front proxy's ConfigMap cannot be read; the last settings stay", {
        error,
      });
      return;
    }
    this.#seen = seen;
    if (settings.requestHeaderCa.certificates.length > 0) this.#loaded = true;
    else {
      this.#log.error(
        "the parent has no aggregation layer: requestheader-client-ca-file is empty; start its " +
          "kube-apiserver with --requestheader-client-ca-file",
      );
    }
    if (
      settings.allowedNames.length === 0 && settings.requestHeaderCa.pem !== "" &&
      settings.requestHeaderCa.pem === settings.clientCa.pem
    ) {
      this.#log.warn(
        "the front proxy's CA is also the CA of users, and any common name is allowed: every " +
          "client certificate can speak for anybody; set --requestheader-allowed-names",
      );
    }
    this.#log.info("the front proxy's settings were read", {
      allowedNames: settings.allowedNames,
      certificates: settings.requestHeaderCa.certificates.length,
    });
    this.#source.set(settings);
  }
}
