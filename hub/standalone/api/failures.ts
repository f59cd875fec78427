/**
 * What a caller is told of an error.
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import type { Log } from "../../../shared/log.ts";
import { ObjectTooLargeError, StoreFailedError, StoreFullError } from "../store/types.ts";
import { errorAnswer, pageNotFound, statusAnswer } from "./respond.ts";
import { PageNotFound } from "./route.ts";

/** 500 without a word of what is inside. */
function internal(why: string): Response {
  const message = `Internal error occurred: ${why}`;
  return statusAnswer(failure(500, message, { causes: [{ message: why }] }));
}

/**
 * Turns an error into an answer. What nobody foresaw is logged, and the caller gets the id to ask
 * for it by.
 *
 * @returns a `Status`
 */
export function failureAnswer(
  error: unknown,
  { log, auditId }: { log: Log; auditId: string },
): Response {
  try {
    if (error instanceof StatusError) return errorAnswer(error);
  } catch (failed) {
    error = failed; // A refusal longer than a string can be
  }
  if (error instanceof PageNotFound) return pageNotFound();
  if (error instanceof ObjectTooLargeError) return statusAnswer(failure(413, error.message));
  if (error instanceof StoreFullError) {
    log.error("The store is full", { error });
    return internal(error.message);
  }
  if (error instanceof StoreFailedError) {
    log.error("The store refused a write; see whether the disk is full", { error });
    return internal("the store refused the write; nothing was changed");
  }
  log.error("A request failed in a way that nobody foresaw", { error });
  return internal(`unexpected failure; the log says more under audit id ${auditId}`);
}
