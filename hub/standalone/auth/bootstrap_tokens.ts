/**
 * Bootstrap tokens: Secrets of kube-system with which new members show themselves.
 *
 * Source: k8s.io/kubernetes `plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go`;
 * k8s.io/cluster-bootstrap `util/secrets/secrets.go`, `token/api/types.go`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Store, Stored } from "../store/types.ts";
import { AUTHENTICATED } from "./service_account_names.ts";
import { commonAudiences, type TokenJudge, tokenJudge } from "./tokens.ts";

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const DEFAULT_GROUP = "system:bootstrappers";
const NOT_OURS = { error: "" } as const;

/** Options of {@linkcode bootstrapTokens}. */
export interface BootstrapTokensOptions {
  /** Where the Secrets are. */
  store: Store;
  /** Wall clock, in milliseconds. */
  now: () => number;
  /** Audiences of the API server itself; tokens are good for no others. @default {none} */
  audiences?: readonly string[];
}

/** Entries of a Secret's `data`, decoded. */
function dataOf(stored: Stored): { type: unknown; entry(key: string): string } | undefined {
  const { type, data } = JSON.parse(stored.json) as { type?: unknown; data?: unknown };
  if (typeof data !== "object" || data === null) return undefined;
  const entries = data as Readonly<Record<string, unknown>>;
  return {
    type,
    entry(key): string {
      const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
      return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
    },
  };
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** What cannot be read as a time is over. */
function isOver(expiration: string, now: number): boolean {
  if (expiration === "") return false;
  const parts = RFC3339.exec(expiration);
  if (parts === null) return true;
  const [year = 0, month = 0, day = 0] = parts.slice(1, 4).map(Number);
  // The runtime takes February 30 for March 1
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const time = Date.parse(expiration.replace(",", "."));
  return month < 1 || month > 12 || day < 1 || day > lastDay || !(time > now);
}

function groupsOf(extra: string): string[] | undefined {
  if (extra === "") return [DEFAULT_GROUP];
  const groups = extra.split(",");
  if (!groups.every((group) => GROUP.test(group))) return undefined;
  return [...new Set([DEFAULT_GROUP, ...groups])].sort();
}

/**
 * Makes the authenticator. It reads the Secret for each token: a deleted one is void at once.
 *
 * @returns users `system:bootstrap:<id>` with `system:bootstrappers` and the Secret's
 *   `auth-extra-groups`
 */
export function bootstrapTokens(
  { store, now, audiences: own = [] }: BootstrapTokensOptions,
): TokenJudge {
  return tokenJudge((token, wanted) => {
    const [, id = "", secret = ""] = TOKEN.exec(token) ?? [];
    if (id === "") return Promise.resolve(NOT_OURS);
    const audiences = wanted === undefined ? own : commonAudiences(own, wanted);
    if (wanted !== undefined && audiences.length === 0) return Promise.resolve(NOT_OURS);
    const stored = store.get("secrets", "kube-system", `bootstrap-token-${id}`);
    const data = stored === undefined || stored.deleting ? undefined : dataOf(stored);
    if (
      data === undefined || data.type !== "bootstrap.kubernetes.io/token" ||
      !sameText(data.entry("token-secret"), secret) || data.entry("token-id") !== id ||
      isOver(data.entry("expiration"), now()) ||
      data.entry("usage-bootstrap-authentication") !== "true"
    ) return Promise.resolve(NOT_OURS);
    const groups = groupsOf(data.entry("auth-extra-groups"));
    if (groups === undefined) return Promise.resolve(NOT_OURS);
    return Promise.resolve({
      user: { name: `system:bootstrap:${id}`, groups: [...groups, AUTHENTICATED], extra: {} },
      audiences,
    });
  });
}
