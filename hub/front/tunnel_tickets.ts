/**
 * One-time tickets: what the public port has authorised is what the inner server admits.
 *
 * @module
 */

/** Options of {@linkcode TunnelTickets}. */
export interface TunnelTicketsOptions {
  /** How long a ticket is good, in milliseconds. */
  ttlMs: number;
  /** Milliseconds of a clock. */
  now: () => number;
}

/**
 * Tickets of 256 random bits, each good once and for a short time.
 *
 * @typeParam T what a ticket admits
 *
 * @example
 * ```ts
 * import { TunnelTickets } from "./tunnel_tickets.ts";
 * const tickets = new TunnelTickets<string>({ ttlMs: 10_000, now: () => performance.now() });
 * const ticket = tickets.issue("cluster-1");
 * tickets.redeem(ticket); // "cluster-1"
 * tickets.redeem(ticket); // undefined: it was used
 * ```
 */
export class TunnelTickets<T> {
  readonly #options: TunnelTicketsOptions;
  readonly #open = new Map<string, { admits: T; expires: number }>();

  /** Holds no timer: an expired ticket goes when it is shown, or with `revoke`. */
  constructor(options: TunnelTicketsOptions) {
    this.#options = options;
  }

  /** How many tickets are neither used nor revoked. */
  get size(): number {
    return this.#open.size;
  }

  /** @returns a new ticket, 64 hexadecimal digits */
  issue(admits: T): string {
    const ticket = crypto.getRandomValues(new Uint8Array(32)).toHex();
    this.#open.set(ticket, { admits, expires: this.#options.now() + this.#options.ttlMs });
    return ticket;
  }

  /** @returns what the ticket admits; `undefined` when it is unknown, used or expired */
  redeem(ticket: string): T | undefined {
    const entry = this.#open.get(ticket);
    this.#open.delete(ticket);
    return entry !== undefined && this.#options.now() < entry.expires ? entry.admits : undefined;
  }

  /** Makes a ticket worthless, used or not. */
  revoke(ticket: string): void {
    this.#open.delete(ticket);
  }
}
