import assert from "node:assert/strict";
import { withPermissionAdvice } from "./permission_advice.ts";

class KubeConfigError extends Error {
  override readonly name = "KubeConfigError";
}

Deno.test("withPermissionAdvice says what to give instead of a plugin, and nothing elsewhere", () => {
  const cause = new Deno.errors.NotCapable('Requires run access to "aws"');
  assert.equal(
    withPermissionAdvice(
      new KubeConfigError('Cannot get credentials from plugin "aws"', { cause }),
    ),
    'Cannot get credentials from plugin "aws": this program may not run others. Give a kubeconfig ' +
      "with a token or a client certificate",
  );
  assert.equal(withPermissionAdvice(new KubeConfigError("no such context")), "no such context");
  assert.equal(withPermissionAdvice(new Error("x", { cause })), "x");
  assert.equal(withPermissionAdvice("y"), "y");
});
