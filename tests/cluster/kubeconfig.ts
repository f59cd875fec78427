/**
 * Kubeconfig files. Pure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { stringify } from "yaml";
import type { KeyPair } from "./pki.ts";

/** What a kubeconfig says. */
export interface KubeconfigOptions {
  /** Name of the cluster, the user and the context. */
  name: string;
  /** Server URL; may have a path. */
  server: string;
  /** PEM of the server's CA. */
  caPem: string;
  /** Client certificate. */
  clientCert?: KeyPair | undefined;
  /** Bearer token. */
  token?: string | undefined;
  /** Default namespace. */
  namespace?: string | undefined;
  /** Name that the server's certificate must bear, where it is not the URL's host. */
  tlsServerName?: string | undefined;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** @returns the kubeconfig as YAML */
export function kubeconfigYaml(options: KubeconfigOptions): string {
  const { name, server, caPem, clientCert, token, namespace, tlsServerName } = options;
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{
      name,
      cluster: {
        server,
        "certificate-authority-data": base64(caPem),
        ...(tlsServerName === undefined ? {} : { "tls-server-name": tlsServerName }),
      },
    }],
    users: [{
      name,
      user: {
        ...(token === undefined ? {} : { token }),
        ...(clientCert === undefined ? {} : {
          "client-certificate-data": base64(clientCert.cert),
          "client-key-data": base64(clientCert.key),
        }),
      },
    }],
    contexts: [{
      name,
      context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) },
    }],
    "current-context": name,
  }, { lineWidth: 0 });
}
