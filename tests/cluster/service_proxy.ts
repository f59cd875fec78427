/**
 * A stand-in for a Service with kube-proxy: one port that leads to whichever backend is Ready.
 *
 * As with the real one, a backend that stops being Ready gets no new connections and keeps those
 * it has; with no backend Ready, a connection is refused.
 *
 * @module
 */
import * as https from "node:https";
import * as net from "node:net";
import type { AddressInfo } from "node:net";
import { delay } from "../../shared/backoff.ts";
import { TestBedError } from "./errors.ts";

/** Options of {@linkcode serviceProxy}. */
export interface ServiceProxyOptions {
  /** Ports of 127.0.0.1 that may serve; asked at each round of probes. */
  backends: () => readonly number[];
  /** Whether a backend is Ready. @default {`httpsReady`} */
  ready?: (port: number) => Promise<boolean>;
  /** Port to listen on. @default {0: a free one} */
  port?: number;
  /** Milliseconds between probes. @default {500} */
  intervalMs?: number;
}

/** A running stand-in. */
export interface ServiceProxy extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** @returns the backends found Ready by the last round of probes */
  ready(): readonly number[];
  /** Waits until `wanted` is Ready (any backend, without it). @throws {TestBedError} in time */
  waitReady(wanted?: number, timeoutMs?: number): Promise<void>;
}

/**
 * Probes as a kubelet does: GET `https://127.0.0.1:<port>/readyz`, certificate not verified.
 *
 * @returns whether the answer within a second is 200
 */
export function httpsReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = https.get({
      host: "127.0.0.1",
      port,
      path: "/readyz",
      rejectUnauthorized: false,
      agent: false,
      timeout: 1000,
    }, (response) => {
      response.resume();
      response.once("error", () => resolve(false));
      response.once("close", () => resolve(response.statusCode === 200));
    });
    request.once("timeout", () => request.destroy(new Error("timeout")));
    request.once("error", () => resolve(false));
  });
}

/**
 * Starts the stand-in, after a first round of probes.
 *
 * @example
 * ```ts ignore
 * await using service = await serviceProxy({ backends: () => [hubA.port, hubB.port] });
 * await registerApiService(parent, { port: service.port, caBundle });
 * ```
 */
export async function serviceProxy(options: ServiceProxyOptions): Promise<ServiceProxy> {
  const { backends, ready: probe = httpsReady, port = 0, intervalMs = 500 } = options;
  let ready: number[] = [];
  let turn = 0;
  const sockets = new Set<net.Socket>();
  const hold = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => sockets.delete(socket));
  };

  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    hold(client);
    const backend = ready[turn++ % ready.length];
    if (backend === undefined) {
      client.on("error", () => {});
      client.destroy();
      return;
    }
    const upstream = net.connect({ host: "127.0.0.1", port: backend, allowHalfOpen: true });
    hold(upstream);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });

  const round = async (): Promise<void> => {
    const ports = backends();
    const answers = await Promise.all(ports.map((port) => probe(port).catch(() => false)));
    ready = ports.filter((_, index) => answers[index]);
  };
  const stop = new AbortController();
  const probing = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await delay(intervalMs, stop.signal).catch(() => {});
      if (!stop.signal.aborted) await round();
    }
  };

  await round();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const running = probing();
  const { port: bound } = server.address() as AddressInfo;

  return {
    port: bound,
    ready: () => ready,
    async waitReady(wanted, timeoutMs = 30_000): Promise<void> {
      const end = performance.now() + timeoutMs;
      while (wanted === undefined ? ready.length === 0 : !ready.includes(wanted)) {
        if (performance.now() > end) {
          throw new TestBedError(
            `Waited ${timeoutMs / 1000} s for ${wanted ?? "a backend"} to be Ready; ` +
              `of ${backends().join(", ")} Ready are: ${ready.join(", ") || "none"}`,
          );
        }
        await delay(50);
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort();
      await running;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
