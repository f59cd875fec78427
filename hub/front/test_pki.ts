/**
 * Certificates for tests.
 *
 * @module
 */
export * from "../../shared/testing/test_pki.ts";
