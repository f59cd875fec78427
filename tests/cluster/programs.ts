/**
 * The five programs of the test bed: from which Go package, with which flags, into which cache
 * directory. Pure.
 *
 * @module
 */

import { KWOK_PATCHES } from "./kwok_patches.ts";

/** Version of Kubernetes; without it in the binary, version checks of clients fail. */
export const KUBERNETES_VERSION = "v1.36.3";

const KWOK_VERSION = "v0.8.0";

/** Oldest Go that builds them (`go` line of the modules). */
export const MIN_GO: readonly [major: number, minor: number] = [1, 26];

/** A program's name. */
export type ProgramName =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kubectl"
  | "kwok";

/** How one program is built. */
export interface Program {
  /** Its name in the cache. */
  name: ProgramName;
  /** Go module below `modules/`. */
  module: "etcd" | "kube" | "kwok";
  /** Go package. */
  package: string;
  /** Value of `-ldflags`. */
  ldflags: string;
  /** Changes to the sources of dependencies. */
  patches: readonly SourcePatch[];
}

/** One place in a dependency's source that is built differently. */
export interface SourcePatch {
  /** The dependency's module path. */
  module: string;
  /** File in it. */
  file: string;
  /** Text that stands there exactly once. */
  find: string;
  /** What stands there instead. */
  replace: string;
}

const component = "k8s.io/component-base/version";
const [major, minor] = KUBERNETES_VERSION.slice(1).split(".");

const KUBERNETES_LDFLAGS = [
  "-s -w",
  `-X ${component}.gitVersion=${KUBERNETES_VERSION}`,
  `-X ${component}.gitMajor=${major}`,
  `-X ${component}.gitMinor=${minor}`,
  `-X ${component}.gitTreeState=clean`,
  `-X ${component}.gitCommit=testbed`,
  `-X ${component}.buildDate=2026-01-01T00:00:00Z`,
].join(" ");

function kubernetes(name: ProgramName): Program {
  return {
    name,
    module: "kube",
    package: `k8s.io/kubernetes/cmd/${name}`,
    ldflags: KUBERNETES_LDFLAGS,
    patches: [],
  };
}

/** All five, in the order in which they are built. */
export const PROGRAMS: readonly Program[] = [
  {
    name: "etcd",
    module: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    ldflags: "-s -w",
    patches: [],
  },
  kubernetes("kube-apiserver"),
  kubernetes("kube-controller-manager"),
  kubernetes("kubectl"),
  {
    name: "kwok",
    module: "kwok",
    package: "sigs.k8s.io/kwok/cmd/kwok",
    ldflags: `-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=${KWOK_VERSION}`,
    patches: KWOK_PATCHES,
  },
];

/**
 * Name of a program's cache directory: another one for other sources, flags or machines.
 *
 * @param program how it is built
 * @param moduleFiles go.mod and go.sum of its module
 * @returns its name and 16 hex digits
 */
export async function cacheKey(
  program: Program,
  moduleFiles: readonly string[],
  platform: string = `${Deno.build.os}/${Deno.build.arch}`,
): Promise<string> {
  const text = JSON.stringify([program, moduleFiles, platform]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `${program.name}-${new Uint8Array(digest).toHex().slice(0, 16)}`;
}

/**
 * Which programs to take from `KUBEBUILDER_ASSETS`, and which to build. kwok is none of its.
 *
 * @param assets the directory, where the variable is set
 * @param exists whether a file is there
 */
export function splitByAssets(
  assets: string | undefined,
  exists: (path: string) => boolean,
): { given: Map<ProgramName, string>; build: Program[] } {
  const given = new Map<ProgramName, string>();
  const build: Program[] = [];
  for (const program of PROGRAMS) {
    const path = `${assets}/${program.name}`;
    if (assets !== undefined && program.name !== "kwok" && exists(path)) {
      given.set(program.name, path);
    } else {
      build.push(program);
    }
  }
  return { given, build };
}

/**
 * Reads what `go version` prints.
 *
 * @returns `undefined` when it is new enough, else what is wrong
 */
export function goTooOld(versionText: string): string | undefined {
  const found = /go version go(\d+)\.(\d+)\S*/.exec(versionText);
  if (found === null) return `cannot read its version: ${versionText.trim().slice(0, 200)}`;
  const [goMajor, goMinor] = [Number(found[1]), Number(found[2])];
  const ok = goMajor > MIN_GO[0] || (goMajor === MIN_GO[0] && goMinor >= MIN_GO[1]);
  return ok ? undefined : `it is ${goMajor}.${goMinor}`;
}

/**
 * Applies patches to one file's text.
 *
 * @throws {Error} when a place is not found exactly once: the dependency has changed
 */
export function applyPatches(text: string, patches: readonly SourcePatch[]): string {
  for (const { file, find, replace } of patches) {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(
        `${file}: the text to patch stands there ${parts.length - 1} times, not once`,
      );
    }
    text = parts.join(replace);
  }
  return text;
}
