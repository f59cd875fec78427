/**
 * Putting contexts into a kubeconfig that somebody else wrote: everything else in it stays.
 *
 * @module
 */
import { Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import type { NamedCluster } from "../../../shared/kube/kubeconfig_file.ts";
import { CliError } from "../../context.ts";

/** A context for a child, by the user that is there already. */
export interface ChildContext {
  /** Of the context and of its cluster entry. */
  name: string;
  cluster: NonNullable<NamedCluster["cluster"]>;
  /** Name of the user entry. */
  user: string | undefined;
  /** Default namespace; without it one that is there stays. */
  namespace: string | undefined;
}

/** What {@linkcode mergeContexts} did. */
export interface Merged {
  text: string;
  /** Names of contexts that are new. */
  added: string[];
  /** Names of contexts that were there and differ now. */
  changed: string[];
  /** Why a context was left out. */
  refused: { name: string; why: string }[];
}

function open(text: string, path: string): Document {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) {
    // Never with the parser's words: they may quote what is written there
    throw new CliError(
      `Cannot change ${path}: it is not plain YAML (${document.errors[0]!.code}). Next: mend it, ` +
        "or write a file of its own with --output",
    );
  }
  if (document.contents === null) {
    return new Document({ apiVersion: "v1", kind: "Config" });
  }
  if (!isMap(document.contents)) {
    throw new CliError(`Cannot change ${path}: it is not a kubeconfig. Next: use --output`);
  }
  return document as Document;
}

function list(document: Document, key: string): YAMLSeq {
  const found = document.get(key);
  if (isSeq(found)) {
    if (found.items.length === 0) found.flow = false; // `[]` would make all entries one line
    return found as YAMLSeq;
  }
  document.set(key, document.createNode([]));
  const made = document.get(key) as YAMLSeq;
  made.flow = false;
  return made;
}

function byName(seq: YAMLSeq, name: string): YAMLMap | undefined {
  return seq.items.find((item) => isMap(item) && item.get("name") === name) as YAMLMap | undefined;
}

function plain(node: unknown): unknown {
  return isMap(node) || isSeq(node) ? node.toJSON() : node;
}

/** Sets fields one by one, so that comments beside the others stay. @returns whether any changed */
function setFields(
  document: Document,
  seq: YAMLSeq,
  name: string,
  field: string,
  values: Record<string, unknown>,
  drop: boolean,
): boolean {
  const item = byName(seq, name);
  if (item === undefined) {
    seq.add(document.createNode({ [field]: values, name }));
    return true;
  }
  const inner = item.get(field);
  if (!isMap(inner)) {
    item.set(field, document.createNode(values));
    return true;
  }
  let changed = false;
  for (const [key, value] of Object.entries(values)) {
    if (JSON.stringify(plain(inner.get(key))) === JSON.stringify(value)) continue;
    const old = inner.get(key, true);
    if (isScalar(old) && typeof value === "string") old.value = value; // Keeps its comment
    else inner.set(key, document.createNode(value));
    changed = true;
  }
  for (const key of drop ? Object.keys(inner.toJSON() as object) : []) {
    if (!Object.hasOwn(values, key)) changed = inner.delete(key) || changed;
  }
  return changed;
}

/** Why a name may not be taken: it leads elsewhere. */
function conflict(clusters: YAMLSeq, contexts: YAMLSeq, child: ChildContext): string | undefined {
  const cluster = byName(clusters, child.name);
  const server = cluster?.getIn(["cluster", "server"]);
  if (cluster !== undefined && server !== child.cluster.server) {
    return `the cluster entry "${child.name}" leads to ${String(server)}`;
  }
  const context = byName(contexts, child.name);
  const to = context?.getIn(["context", "cluster"]);
  if (context !== undefined && to !== child.name) {
    return `the context "${child.name}" leads to cluster entry "${String(to)}"`;
  }
  return undefined;
}

/**
 * Adds contexts, or brings those that are there up to date. Contents, order and comments of the
 * rest stay; a context of the same name that leads elsewhere is never touched.
 *
 * @param text the kubeconfig; empty for a new one
 * @param path for messages
 * @returns the new text, and what was done
 * @throws {CliError} when the text is not a kubeconfig
 */
export function mergeContexts(
  text: string,
  path: string,
  children: readonly ChildContext[],
): Merged {
  const document = open(text, path);
  const [clusters, contexts] = [list(document, "clusters"), list(document, "contexts")];
  const merged: Merged = { text, added: [], changed: [], refused: [] };
  for (const child of children) {
    const why = conflict(clusters, contexts, child);
    if (why !== undefined) {
      merged.refused.push({ name: child.name, why });
      continue;
    }
    const isNew = byName(contexts, child.name) === undefined;
    const clusterChanged = setFields(
      document,
      clusters,
      child.name,
      "cluster",
      { ...child.cluster },
      true,
    );
    const contextChanged = setFields(document, contexts, child.name, "context", {
      cluster: child.name,
      ...(child.user === undefined ? {} : { user: child.user }),
      ...(child.namespace === undefined ? {} : { namespace: child.namespace }),
    }, false);
    if (isNew) merged.added.push(child.name);
    else if (clusterChanged || contextChanged) merged.changed.push(child.name);
  }
  if (merged.added.length > 0 || merged.changed.length > 0) merged.text = write(document, text);
  return merged;
}

/**
 * Makes a context the current one.
 *
 * @returns the new text; the same where it is already
 * @throws {CliError} when the text is not a kubeconfig
 */
export function setCurrentContext(text: string, path: string, name: string): string {
  const document = open(text, path);
  if (document.get("current-context") === name) return text;
  document.set("current-context", name);
  return write(document, text);
}

/** In the manner of the file: kubectl itself does not indent the items of a list. */
function write(document: Document, before: string): string {
  const indentSeq = /^(clusters|contexts|users):[^\S\n]*\n[ ]+- /m.test(before);
  return document.toString({ lineWidth: 0, indentSeq });
}
