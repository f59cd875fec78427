/**
 * Sends the sequences to a real kube-apiserver and keeps its answers as `*.json`, without hosts,
 * uids and real times: `deno run -A record.ts KUBECONFIG NAMESPACE [NAME...]`. The custom kinds of
 * `deploy/hub/` must be there.
 *
 * @module
 */
import { parse } from "yaml";
import { kindOf, KINDS } from "../../kinds/kinds.ts";
import type { Sequence, Step } from "./sequence.ts";
import { SEQUENCES } from "./sequences.ts";

/** A step with what was answered. */
export interface RecordedStep extends Step {
  /** Ms since 1970 when it was asked, by the clock of the recording. */
  now: number;
  /** HTTP status. */
  code: number;
  /** The object before, where somebody else changed it since the step before. */
  before?: Record<string, unknown>;
  /** Whether the object kept its resourceVersion. */
  unchanged: boolean;
  /** The object, or a Status. */
  answer: Record<string, unknown>;
}

/** A file. */
export interface Recording extends Omit<Sequence, "steps"> {
  /** In order. */
  steps: RecordedStep[];
}

/** What the namespace is called in sequences and recordings. */
const TEAM = "team";
const START = Date.parse("2026-01-01T00:00:00Z");
const CONTENT_TYPES: Record<Step["do"], string> = {
  apply: "application/apply-patch+yaml",
  create: "application/json",
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  put: "application/json",
  strategic: "application/strategic-merge-patch+json",
};

type Json = Record<string, unknown>;
type Call = (
  method: string,
  path: string,
  type?: string,
  body?: unknown,
) => Promise<{ code: number; body: Json }>;

function callerOf(kubeconfig: string): Call {
  const { clusters: [{ cluster }], users: [{ user }] } = parse(kubeconfig);
  const client = Deno.createHttpClient({
    caCerts: [atob(cluster["certificate-authority-data"])],
    cert: atob(user["client-certificate-data"]),
    key: atob(user["client-key-data"]),
  });
  return async (method, path, type, body) => {
    const response = await fetch(cluster.server + path, {
      client,
      method,
      headers: { "User-Agent": "record", ...(type === undefined ? {} : { "Content-Type": type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { code: response.status, body: await response.json() };
  };
}

function pathOf(
  { group, plural }: Sequence,
  namespace: string,
  name: string,
): { list: string; object: string } {
  const kind = KINDS.find((known) => known.plural === plural && known.group === group);
  if (kind === undefined || kindOf(group, kind.version, plural) === undefined) {
    throw new Error(`no such kind: ${plural}.${group}`);
  }
  const api = group === "" ? `/api/${kind.version}` : `/apis/${group}/${kind.version}`;
  const list = kind.namespaced ? `${api}/namespaces/${namespace}/${plural}` : `${api}/${plural}`;
  return { list, object: `${list}/${name}` };
}

/** Names of objects are unlike each other, so that what deletes one does not meet the next. */
function nameOf(sequence: Sequence, namespace: string): string {
  const first = sequence.steps[0]?.body as { metadata: { name: string } };
  const given = first.metadata.name;
  return given === "obj" ? `${namespace}-${sequence.name.replaceAll("_", "-")}` : given;
}

async function record(
  call: Call,
  sequence: Sequence,
  namespace: string,
): Promise<Recording> {
  const name = nameOf(sequence, namespace);
  const { list, object } = pathOf(sequence, namespace, name);
  await remove(call, object);
  const windows: [number, number][] = [];
  const answers: { code: number; body: Json; before?: Json; unchanged: boolean }[] = [];
  let version: unknown;
  for (const step of sequence.steps) {
    const query = new URLSearchParams(step.by === "" ? {} : { fieldManager: step.by });
    if (step.force) query.set("force", "true");
    const path = step.do === "create"
      ? list
      : step.subresource === undefined
      ? object
      : `${object}/${step.subresource}`;
    const method = { create: "POST", put: "PUT" }[step.do as string] ?? "PATCH";
    const text = JSON.stringify(step.body).replaceAll('"name":"obj"', `"name":"${name}"`);
    const body = JSON.parse(text.replaceAll(`"namespace":"${TEAM}"`, `"namespace":"${namespace}"`));
    const { code: found, body: before } = await call("GET", object);
    const changed = found === 200 && versionOf(before) !== version;
    if (step.do === "put") body.metadata.resourceVersion = versionOf(before);
    const from = Date.now();
    const answer = await call(method, `${path}?${query}`, CONTENT_TYPES[step.do], body);
    windows.push([Math.floor(from / 1_000), Math.floor(Date.now() / 1_000)]);
    answers.push({
      ...answer,
      ...(changed ? { before } : {}),
      unchanged: answer.code < 300 && versionOf(answer.body) === versionOf(before),
    });
    if (answer.code < 300) version = versionOf(answer.body);
    // Each step has seconds of its own, so that times tell which step set them
    await new Promise((resolve) => setTimeout(resolve, 1_100));
  }
  await remove(call, object);
  const steps = answers.map(({ code, body, before, unchanged }, i): RecordedStep => ({
    ...sequence.steps[i] as Step,
    now: START + i * 10_000,
    code,
    ...(before === undefined ? {} : { before: cleaned(before, windows) }),
    unchanged,
    answer: cleaned(body, windows),
  }));
  const text = JSON.stringify({ ...sequence, steps }).replaceAll(name, nameIn(name, namespace))
    .replaceAll(namespace, TEAM).replaceAll(/\b(10|172|192)(\.\d+){3}\b(?!\/)/g, "192.0.2.1");
  return JSON.parse(text) as Recording;
}

function versionOf({ metadata }: Json): unknown {
  return (metadata as Json)["resourceVersion"];
}

function nameIn(name: string, namespace: string): string {
  return name.startsWith(namespace) ? "obj" : name;
}

function cleaned(body: Json, windows: readonly [number, number][]): Json {
  const metadata = { ...body["metadata"] as Json };
  for (const name of ["uid", "resourceVersion", "creationTimestamp", "generation"]) {
    delete metadata[name];
  }
  const entries = metadata["managedFields"];
  if (Array.isArray(entries)) {
    metadata["managedFields"] = entries.map((entry: Json) => {
      const at = Date.parse(String(entry["time"])) / 1_000;
      const step = windows.findIndex(([from, to]) => from <= at && at <= to);
      return step < 0
        ? entry
        : { ...entry, time: new Date(START + step * 10_000).toISOString().replace(".000", "") };
    });
  }
  return { ...body, metadata };
}

async function remove(call: Call, path: string): Promise<void> {
  await call("PATCH", path, CONTENT_TYPES.merge, { metadata: { finalizers: null } });
  await call("DELETE", path, CONTENT_TYPES.put, {});
  for (let i = 0; i < 50; i++) {
    if ((await call("GET", path)).code === 404) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

if (import.meta.main) {
  const [kubeconfig = "", namespace = TEAM, ...names] = Deno.args;
  const call = callerOf(await Deno.readTextFile(kubeconfig));
  await call("POST", "/api/v1/namespaces", CONTENT_TYPES.create, { metadata: { name: namespace } });
  const wanted = SEQUENCES.filter(({ name }) => names.length === 0 || names.includes(name));
  // Some at once: most of the time is waiting for the next second
  const queue = [...wanted];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const recording = await record(call, next, namespace);
      const file = new URL(`../testdata/${next.name}.json`, import.meta.url);
      await Deno.writeTextFile(file, `${JSON.stringify(recording, null, 1)}\n`);
    }
  }));
}
