/**
 * OpenAPI v3 turned into v2, as kube-apiserver says the same in both.
 *
 * Source: k8s.io/kube-openapi `pkg/openapiconv`
 *
 * @module
 */
import type { Json } from "./documents.ts";

const PREFIX = "#/components/schemas/";

function refV2(ref: unknown): string {
  return `#/definitions/${String(ref).slice(PREFIX.length)}`;
}

/** A schema of v2. */
export function schemaV2(schema: Json): Json {
  const { $ref, allOf, oneOf, anyOf: _anyOf, default: _default, nullable: _nullable, ...rest } =
    schema;
  const ref = $ref ?? (Array.isArray(allOf) ? (allOf[0] as Json).$ref : undefined);
  const out: Json = { ...rest, ...(ref === undefined ? {} : { $ref: refV2(ref) }) };
  if (oneOf !== undefined) out.type = "string"; // Quantity and IntOrString
  for (const key of ["items", "additionalProperties"]) {
    if (typeof schema[key] === "object") out[key] = schemaV2(schema[key] as Json);
  }
  if (schema.properties !== undefined) {
    out.properties = Object.fromEntries(
      Object.entries(schema.properties as Record<string, Json>).map(([k, v]) => [k, schemaV2(v)]),
    );
  }
  return out;
}

function parameterV2(parameter: Json): Json {
  const { schema, ...rest } = parameter;
  return { ...rest, ...schemaV2((schema ?? {}) as Json) };
}

function schemaOfContent(content: unknown): Json | undefined {
  const first = Object.values((content ?? {}) as Record<string, Json>)[0];
  return first?.schema === undefined ? undefined : schemaV2(first.schema as Json);
}

function operationV2(operation: Json): Json {
  const { parameters, requestBody, responses, ...rest } = operation;
  const body = requestBody as Json | undefined;
  const media = Object.keys((body?.content ?? {}) as Json);
  const answers = Object.entries(responses as Record<string, Json>);
  const produces = new Set(answers.flatMap(([, one]) => Object.keys((one.content ?? {}) as Json)));
  const bodySchema = schemaOfContent(body?.content);
  return {
    ...rest,
    consumes: media.length === 0 ? ["*/*"] : media,
    produces: [...produces],
    schemes: ["https"],
    parameters: [
      ...(bodySchema === undefined ? [] : [{
        name: "body",
        in: "body",
        ...(body?.required === true ? { required: true } : {}),
        schema: bodySchema,
      }]),
      ...((parameters ?? []) as Json[]).map(parameterV2),
    ],
    responses: Object.fromEntries(
      answers.map(([code, { description, content }]) => {
        const schema = schemaOfContent(content);
        return [code, { description, ...(schema === undefined ? {} : { schema }) }];
      }),
    ),
  };
}

/** The operations of one path, of v2. */
export function pathV2(operations: Json): Json {
  return Object.fromEntries(
    Object.entries(operations).map(([key, value]) => [
      key,
      Array.isArray(value) ? (value as Json[]).map(parameterV2) : operationV2(value as Json),
    ]),
  );
}
