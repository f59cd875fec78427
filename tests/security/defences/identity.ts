/**
 * Defences against abuse cases 1 to 12.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

/** Each with the case that fails without it. */
export const IDENTITY_DEFENCES: readonly Defence[] = [
  {
    case: 1,
    removes: "no client certificate is taken for the front proxy's",
    file: "hub/front/identity.ts",
    find: "  if (peer === undefined) return undefined;\n  if (settings.allowedNames",
    replace:
      "  if (peer === undefined) return remoteIdentity(headers, settings);\n  if (settings.allowedNames",
    test: "tests/security/identity_test.ts",
  },
];
