/**
 * The agent's own endpoint: `/livez`, `/readyz`, `/healthz` (with `?verbose`) in the manner of
 * Kubernetes, and `/metrics`.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/health-checks/
 *
 * @module
 */
import type { ListenAddress } from "../shared/flags.ts";
import { type Log, silentLog } from "../shared/log.ts";
import { type MetricsRegistry, renderMetrics } from "../shared/metrics.ts";
import { type PlainServer, servePlain } from "../shared/plain_server.ts";

/** One named check; throws with the reason when it fails. */
export interface HealthCheck {
  /** Kebab case. */
  name: string;
  /** Throws with the reason, which goes into the log only. */
  check: () => void;
}

/** Options of {@linkcode createHealth}. */
export interface HealthOptions {
  /** Fails: restart the process. */
  livez: readonly HealthCheck[];
  /** Fails: this agent does not do its work at the moment; the checks of `livez` count too. */
  readyz: readonly HealthCheck[];
  /** Shown at `/metrics`. */
  registry: MetricsRegistry;
  /** Told why a check failed. @default {silentLog} */
  log?: Log;
}

const HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache, private",
};

/**
 * Makes the handler.
 *
 * @returns a fetch handler
 */
export function createHealth(
  { livez, readyz, registry, log = silentLog }: HealthOptions,
): (request: Request) => Promise<Response> {
  const live = [{ name: "ping", check: (): void => {} }, ...livez];
  const endpoints = new Map<string, readonly HealthCheck[]>([
    ["/livez", live],
    ["/healthz", live],
    ["/readyz", [...live, ...readyz]],
  ]);

  const passes = ({ name, check }: HealthCheck, endpoint: string): boolean => {
    try {
      check();
      return true;
    } catch (error) {
      log.debug("A health check failed", { endpoint, check: name, error });
      return false;
    }
  };

  return async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Method not allowed\n", {
        status: 405,
        headers: { ...HEADERS, "Allow": "GET, HEAD" },
      });
    }
    if (url.pathname === "/metrics") return await renderMetrics(registry);
    const checks = endpoints.get(url.pathname);
    if (checks === undefined) return new Response("Not found\n", { status: 404, headers: HEADERS });
    const excluded = url.searchParams.getAll("exclude");
    const results = checks.filter(({ name }) => !excluded.includes(name))
      .map((check) => ({ name: check.name, ok: passes(check, url.pathname) }));
    const ok = results.every((result) => result.ok);
    if (ok && !url.searchParams.has("verbose")) return new Response("ok", { headers: HEADERS });
    const lines = results.map((result) =>
      result.ok ? `[+]${result.name} ok` : `[-]${result.name} failed: reason withheld`
    );
    lines.push(`${url.pathname.slice(1)} check ${ok ? "passed" : "failed"}`, "");
    return new Response(lines.join("\n"), { status: ok ? 200 : 500, headers: HEADERS });
  };
}

/** A running endpoint. */
export type HealthServer = PlainServer;

/**
 * Serves health and metrics without TLS.
 *
 * @param address where to listen
 * @param handler of {@linkcode createHealth}
 * @param log told of a handler's fault
 * @returns the running endpoint
 * @throws {Deno.errors.AddrInUse} when somebody else listens there
 */
export async function serveHealth(
  address: ListenAddress,
  handler: (request: Request) => Promise<Response>,
  log: Log = silentLog,
): Promise<HealthServer> {
  const onError = (error: unknown): void => log.error("The health endpoint failed", { error });
  return await servePlain({ address, handler, onError });
}
