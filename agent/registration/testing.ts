/**
 * What tests of the registration need: sealing as the hub does it.
 *
 * @module
 */
import { CompactEncrypt, importJWK } from "jose";
import { delay } from "../../shared/backoff.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
  PublicKeyJwk,
  SealedCredentials,
} from "../../shared/kube/clusternet_types.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { buildRequest, requestName } from "./request.ts";

/** A cluster id. */
export const CLUSTER_ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";

/** A token that no log may hold. */
export const SECRET_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2VjcmV0LXNpZ25hdHVyZQ";

/** A JWT with these claims; its signature is none. */
export function jwtOf(claims: unknown): string {
  const encode = (value: unknown): string =>
    new TextEncoder().encode(JSON.stringify(value))
      .toBase64({ alphabet: "base64url", omitPadding: true });
  return `${encode({ alg: "RS256" })}.${encode(claims)}.c2lnbmF0dXJl`;
}

/** What the hub seals. */
export function plainCredentials(change: Partial<SealedCredentials> = {}): SealedCredentials {
  return {
    clusterId: CLUSTER_ID,
    token: SECRET_TOKEN,
    expirationTimestamp: "2030-01-01T00:00:00Z",
    caCertificate: "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n",
    namespace: "clusternet-dhxfs",
    managedClusterName: "clusternet-cluster-dzqkw",
    ...change,
  };
}

/** Seals anything to a key. */
export async function sealTo(
  key: PublicKeyJwk,
  payload: unknown,
  header: { alg: string; enc: string } = { alg: "ECDH-ES", enc: "A256GCM" },
): Promise<string> {
  const plain = new TextEncoder().encode(
    typeof payload === "string" ? payload : JSON.stringify(payload),
  );
  return await new CompactEncrypt(plain).setProtectedHeader(header)
    .encrypt(await importJWK({ ...key }, header.alg));
}

/** A token that the fake parent takes for registrations. */
export const BOOTSTRAP_TOKEN = "07401b.f395accd246ae52d";

const REQUESTS = "clusters.clusternet.io/clusterregistrationrequests";

/** A parent that looks at tokens and lets a test play the hub. */
export class FakeParent {
  readonly kube = new FakeKube();
  /** Who a token is; others get 401, and `nobody` gets 403. */
  readonly tokens = new Map<string, "bootstrap" | "agent" | "nobody">([
    [BOOTSTRAP_TOKEN, "bootstrap"],
    [SECRET_TOKEN, "agent"],
  ]);
  /** Whether it knows our kinds. */
  installed = true;
  /** Requests that got 401. */
  unauthorized = 0;

  /** The API behind its authentication. */
  readonly transport = async (request: Request): Promise<Response> => {
    const bearer = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    const who = this.tokens.get(bearer);
    if (who === undefined) {
      this.unauthorized++;
      return statusResponse(failure(401, "Unauthorized"));
    }
    if (!this.installed) return statusResponse(failure(404, "404 page not found"));
    if (who === "nobody") {
      return statusResponse(failure(403, "clusterregistrationrequests is forbidden"));
    }
    return await this.kube.transport(request);
  };

  /** A client with that token. */
  client(bearer: string): KubeClient {
    return new KubeClient({
      transport: (request) => {
        request.headers.set("Authorization", `Bearer ${bearer}`);
        return this.transport(request);
      },
    });
  }

  /** The request as it stands. */
  request(): ClusterRegistrationRequest | undefined {
    return this.kube.get<ClusterRegistrationRequest>(REQUESTS, requestName(CLUSTER_ID));
  }

  /** Puts a request of an earlier run. */
  putRequest(publicKey: PublicKeyJwk): void {
    this.kube.put(
      REQUESTS,
      buildRequest({
        clusterId: CLUSTER_ID,
        clusterName: "edge-1",
        clusterType: "EdgeClusterSelfProvisioned",
        clusterLabels: {},
      }, publicKey),
    );
  }

  /** Writes the status, as the hub or an admin does. */
  setStatus(status: ClusterRegistrationRequestStatus): void {
    this.kube.put(REQUESTS, { ...this.request()!, status });
  }
}

/** Waits until something is true. */
export async function waitFor(check: () => boolean, timeoutMs = 2_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!check()) {
    if (performance.now() > deadline) throw new Error(`Not true within ${timeoutMs} ms: ${check}`);
    await delay(2);
  }
}
