/**
 * Between the public port's word for a caller and the embedded API's.
 *
 * @module
 */
import type { Identity } from "../../front/identity.ts";
import type { User } from "../user.ts";

/** As the embedded API names a caller. */
export function userOf({ user, uid, groups, extra }: Identity): User {
  const values: Record<string, string[]> = Object.create(null);
  for (const [key, value] of extra) (values[key] ??= []).push(value);
  return { name: user, ...(uid === undefined ? {} : { uid }), groups, extra: values };
}

/** As the public port names a caller. */
export function identityOf(user: User, via: Identity["via"]): Identity {
  const extra: Identity["extra"] = [];
  for (const [key, values] of Object.entries(user.extra)) {
    for (const value of values) extra.push([key, value]);
  }
  return {
    user: user.name,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: [...user.groups],
    extra,
    via,
  };
}
