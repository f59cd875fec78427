/**
 * Kubernetes `Status` objects and the error that carries one.
 *
 * @module
 */

/** A `metav1.Status`, as every Kubernetes API answers on failure. */
export interface Status {
  /** Kind of object. */
  kind: "Status";
  /** Group and version. */
  apiVersion: "v1";
  /** Name, labels and versions. */
  metadata: Record<string, unknown>;
  /** `Success` or `Failure`. */
  status: "Success" | "Failure";
  /** What happened and what to do next. */
  message: string;
  /** CamelCase, for machines. */
  reason: string;
  /** HTTP status code. */
  code: number;
  /** The object in question. */
  details?: StatusDetails;
}

/** The object a {@linkcode Status} speaks of, and how long to wait before another try. */
export interface StatusDetails {
  /** Name of the object. */
  name?: string;
  /** API group. */
  group?: string;
  /** Kind of object. */
  kind?: string;
  /** Unlike any other object's, ever. */
  uid?: string;
  /** Single faults, as of fields. */
  causes?: { reason?: string; message?: string; field?: string }[];
  /** Seconds. */
  retryAfterSeconds?: number;
}

/** `metav1.StatusReason` for each HTTP status code that this project answers with. */
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  408: "Timeout",
  409: "Conflict",
  410: "Expired",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  431: "BadRequest",
  500: "InternalError",
  502: "BadGateway",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/**
 * Makes a failure `Status`.
 *
 * @param code HTTP status code
 * @param message what happened and what to do next; shown to the user as it is
 * @param details the object in question
 * @param reason CamelCase reason; follows from the code when left out
 * @returns the `Status` object
 */
export function failure(
  code: number,
  message: string,
  details?: StatusDetails,
  reason: string = REASONS[code] ?? "Unknown",
): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    code,
    ...(details === undefined ? {} : { details }),
  };
}

/**
 * An error that is a `Status`: thrown by the API client for each non-2xx answer, and by handlers
 * for each refusal.
 *
 * @example
 * ```ts
 * import { failure, StatusError } from "./status.ts";
 * try {
 *   throw new StatusError(failure(404, 'clusters "a" not found'));
 * } catch (error) {
 *   if (!(error instanceof StatusError && error.code === 404)) throw error;
 * }
 * ```
 */
export class StatusError extends Error {
  /** Tells it from other errors. */
  override readonly name = "StatusError";
  /** The whole `Status`. */
  readonly status: Status;

  /**
   * Wraps a `Status`.
   *
   * @param status the `Status` to carry; its message becomes the error's
   * @param options `cause`, as for `Error`
   */
  constructor(status: Status, options?: ErrorOptions) {
    super(status.message, options);
    this.status = status;
  }

  /** HTTP status code. */
  get code(): number {
    return this.status.code;
  }

  /** CamelCase reason, such as `NotFound` or `AlreadyExists`. */
  get reason(): string {
    return this.status.reason;
  }

  /**
   * Short for `new StatusError(failure(code, message, details))`.
   *
   * @returns the error, to be thrown by the caller
   */
  static of(code: number, message: string, details?: StatusDetails): StatusError {
    return new StatusError(failure(code, message, details));
  }
}

/**
 * Tells whether an error is a {@linkcode StatusError} with one of these codes.
 *
 * @returns `true` when it is
 */
export function isStatus(error: unknown, ...codes: number[]): error is StatusError {
  return error instanceof StatusError && codes.includes(error.code);
}

/**
 * The value of a `Warning` header that says `message`. kubectl prints it even where it drops the
 * `Status` message (on a cold discovery cache). Quotes, backslashes and anything outside
 * printable ASCII are made safe (RFC 7234 section 5.5; Kubernetes reads code 299 only).
 *
 * @returns `299 clusternet "..."`
 */
export function warningValue(message: string): string {
  // Cut first: half of an escape would swallow the closing quote
  const plain = message.replace(/[^\x20-\x7e]+/g, " ").slice(0, 1024);
  const text = plain.replace(/["\\]/g, "\\$&");
  return `299 clusternet "${text}"`;
}

/**
 * Renders a `Status` as an HTTP response, with the same sentence as a `Warning` header.
 *
 * @param status what to say; its code is the response's
 * @param headers more headers, such as `Retry-After`
 * @returns the response
 */
export function statusResponse(status: Status, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(status), {
    status: status.code,
    headers: {
      "Content-Type": "application/json",
      "Warning": warningValue(status.message),
      ...headers,
    },
  });
}
