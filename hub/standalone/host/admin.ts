/**
 * The administrator of a standalone hub: a client certificate in group `system:masters`, in a
 * kubeconfig that only the hub's own user may read.
 *
 * @module
 */
import { stringify } from "yaml";
import { type CaStore, StoreConflictError } from "../../front/ca_store.ts";
import { createCa, issueClient } from "../../front/certificates.ts";
import { MASTERS } from "../user.ts";
import { writePrivate } from "./data_dir.ts";

const DAY_MS = 86_400_000;
/** The kubeconfig is written anew at each start, so this is how long a hub may run without one. */
const ADMIN_LIFE_MS = 365 * DAY_MS;

/** The CA of client certificates, as it is kept. */
export interface ClientCa {
  /** PEM. */
  cert: string;
  /** PKCS#8 PEM. */
  key: string;
}

/**
 * Loads the CA of client certificates, or makes it at the first start.
 *
 * @returns the CA
 * @throws what the store throws
 */
export async function clientCa(store: CaStore, now: number): Promise<ClientCa> {
  for (let attempt = 0;; attempt++) {
    const kept = await store.load();
    if (kept !== undefined) return { cert: kept.certs, key: kept.key };
    const made = await createCa(now, "clusternet-hub-client-ca");
    try {
      await store.save({ certs: made.cert, key: made.key }, undefined);
    } catch (error) {
      if (!(error instanceof StoreConflictError) || attempt >= 5) throw error;
    }
  }
}

/** Options of {@linkcode writeAdminKubeconfig}. */
export interface AdminKubeconfigOptions {
  /** Where to write it. */
  path: string;
  /** URL of the hub as this machine reaches it. */
  server: string;
  /** PEM of the CA that the hub serves with. */
  servingCa: string;
  /** Issues the administrator's certificate. */
  ca: ClientCa;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * Issues a certificate and writes the kubeconfig, mode 0600.
 *
 * @throws what the file system throws
 */
export async function writeAdminKubeconfig(
  { path, server, servingCa, ca, now }: AdminKubeconfigOptions,
): Promise<void> {
  const user = { name: "clusternet-admin", group: MASTERS };
  const { cert, key } = await issueClient(ca, user, ADMIN_LIFE_MS, now);
  await writePrivate(
    path,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{
        name: "clusternet",
        cluster: { server, "certificate-authority-data": base64(servingCa) },
      }],
      users: [{
        name: user.name,
        user: { "client-certificate-data": base64(cert), "client-key-data": base64(key) },
      }],
      contexts: [{ name: "clusternet", context: { cluster: "clusternet", user: user.name } }],
      "current-context": "clusternet",
    }, { lineWidth: 0 }),
  );
}

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
