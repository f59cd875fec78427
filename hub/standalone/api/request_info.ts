/**
 * What a request is about.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/request/requestinfo.go`
 *
 * @module
 */
import type { Verb } from "../kinds/kind.ts";

/** A request for a resource, whether it is served or not. */
export interface ResourceRequest {
  readonly isResource: true;
  readonly verb: Verb;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in the path. */
  readonly resource: string;
  /** Empty when there is none. */
  readonly subresource: string;
  /** Empty for cluster scope, and for a list over all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  /** Path as it came, without the query. */
  readonly path: string;
}

/** A request for anything else, such as discovery or health. */
export interface PathRequest {
  readonly isResource: false;
  /** HTTP method in lower case. */
  readonly verb: string;
  /** Path as it came, without the query. */
  readonly path: string;
}

/** See the module text. */
export type RequestInfo = ResourceRequest | PathRequest;
