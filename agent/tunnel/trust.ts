/**
 * Whom TLS trusts in this process.
 *
 * @module
 */

/**
 * Empties the runtime's default trust store for this process, so that a CA given to
 * `dialTunnel`, to `Deno.createHttpClient` or to `Deno.startTls` is the only one: all of them add
 * to the default store, which is Mozilla's list.
 *
 * The store is read at the first use of TLS, so this must come before that, at the start of
 * `main.ts`, and only where a CA is configured: without one, nobody is trusted from then on.
 * `DENO_CERT` and `NODE_EXTRA_CA_CERTS` stay in force; whoever starts the process sets them on
 * purpose.
 *
 * @param env `Deno.env`
 */
export function trustGivenCasOnly(env: { set(name: string, value: string): void }): void {
  // A list of stores without a store; an empty value would do, but reads like a slip
  env.set("DENO_TLS_CA_STORE", ",");
}
