/**
 * Tells at the start, and with each new list, what the allow-list names in vain: the process's own
 * Deno permissions deny it whatever the list says.
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import { type AllowEntry, formatAllowEntry } from "./allow_entry.ts";

/** What the runtime says of a `host:port`, as `Deno.permissions.querySync` does. */
export type NetPermission = (host: string) => Deno.PermissionState;

/**
 * Finds entries of names and addresses that the process may not dial. Ranges are not looked at:
 * what the shipped permissions deny (link-local, metadata) no range lets in. A name may be permitted
 * and its address not: that shows when it is dialled.
 *
 * @param entries the allow-list
 * @param permission asked for each of them
 * @param log told of each such entry, with the permission flag to change
 * @returns these entries, as they are written
 */
export function sayDenied(
  entries: readonly AllowEntry[],
  permission: NetPermission,
  log: Log,
): string[] {
  const denied: string[] = [];
  for (const entry of entries) {
    const { host, scheme, port } = entry;
    if (host.kind === "range") continue;
    const text = host.kind === "name"
      ? host.name
      : host.address.includes(":")
      ? `[${host.address}]`
      : host.address;
    const ports = port === undefined
      ? scheme === undefined ? [80, 443] : [scheme === "http" ? 80 : 443]
      : [port];
    const states = ports.map((port) => permission(`${text}:${port}`));
    if (states.every((state) => state === "granted")) continue;
    const target = formatAllowEntry(entry);
    denied.push(target);
    const flag = states.includes("denied") ? "--deny-net" : "--allow-net";
    log.error(
      `The allow-list names ${target}, but this process may not dial it: its Deno permission ` +
        `${flag} says otherwise. Start it with a ${flag} that lets it through`,
      { target, permission: flag },
    );
  }
  return denied;
}
