import assert from "node:assert/strict";
import { StatusError } from "../../../../shared/kube/status.ts";
import { type ApiKind, apiVersionOf } from "../../kinds/kind.ts";
import { KINDS } from "../../kinds/kinds.ts";
import { patchObject } from "../../patch/patch.ts";
import { pruneAndCheck } from "../../schema/decode.ts";
import { schemaOf } from "../../schema/schemas.ts";
import type { ApiObject } from "../../store/types.ts";
import { sameObject } from "../../writes/same_object.ts";
import { serverSideApply } from "../server_side_apply.ts";
import type { RecordedStep, Recording } from "./record.ts";
import { SEQUENCES } from "./sequences.ts";
import { trackUpdate } from "../track_update.ts";

const PATCHES: Record<string, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
};

/** What the API server sets itself, on the way from the request to the tracking of its fields. */
function decoded(kind: ApiKind, object: ApiObject): ApiObject {
  const { metadata } = object;
  if (kind.namespaced) metadata["namespace"] ??= "team";
  if (kind.kind === "Namespace") {
    const name = String(metadata["name"]);
    metadata["labels"] = { ...metadata["labels"] ?? {}, "kubernetes.io/metadata.name": name };
  }
  return object;
}

/** What strategies and admission make of an object once its fields are tracked. */
function settled(
  kind: ApiKind,
  next: ApiObject,
  live: ApiObject | undefined,
  step: RecordedStep,
): ApiObject {
  const hasStatus = kind.subresources.some(({ name }) => name === "status");
  const keep = (name: string): void => {
    if (live?.[name] === undefined) delete next[name];
    else next[name] = live[name];
  };
  if (hasStatus && step.subresource === undefined) keep("status");
  if (hasStatus && step.subresource === "status") {
    keep("spec");
    if (kind.custom && live !== undefined) {
      next.metadata = { ...live.metadata, managedFields: next.metadata["managedFields"] };
    }
  }
  if (kind.kind === "ServiceAccount" && Array.isArray(next["secrets"])) {
    next["secrets"] = next["secrets"].map(({ name }: { name: string }) => ({ name }));
  }
  const made = step.answer as unknown as ApiObject;
  if (kind.kind === "Namespace" && live === undefined) {
    Object.assign(next, { spec: made["spec"], status: made["status"] });
  }
  if (kind.kind === "Namespace" && live !== undefined) next["spec"] = live["spec"];
  if (kind.kind === "Node" && live === undefined) next["spec"] = made["spec"];
  return next;
}

function run(kind: ApiKind, step: RecordedStep, live: ApiObject | undefined): ApiObject {
  const { by: manager, subresource = "" } = step;
  const common = { kind, schema: schemaOf(kind), live, manager, subresource, now: () => step.now };
  if (step.do === "apply") {
    const applied = step.body as ApiObject;
    return settled(
      kind,
      serverSideApply({ ...common, applied, force: step.force === true }),
      live,
      step,
    );
  }
  let next: ApiObject;
  const contentType = PATCHES[step.do];
  if (contentType === undefined) next = structuredClone(step.body as ApiObject);
  else {
    assert.ok(live !== undefined);
    const patched = patchObject({ ...common, contentType, patch: step.body, current: live });
    next = pruneAndCheck(common.schema, patched, "Ignore", kind).object;
    // Reading a patched object loses an empty list, which ends the tracking
    next.metadata["managedFields"] = patched.metadata["managedFields"];
  }
  trackUpdate({
    ...common,
    next: decoded(kind, next),
    manager: manager === "" ? "record" : manager,
  });
  return settled(kind, next, live, step);
}

/** Refusals of the validation, which comes after what is tested here. */
function isValidation({ code, answer }: RecordedStep): boolean {
  return code === 422 && / is invalid: (?!patch:)/.test(String(answer["message"]));
}

/** Faults, and the managers among causes, come in the order of Go's maps, which is any. */
function sorted(answer: Record<string, unknown>): unknown {
  const { causes = [], ...details } = (answer["details"] ?? {}) as { causes?: unknown[] };
  return {
    ...answer,
    details: { ...details, causes: causes.map((cause) => JSON.stringify(cause)).sort() },
    message: String(answer["message"]).split("\n").sort(),
  };
}

/** Fields that are compared; defaults and what Go leaves out are the schema's business. */
function comparable(kind: ApiKind, object: ApiObject): unknown {
  const { apiVersion: _, kind: __, ...rest } = decoded(kind, structuredClone(object));
  return without(rest);
}

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).map(([name, child]) => [name, without(child)] as const)
    .filter(([name, child]) =>
      name === "fieldsV1" || name.startsWith("f:") || name.includes(":{") || !isEmpty(child)
    );
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === "" || value === 0 ||
    (typeof value === "object" && Object.keys(value).length === 0);
}

for (const { name } of SEQUENCES) {
  Deno.test(`managed fields and objects are kube-apiserver's: ${name}`, async () => {
    const url = new URL(`../testdata/${name}.json`, import.meta.url);
    const { group, plural, steps } = JSON.parse(await Deno.readTextFile(url)) as Recording;
    const kind = KINDS.find((known) => known.group === group && known.plural === plural);
    assert.ok(kind !== undefined);
    let live: ApiObject | undefined;
    for (const [i, step] of steps.entries()) {
      const where = `${name}[${i}] ${step.do} by ${step.by}`;
      if (step.before !== undefined) live = step.before as unknown as ApiObject;
      const before = JSON.stringify(live);
      let result: ApiObject | undefined, refusal: StatusError | undefined;
      try {
        result = run(kind, step, live);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        refusal = error;
      }
      assert.equal(JSON.stringify(live), before, `${where} changed what was live`);
      if (refusal !== undefined) {
        const { reason, ...status } = refusal.status;
        const own = reason === "" ? status : { ...status, reason };
        assert.deepEqual(sorted(own), sorted(step.answer), where);
        continue;
      }
      if (isValidation(step)) continue;
      assert.ok(step.code < 300, `${where}: ${JSON.stringify(step.answer)}`);
      assert.ok(result !== undefined);
      // As the store's door does: what differs in times alone is not written
      if (live !== undefined && sameObject(result, live)) result = live;
      const answer = {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        ...step.answer,
      } as ApiObject;
      assert.deepEqual(result.metadata["managedFields"], answer.metadata["managedFields"], where);
      assert.deepEqual(comparable(kind, result), comparable(kind, answer), where);
      if (step.unchanged) {
        assert.deepEqual(comparable(kind, result), comparable(kind, live ?? answer), where);
      }
      live = answer;
    }
  });
}
