/**
 * The errors of a peer that breaks the protocol, in one wording.
 *
 * @module
 */
import { ProtocolError, SessionCode } from "./errors.ts";

/** @returns the error for a frame that must not come; `what` follows "The peer sent" */
export function broken(what: string): ProtocolError {
  return new ProtocolError(SessionCode.PROTOCOL_ERROR, `The peer sent ${what}`);
}

/** @returns the error for DATA without credit */
export function noCredit(what: string): ProtocolError {
  return new ProtocolError(
    SessionCode.FLOW_CONTROL_ERROR,
    `The peer sent more data than its credit for ${what}`,
  );
}

/** @returns the error for a WINDOW that leaves the limits of credit */
export function overflow(id: number): ProtocolError {
  return new ProtocolError(
    SessionCode.FLOW_CONTROL_ERROR,
    `The peer's WINDOW moves the credit of ${
      id === 0 ? "the session" : `stream ${id}`
    } out of its limits`,
  );
}
