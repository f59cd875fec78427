/**
 * What to do about an error that comes from Deno's permissions.
 *
 * @module
 */

/**
 * Says what a program that may run no other needs instead of a credential plugin.
 *
 * @param error as `loadKubeConfig` threw it
 * @returns its message, with the advice where a permission was missing
 *
 * @example
 * ```ts
 * import { withPermissionAdvice } from "./permission_advice.ts";
 * const cause = new Deno.errors.NotCapable("run");
 * const error = Object.assign(new Error("Cannot", { cause }), { name: "KubeConfigError" });
 * if (!withPermissionAdvice(error).includes("a token")) throw new Error();
 * ```
 */
export function withPermissionAdvice(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, cause } = error;
  if (name !== "KubeConfigError" || !(cause instanceof Deno.errors.NotCapable)) return message;
  return `${message}: this program may not run others. Give a kubeconfig with a token or a client ` +
    "certificate";
}
