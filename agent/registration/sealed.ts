/**
 * Opens what the hub sealed for this agent: a JWE (RFC 7516), ECDH-ES with A256GCM.
 *
 * @module
 */
import { compactDecrypt } from "jose/jwe/compact/decrypt";
import * as v from "valibot";
import type { SealedCredentials } from "../../shared/kube/clusternet_types.ts";
import type { AgentKey } from "./keys.ts";

/** Sealed credentials that cannot be used; the message says why and holds nothing secret. */
export class SealedError extends Error {
  override readonly name = "SealedError";
}

/** A sealed token has 1.7 KB, with a CA bundle some more. */
const MAX_JWE_CHARS = 64 * 1024;

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const NAMESPACE = new RegExp(`^${LABEL}$`);
const OBJECT_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Whether a namespace may be called so (RFC 1123 label). */
export function isNamespace(name: string): boolean {
  return name.length <= 63 && NAMESPACE.test(name);
}

/** Whether an object may be called so (RFC 1123 subdomain). */
export function isObjectName(name: string): boolean {
  return name.length <= 253 && OBJECT_NAME.test(name);
}

const payloadSchema = v.object({
  clusterId: v.pipe(v.string(), v.minLength(1)),
  token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,16384}$/)),
  expirationTimestamp: v.pipe(
    v.string(),
    v.check((text) => Number.isFinite(Date.parse(text))),
  ),
  caCertificate: v.pipe(v.string(), v.maxLength(48 * 1024)),
  namespace: v.pipe(v.string(), v.check(isNamespace)),
  managedClusterName: v.pipe(v.string(), v.check(isObjectName)),
});

/**
 * Opens and checks sealed credentials; whether they are still valid in time is the caller's to see.
 *
 * @param jwe compact serialization
 * @param key the agent's pair
 * @param clusterId whose credentials they must be
 * @returns what the hub sealed
 * @throws {SealedError} when they are not for this key, not for this cluster, sealed with another
 * algorithm, or not of the agreed shape
 */
export async function openSealed(
  jwe: string,
  key: AgentKey,
  clusterId: string,
): Promise<SealedCredentials> {
  if (jwe.length > MAX_JWE_CHARS) {
    throw new SealedError(
      `Cannot open sealed credentials of more than ${MAX_JWE_CHARS} characters`,
    );
  }
  let plaintext: Uint8Array;
  try {
    ({ plaintext } = await compactDecrypt(jwe.trim(), key.privateKey, {
      keyManagementAlgorithms: ["ECDH-ES"],
      contentEncryptionAlgorithms: ["A256GCM"],
    }));
  } catch {
    // The cause may tell of the content: it stays here
    throw new SealedError(
      "Cannot open the sealed credentials: they were not sealed for this agent's key with " +
        "ECDH-ES and A256GCM",
    );
  }
  const payload = v.safeParse(payloadSchema, parseJson(plaintext));
  if (!payload.success) {
    const field = v.getDotPath(payload.issues[0]) ?? "payload";
    throw new SealedError(`Cannot use the sealed credentials: "${field}" is missing or malformed`);
  }
  if (payload.output.clusterId !== clusterId) {
    throw new SealedError("Cannot use the sealed credentials: they are for another cluster");
  }
  return payload.output;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
