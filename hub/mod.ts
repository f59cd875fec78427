/**
 * The hub as a library: {@linkcode startHub} and its options.
 *
 * @module
 */
export type { HubFlags } from "./flags.ts";
export { startHub } from "./hub.ts";
export type { Hub, HubOptions } from "./hub_options.ts";
export type { AuditLog, AuditLogOptions, AuditOutput } from "./audit/audit_log.ts";
export type { AuditedCaller, AuditRecord, AuditSink, LeftOut } from "./audit/record.ts";
export type { CallerTrust } from "./caller_trust.ts";
export type { EmbeddedParent } from "./embedded_parent.ts";
export type { Anchors } from "./front/client_cert.ts";
export type { FrontProxySettings } from "./front/front_proxy_config.ts";
export type { EmbeddedKube } from "./front/front_types.ts";
export type { Identity, TokenAuthenticator } from "./front/identity.ts";
export type { ServingCertificate } from "./front/serving_cert.ts";
export type { ServingPair } from "./front/serving_pair.ts";
export type { Source } from "./front/source.ts";
export type { HealthCheck } from "./api/health.ts";
export type { HubReadings } from "./lifecycle/metrics.ts";
