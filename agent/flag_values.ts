/**
 * What the values of the agent's flags must look like; each reader throws commander's
 * `InvalidArgumentError`, which commander prints with the flag's name.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";
import {
  keyValues,
  type ListenAddress,
  listenAddress,
  repeated,
  serverUrl,
} from "../shared/flags.ts";
import { parseAllowEntry } from "./target/allow_entry.ts";

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** A name as the CRD takes it: 30 characters at most, as the original. */
export function clusterName(max: number): (text: string) => string {
  return (text) => {
    if (text.length <= max && NAME.test(text)) return text;
    throw new InvalidArgumentError(
      `Want at most ${max} characters: lower-case letters, digits, "-" and ".".`,
    );
  };
}

/** Reads a namespace name. */
export function namespaceName(text: string): string {
  if (DNS_LABEL.test(text)) return text;
  throw new InvalidArgumentError('Want a namespace name: lower-case letters, digits and "-".');
}

/** Reads labels; those of Clusternet itself are refused. */
export function labels(text: string, previous?: Record<string, string>): Record<string, string> {
  const pairs = keyValues(text, previous);
  for (const [key, value] of Object.entries(pairs)) {
    if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) {
      throw new InvalidArgumentError(`"${key}=${value}" is no Kubernetes label.`);
    }
    if (/^(.*\.)?clusternet\.io\//.test(key)) {
      throw new InvalidArgumentError(`"${key}" is reserved: Clusternet sets it by itself.`);
    }
  }
  return pairs;
}

/** Reads a CA hash. @returns lower-case hex */
export function caHash(text: string): string {
  const match = /^sha256:([0-9a-fA-F]{64})$/.exec(text);
  if (match !== null) return match[1]!.toLowerCase();
  throw new InvalidArgumentError(
    'Want "sha256:" and 64 hex digits: the hash of the CA\'s public key, as kubeadm prints it.',
  );
}

/**
 * Reads the parent's URL. In clear text only over loopback: the registration token goes there.
 *
 * @returns the URL without a trailing slash
 * @throws {InvalidArgumentError} for anything else
 */
export function parentUrl(text: string): string {
  const url = serverUrl(text);
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:" && !/^(localhost|127\.[0-9.]+|\[::1\])$/.test(hostname)) {
    throw new InvalidArgumentError('Want "https://": over http the token would be sent in clear.');
  }
  return url;
}

/**
 * Reads an HTTP CONNECT proxy's URL; user and password may stand in it.
 *
 * @returns the URL
 * @throws {InvalidArgumentError} for anything else
 */
export function proxyUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || url.protocol !== "http:" || url.hostname === "") {
    throw new InvalidArgumentError('Want an HTTP proxy such as "http://proxy.example:3128".');
  }
  return url.href.replace(/\/$/, "");
}

/** Reads entries of the allow-list; refuses a bad one at the start, not at the first request. */
export function allowTarget(text: string, previous?: string[]): string[] {
  const entries = repeated(text, previous);
  for (const entry of entries) {
    try {
      parseAllowEntry(entry);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  }
  return entries;
}

/** Reads a ConfigMap's name, or nothing for none. */
export function configMapName(text: string): string {
  if (text === "" || (text.length <= 253 && NAME.test(text))) return text;
  throw new InvalidArgumentError(
    'Want the name of a ConfigMap: lower-case letters, digits, "-" and "."; or nothing for none.',
  );
}

/** Reads `host:port`, or `none` for no endpoint. */
export function healthAddress(text: string): ListenAddress | "none" {
  return text === "none" ? text : listenAddress(text);
}
