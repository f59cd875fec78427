/**
 * Who the caller is in the child: maps the identity that the parent verified to the
 * `Impersonate-*` headers of a request to the child's kube-apiserver.
 *
 * The agent maps by itself. What holds power by its name alone (`system:masters`,
 * `system:kube-controller-manager`, `kubeadm:cluster-admins`, every ServiceAccount) means
 * something else in the child, so it gets a prefix and no right.
 *
 * @module
 */
import { StatusError } from "../../shared/kube/status.ts";
import type { HeaderList } from "../../shared/headers.ts";
import type { CallerIdentity } from "../../shared/tunnel/head.ts";

/** Put before every user and group whose name has a meaning of its own in a cluster. */
export const HUB_PREFIX = "clusternet:hub:";

/** How a request to the child's kube-apiserver authenticates. */
export type MappedIdentity =
  /** With the agent's own token, acting as the caller through these headers. */
  | { kind: "impersonate"; headers: HeaderList }
  /** With the caller's own token for the child. */
  | { kind: "token"; token: string }
  /** With the caller's own client certificate for the child, both PEM. */
  | { kind: "certificate"; cert: string; key: string };

/** Options of {@linkcode IdentityMapper}. */
export interface IdentityOptions {
  /** Keys of `extra` that pass on, lower case; all others are dropped. @default {[]} */
  forwardExtras?: readonly string[];
  /**
   * Honours the original's credentials in extras (user `clusternet` with `clusternet-token`, or
   * `clusternet-certificate` and `clusternet-privatekey`). Off, since such secrets stand in the
   * parent's audit log. @default {false}
   */
  legacyChildCredentials?: boolean;
}

/** Maps callers; see {@linkcode IdentityMapper.map}. */
export class IdentityMapper {
  readonly #forwardExtras: ReadonlySet<string>;
  readonly #legacy: boolean;

  /** Makes a mapper; without options it forwards no extras. */
  constructor({ forwardExtras = [], legacyChildCredentials = false }: IdentityOptions = {}) {
    this.#forwardExtras = new Set(forwardExtras.map((key) => key.toLowerCase()));
    this.#legacy = legacyChildCredentials;
  }

  /**
   * Maps one caller.
   *
   * - names that start with `system:`, `kubeadm:` or the prefix itself get the prefix
   *   {@linkcode HUB_PREFIX} (the last one so that two callers never become one);
   * - the group `system:authenticated` is left to the child, which adds it by itself;
   * - the uid passes, extras only when their key is forwarded.
   *
   * @param caller as the hub told it
   * @returns how to authenticate
   * @throws {StatusError} 403 for an unnamed or anonymous caller; 400 for a name that cannot
   * stand in a header unchanged (control characters, anything outside ASCII, outer spaces), since
   * a name that arrives changed is somebody else's
   *
   * @example
   * ```ts
   * import { IdentityMapper } from "./identity.ts";
   * const mapped = new IdentityMapper().map({
   *   user: "ann",
   *   groups: ["dev", "system:masters"],
   *   extra: [],
   * });
   * if (mapped.kind !== "impersonate") throw new Error();
   * // Impersonate-User: ann; Impersonate-Group: dev; Impersonate-Group: clusternet:hub:system:masters
   * if (mapped.headers.length !== 3) throw new Error();
   * ```
   */
  map(caller: CallerIdentity | undefined): MappedIdentity {
    if (caller === undefined || caller.user === "") {
      throw StatusError.of(
        403,
        "Cannot act in the child: the hub did not say who the caller is. Use a parent user that " +
          "is authenticated",
      );
    }
    const legacy = this.#legacy ? legacyCredentials(caller) : undefined;
    if (legacy !== undefined) return legacy;
    if (caller.user === "system:anonymous" || caller.groups.includes("system:unauthenticated")) {
      throw StatusError.of(
        403,
        "Cannot act in the child as an anonymous caller: authenticate against the parent first",
      );
    }
    const headers: HeaderList = [["Impersonate-User", mapName("user", caller.user)]];
    if (caller.uid !== undefined && caller.uid !== "") {
      headers.push(["Impersonate-Uid", safe("uid", caller.uid)]);
    }
    for (const group of caller.groups) {
      if (group === "" || group === "system:authenticated") continue;
      headers.push(["Impersonate-Group", mapName("group", group)]);
    }
    for (const [key, value] of caller.extra) {
      const name = key.toLowerCase();
      if (!this.#forwardExtras.has(name)) continue;
      headers.push([`Impersonate-Extra-${escapeExtraKey(name)}`, safe("extra", value)]);
    }
    return { kind: "impersonate", headers };
  }

  /**
   * The caller's own credentials for the child, where the compatibility option lets them pass; for
   * a child's kube-apiserver that was asked for by its address.
   *
   * @returns the credentials, or `undefined`: then the request goes as nobody
   * @throws {StatusError} 400 when they cannot be read
   */
  ownCredentials(caller: CallerIdentity | undefined): MappedIdentity | undefined {
    return this.#legacy && caller !== undefined ? legacyCredentials(caller) : undefined;
  }
}

function mapName(what: string, name: string): string {
  safe(what, name);
  const reserved = name.startsWith("system:") || name.startsWith("kubeadm:") ||
    name.startsWith(HUB_PREFIX);
  return reserved ? HUB_PREFIX + name : name;
}

/** Returns the value when a header carries it unchanged, and throws else. */
function safe(what: string, value: string): string {
  if (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return value;
  throw StatusError.of(
    400,
    `Cannot pass the caller's ${what} ${JSON.stringify(value.slice(0, 80))} to the child: only ` +
      "printable ASCII without outer spaces can be impersonated",
  );
}

/** As client-go's `headerKeyEscape`: bytes that no header name may hold, and `%`, as `%xx`. */
function escapeExtraKey(key: string): string {
  let escaped = "";
  for (const byte of new TextEncoder().encode(key)) {
    const char = String.fromCharCode(byte);
    escaped += /[a-z0-9!#$&'*+.^_`|~-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/** The original's way to visit a child: the caller's credentials for it, in extras. */
function legacyCredentials(caller: CallerIdentity): MappedIdentity | undefined {
  if (caller.user !== "clusternet") return undefined;
  const extra = (key: string): string | undefined =>
    caller.extra.find(([name]) => name.toLowerCase() === key)?.[1];
  const token = extra("clusternet-token");
  if (token !== undefined) {
    if (/^[\x21-\x7e]+$/.test(token)) return { kind: "token", token };
    throw StatusError.of(400, "Cannot use extra clusternet-token: it is no bearer token");
  }
  const certificate = extra("clusternet-certificate");
  const privateKey = extra("clusternet-privatekey");
  if (certificate === undefined && privateKey === undefined) return undefined;
  const cert = pem(certificate, "CERTIFICATE");
  const key = pem(privateKey, "PRIVATE KEY");
  if (cert === undefined || key === undefined) {
    throw StatusError.of(
      400,
      "Cannot use extras clusternet-certificate and clusternet-privatekey: both must be base64 " +
        "of PEM",
    );
  }
  return { kind: "certificate", cert, key };
}

function pem(base64: string | undefined, label: string): string | undefined {
  if (base64 === undefined) return undefined;
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(base64.trim()));
    return text.includes("-----BEGIN ") && text.includes(`${label}-----`) ? text : undefined;
  } catch {
    return undefined;
  }
}
