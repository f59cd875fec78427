import assert from "node:assert/strict";
import { TunnelTickets } from "./tunnel_tickets.ts";

Deno.test("TunnelTickets opens once", () => {
  const tickets = new TunnelTickets<string>({ ttlMs: 1_000, now: () => 0 });
  const a = tickets.issue("a");
  const b = tickets.issue("b");
  assert.match(a, /^[0-9a-f]{64}$/);
  assert.notEqual(a, b);
  assert.equal(tickets.redeem(b), "b");
  assert.equal(tickets.redeem(b), undefined);
  assert.equal(tickets.redeem(a), "a");
  assert.equal(tickets.redeem(""), undefined);
  assert.equal(tickets.size, 0);
});

Deno.test("TunnelTickets opens for a short time only", () => {
  let now = 0;
  const tickets = new TunnelTickets<string>({ ttlMs: 1_000, now: () => now });
  const ticket = tickets.issue("a");
  now = 1_000;
  assert.equal(tickets.redeem(ticket), undefined);
  assert.equal(tickets.size, 0);
});

Deno.test("TunnelTickets takes a ticket back", () => {
  const tickets = new TunnelTickets<string>({ ttlMs: 1_000, now: () => 0 });
  const ticket = tickets.issue("a");
  tickets.revoke(ticket);
  assert.equal(tickets.redeem(ticket), undefined);
});
