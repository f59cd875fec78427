/**
 * `/livez`, `/readyz` and `/healthz` in the manner of Kubernetes: the status code is for
 * machines, `?verbose` lists the checks, `?exclude=name` leaves one out, `/readyz/name` runs one.
 * Why a check failed goes into the log only: as a warning when its result changes, below that for
 * every probe after, since a standby fails one each second for as long as it lives.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/health-checks/
 *
 * @module
 */
import { withDeadline } from "../../shared/backoff.ts";
import type { Log } from "../../shared/log.ts";

/** One named check. */
export interface HealthCheck {
  /** Kebab case, such as `leader` or `front-proxy-config`. */
  name: string;
  /** Throws or rejects with the reason when it fails. */
  check: (signal: AbortSignal) => Promise<void> | void;
}

/** Options of {@linkcode createHealth}. */
export interface HealthOptions {
  /** Fails: the process must be restarted. Also what `/healthz` tells. */
  livez: readonly HealthCheck[];
  /** Fails: send no requests here. The checks of `livez` count too. */
  readyz: readonly HealthCheck[];
  /** Where reasons are written. */
  log: Log;
  /** How long one check may take. @default {2_000} */
  deadlineMs?: number;
}

/** Answers a request about health; `undefined` when its path is about something else. */
export type Health = (request: Request, path: string) => Promise<Response | undefined>;

const HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache, private",
};

const PING: HealthCheck = { name: "ping", check: () => {} };

/**
 * Makes the handler of the three health paths and of their single checks.
 *
 * @returns the handler
 */
export function createHealth(
  { livez, readyz, log, deadlineMs = 2_000 }: HealthOptions,
): Health {
  const live = [PING, ...livez];
  const ready = [...live, ...readyz.filter(({ name }) => !live.some((one) => one.name === name))];
  const endpoints: Readonly<Record<string, readonly HealthCheck[]>> = {
    healthz: live,
    livez: live,
    readyz: ready,
  };

  /** What each check said last, by name. */
  const last = new Map<string, boolean>();

  /** @returns whether the result differs from the last; before the first, a check counts as fine */
  function changed(name: string, result: boolean): boolean {
    const before = last.get(name) ?? true;
    last.set(name, result);
    return before !== result;
  }

  async function passes({ name, check }: HealthCheck, endpoint: string): Promise<boolean> {
    try {
      await withDeadline(
        deadlineMs,
        `run health check ${name}`,
        async (signal) => await check(signal),
      );
      if (changed(name, true)) log.info("a health check passes again", { endpoint, check: name });
      return true;
    } catch (error) {
      const level = changed(name, false) ? "warn" : "debug";
      log[level]("a health check failed", { endpoint, check: name, error });
      return false;
    }
  }

  async function all(
    endpoint: string,
    checks: readonly HealthCheck[],
    query: URLSearchParams,
  ): Promise<Response> {
    const excluded = new Set(query.getAll("exclude"));
    const results = await Promise.all(
      checks.map(async (check) => ({
        name: check.name,
        result: excluded.has(check.name) ? undefined : await passes(check, endpoint),
      })),
    );
    const failed = results.some(({ result }) => result === false);
    if (!failed && !query.has("verbose")) return new Response("ok", { headers: HEADERS });
    const lines = results.map(({ name, result }) =>
      result === undefined
        ? `[+]${name} excluded: ok`
        : result
        ? `[+]${name} ok`
        : `[-]${name} failed: reason withheld`
    );
    const unknown = [...excluded].filter((name) => !checks.some((check) => check.name === name));
    if (unknown.length > 0) {
      const names = unknown.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 60)));
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(", ")}`);
    }
    lines.push(`${endpoint} check ${failed ? "failed" : "passed"}`, "");
    return new Response(lines.join("\n"), { status: failed ? 500 : 200, headers: HEADERS });
  }

  return async (request: Request, path: string): Promise<Response | undefined> => {
    const [endpoint, name, ...more] = path.slice(1).split("/");
    const checks = Object.hasOwn(endpoints, endpoint ?? "") ? endpoints[endpoint!] : undefined;
    if (checks === undefined || more.length > 0) return undefined;
    if (name === undefined) return await all(endpoint!, checks, new URL(request.url).searchParams);
    const check = checks.find((one) => one.name === name);
    if (check === undefined) return undefined;
    return await passes(check, endpoint!)
      ? new Response("ok", { headers: HEADERS })
      : new Response(`[-]${name} failed: reason withheld\n`, { status: 500, headers: HEADERS });
  };
}
