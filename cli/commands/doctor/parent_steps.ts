/**
 * From here to the parent's API: kubeconfig, TLS, credentials, clock.
 *
 * @module
 */
import type { UserInfo } from "../../../shared/kube/types.ts";
import { isStatus, StatusError } from "../../../shared/kube/status.ts";
import type { ConnectOptions } from "../../context.ts";
import { asking, parentOf, type Patient, skewText } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

/** Where anybody asks who he is (KEP-3325). */
export const SELF_REVIEW_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/** Body of a SelfSubjectReview. */
export const SELF_REVIEW = {
  apiVersion: "authentication.k8s.io/v1",
  kind: "SelfSubjectReview",
};

/** Words of the runtime and of OpenSSL about certificates. */
const TLS_FAULT =
  /certificate|self.signed|unknown ?issuer|unable to verify|unable to get|altname|tls|ssl/i;

/**
 * The steps.
 *
 * @param options as the user named the parent
 */
export function parentSteps(patient: Patient, options: ConnectOptions): Step[] {
  return [
    {
      id: "kubeconfig",
      title: "the kubeconfig of the parent",
      needs: [],
      run: () => kubeconfig(patient, options),
    },
    {
      id: "parent",
      title: "the parent's API",
      needs: ["kubeconfig"],
      run: () => reach(patient),
    },
    {
      id: "clock",
      title: "this machine's clock",
      needs: ["parent"],
      run: () => Promise.resolve(clock(patient)),
    },
    {
      id: "login",
      title: "your credentials for the parent",
      needs: ["parent"],
      run: () => login(patient),
    },
  ];
}

async function kubeconfig(patient: Patient, options: ConnectOptions): Promise<Outcome> {
  try {
    patient.parent = await patient.context.connect(options);
  } catch (error) {
    return broken(
      error instanceof Error ? error.message : String(error),
      "name the parent's kubeconfig with --kubeconfig and its context with --context; " +
        "`kubectl config get-contexts` lists them",
    );
  }
  const { kubeconfigPath, contextName, config } = patient.parent;
  return ok(`kubeconfig ${kubeconfigPath}, context "${contextName}", server ${config.server}`);
}

async function reach(patient: Patient): Promise<Outcome> {
  const { client, config } = parentOf(patient);
  let response: Response;
  try {
    response = await client.raw("/version", asking(patient));
  } catch (error) {
    patient.context.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return broken(
      message,
      TLS_FAULT.test(message.replace(config.server, ""))
        ? "the server's certificate must lead to certificate-authority-data of the kubeconfig and " +
          "name the host of its server: fetch the kubeconfig anew, or choose another --context"
        : `is ${config.server} the right address, and is there a way to it (VPN, firewall, ` +
          "proxy-url of the kubeconfig)?",
    );
  }
  const text = await response.text();
  const version = response.ok ? gitVersion(text) : "";
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date)) patient.answered = { here: patient.context.now(), there: date };
  return ok(`the parent answers at ${config.server}${version === "" ? "" : `, ${version}`}`);
}

/** @returns the version, empty where the text says none */
export function gitVersion(text: string): string {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return typeof gitVersion === "string" ? gitVersion : "";
  } catch {
    return "";
  }
}

function clock({ answered }: Patient): Outcome {
  if (answered === undefined) return unknown("the parent does not tell its time");
  const skew = skewText(answered.here - answered.there);
  if (skew === undefined) return ok("this machine's clock agrees with the parent's");
  return broken(
    `this machine's clock is ${skew} the parent's`,
    "set the clock that is wrong (NTP, `timedatectl set-ntp true`): certificates and tokens are " +
      "valid from and until a time",
  );
}

async function login(patient: Patient): Promise<Outcome> {
  const { client, contextName } = parentOf(patient);
  let info: UserInfo;
  try {
    const review = await client.json<{ status?: { userInfo?: UserInfo } }>(SELF_REVIEW_PATH, {
      ...asking(patient),
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(SELF_REVIEW),
    });
    info = review.status?.userInfo ?? {};
  } catch (error) {
    if (isStatus(error, 404)) return unknown("the parent does not tell who you are");
    if (!(error instanceof StatusError)) throw error;
    const mend = "log in anew, or renew the token or client certificate of the kubeconfig";
    return broken(
      error.code === 401
        ? "the parent does not accept your credentials"
        : `the parent does not tell who you are: ${error.message}`,
      error.code === 401 ? mend : "have an administrator of the parent look at it",
    );
  }
  const { username = "", groups = [] } = info;
  if (username === "system:anonymous") {
    return broken(
      "the parent takes you for nobody (system:anonymous)",
      `give the user of context "${contextName}" a token or a client certificate`,
    );
  }
  patient.me = { username, groups };
  return ok(`in the parent you are "${username}"`);
}
