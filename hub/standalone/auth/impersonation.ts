/**
 * Acting as somebody else: `Impersonate-User`, `-Uid`, `-Group` and `-Extra-*`.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/filters/impersonation/constrained_impersonation.go`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LRUCache } from "lru-cache";
import { badRequest } from "../errors.ts";
import type { User } from "../user.ts";
import { goQuote } from "../go_text.ts";
import { IMPERSONATION_MODES } from "./impersonation_modes.ts";
import type { Attributes, Authorizer } from "./types.ts";

const PREFIX = "impersonate-";
const EXTRA = "impersonate-extra-";

/** Take one value. */
const SINGLE: ReadonlySet<string> = new Set(["impersonate-user", "impersonate-uid"]);

/** Whom a request wants to act as. */
export interface WantedUser {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Which mode let a user through last: it is tried first, and it says why not. */
const lastModes = new WeakMap<Authorizer, LRUCache<string, number>>();
const MAX_REMEMBERED = 10_000;

/** Bytes of a header that the runtime shows as Latin-1 are UTF-8, as Go takes them. */
function utf8(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  return Buffer.from(value, "latin1").toString("utf8");
}

function extraKey(header: string): string {
  const key = header.slice(EXTRA.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** `fmt.Sprintf("%#v")` of `user.DefaultInfo`. */
function goSyntax({ name, uid, groups, extra }: WantedUser): string {
  const list = (values: readonly string[]): string => `[]string{${values.map(goQuote).join(", ")}}`;
  const keys = Object.keys(extra).sort();
  const groupsText = groups.length === 0 ? "[]string(nil)" : list(groups);
  const extraText = keys.length === 0
    ? "map[string][]string(nil)"
    : `map[string][]string{${
      keys.map((key) => `${goQuote(key)}:${list(extra[key] ?? [])}`).join(", ")
    }}`;
  return `&user.DefaultInfo{Name:${goQuote(name)}, UID:${goQuote(uid)}, Groups:${groupsText}, ` +
    `Extra:${extraText}}`;
}

/**
 * Reads the headers. Of several lines that name a user or a UID, kube-apiserver takes the first; no
 * client means that, so it is refused here.
 *
 * @param headers raw lines; or a `Headers`, which joins repeated lines: groups and extra values are
 *   taken apart at `", "` then
 * @returns whom, or `undefined` when nobody is named
 * @throws {StatusError} 400 when groups, uid or extras come without a user, or several users or
 * uids
 */
export function wantedUser(headers: Headers | [string, string][]): WantedUser | undefined {
  const joined = headers instanceof Headers;
  const extra: Record<string, string[]> = Object.create(null);
  const groups: string[] = [];
  const single: Record<string, string> = Object.create(null);
  for (const [header, raw] of headers) {
    const field = header.toLowerCase();
    if (!field.startsWith(PREFIX)) continue;
    const value = utf8(raw.trim());
    const values = joined ? value.split(", ") : [value];
    if (SINGLE.has(field)) {
      if (single[field] !== undefined) throw badRequest(`there are several ${field} headers`);
      single[field] = value;
    } else if (field === "impersonate-group") groups.push(...values);
    else if (field.startsWith(EXTRA)) (extra[extraKey(field)] ??= []).push(...values);
  }
  const { "impersonate-user": name = "", "impersonate-uid": uid = "" } = single;
  const wanted = { name, uid, groups, extra };
  if (wanted.name !== "") return wanted;
  if (wanted.uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  throw badRequest(`requested ${goSyntax(wanted)} without impersonating a user name`);
}

/**
 * Finds out as whom a request acts.
 *
 * @param headers see {@linkcode wantedUser}
 * @param user who really asks
 * @param authorizer says whom they may act as
 * @param attributes of the request, for the modes of KEP-5284 (`impersonate-on:<mode>:<verb>`);
 *   absent: only the verb `impersonate` counts
 * @returns the user to go on with: `user` itself when the headers name nobody
 * @throws {StatusError} 400 and 403 in kube-apiserver's words
 */
export function impersonate(
  headers: Headers | [string, string][],
  user: User,
  authorizer: Authorizer,
  attributes?: Attributes,
): User {
  const wanted = wantedUser(headers);
  if (wanted === undefined) return user;
  const remembered = lastModes.get(authorizer) ??
    new LRUCache<string, number>({ max: MAX_REMEMBERED });
  lastModes.set(authorizer, remembered);
  const last = remembered.get(user.name);
  const order = IMPERSONATION_MODES.map((_, index) => index);
  if (last !== undefined) order.sort((a, b) => Number(b === last) - Number(a === last));
  let first: unknown;
  for (const index of order) {
    const mode = IMPERSONATION_MODES[index];
    try {
      const found = mode?.({ wanted, user, authorizer, attributes });
      if (found === undefined) continue;
      remembered.set(user.name, index);
      return found;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}
