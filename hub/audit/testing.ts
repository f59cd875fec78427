/**
 * What tests of the audit log share.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { AuditRecord } from "./record.ts";

/** A cluster id for tests. */
export const ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";

/** @returns a record with what every record has */
export function makeRecord(changes: Partial<AuditRecord> = {}): AuditRecord {
  return {
    at: 1_800_000_000_123,
    event: "request",
    method: "GET",
    path: "/api/v1/pods",
    upgrade: false,
    code: 200,
    ...changes,
  };
}

/** @returns as much of a request as the auditor looks at */
export function makeIncoming(
  url: string,
  headers: Record<string, string> = {},
  method = "GET",
): IncomingMessage {
  return {
    url,
    method,
    socket: { remoteAddress: "10.0.0.1" },
    rawHeaders: Object.entries(headers).flat(),
  } as unknown as IncomingMessage;
}
