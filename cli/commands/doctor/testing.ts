/**
 * A parent that answers as a healthy one, for tests of `doctor`.
 *
 * @module
 */
import type { SeenRequest } from "../../../shared/testing/fake_kube.ts";
import { FakeContext, fakeId, NOW, runCli } from "../../testing.ts";
import { doctorCommand } from "../doctor.ts";

/** Of the cluster in question. */
export const ID = fakeId(1);
/** Path of its socket. */
export const SOCKET = `/apis/proxies.clusternet.io/v1alpha1/sockets/${ID}`;
/** Resource of registration requests in the fake. */
export const REQUESTS = "clusters.clusternet.io/clusterregistrationrequests";

/** By method and path. */
export type Answers = Record<string, (request: SeenRequest) => [status: number, body: unknown]>;

/** What a healthy fleet answers, by method and path. */
const HEALTHY: Answers = {
  "GET /version": () => [200, { gitVersion: "v1.36.3" }],
  "GET /apis": () => [200, { groups: [{ name: "apiregistration.k8s.io" }] }],
  "GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io": () => [200, {
    status: { conditions: [{ type: "Available", status: "True" }] },
  }],
  "GET /apis/proxies.clusternet.io/v1alpha1": () => [200, {}],
  "GET /openapi/v3/apis/proxies.clusternet.io/v1alpha1":
    () => [200, { info: { version: "v0.1.0" } }],
  "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": () => [201, {
    status: { userInfo: { username: "alice", groups: ["platform", "system:authenticated"] } },
  }],
  "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": () => [201, {
    status: { allowed: true },
  }],
  [`GET ${SOCKET}`]: () => [200, {
    status: { connected: true, connectedAt: "2026-01-01T23:59:00Z" },
  }],
  [`GET ${SOCKET}/proxy/direct/version`]: () => [200, { gitVersion: "v1.35.0" }],
  [`POST ${SOCKET}/proxy/direct/apis/authentication.k8s.io/v1/selfsubjectreviews`]: () => [201, {
    status: { userInfo: { username: "alice", groups: ["platform"] } },
  }],
  [`POST ${SOCKET}/proxy/direct/apis/authorization.k8s.io/v1/selfsubjectrulesreviews`]:
    () => [201, {
      status: {
        resourceRules: [
          { verbs: ["create"], resources: ["selfsubjectreviews"] },
          { verbs: ["get"], resources: ["pods"] },
        ],
      },
    }],
};

/** A `Status`. */
export function refusal(code: number, message: string): [number, unknown] {
  return [code, { kind: "Status", code, message }];
}

/** A machine whose parent is healthy but for these answers. */
export function patient(answers: Answers = {}): FakeContext {
  const made = new FakeContext({ now: () => NOW });
  const all = { ...HEALTHY, ...answers };
  made.kube.interceptors.push((request) => {
    const answer = all[`${request.method} ${request.path.replace(/\?.*/, "")}`];
    if (answer === undefined) return;
    const [status, body] = answer(request);
    return Response.json(body, { status, headers: { Date: new Date(NOW).toUTCString() } });
  });
  return made;
}

/** Runs `doctor`. @returns the exit code */
export async function doctor(made: FakeContext, ...args: string[]): Promise<number> {
  return await runCli(made, [doctorCommand(made)], ["doctor", ...args]);
}

/** The lines of the report with a mark. */
export function lines(made: FakeContext, mark: string): string[] {
  return made.stdout.split("\n").filter((line) => line.startsWith(mark));
}
