/**
 * Turns the body of a write into an object, whatever it is written in.
 *
 * @module
 */
import { unsupportedMediaType } from "../errors.ts";
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import { decodeBody } from "../schema/decode.ts";
import { decodeProtobuf } from "../schema/protobuf.ts";
import type { Decoded, FieldValidation, Schema } from "../schema/types.ts";
import { bodyText, type BodyType, PROTOBUF } from "./body.ts";
import { checkBody, checkValues } from "./complexity.ts";

/** A body to be read. */
export interface RequestBody {
  readonly body: Uint8Array;
  readonly mediaType: BodyType;
  /** Of what it must be. */
  readonly kind: ApiKind;
  readonly schema: Schema;
  readonly fieldValidation: FieldValidation;
}

/** Protobuf becomes JSON first: what is refused then is refused in the same words. */
async function textOf({ body, mediaType, kind }: RequestBody): Promise<string> {
  if (mediaType !== PROTOBUF) {
    checkBody(body, mediaType);
    return bodyText(body);
  }
  if (kind.custom) throw unsupportedMediaType(["application/json", "application/yaml"]);
  const wanted = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  const object = await decodeProtobuf(body, wanted);
  checkValues(object);
  return JSON.stringify(object);
}

/**
 * Reads a body.
 *
 * @throws {StatusError} 400, 415, 422
 */
export async function decodeRequest(request: RequestBody): Promise<Decoded> {
  const { mediaType, kind: { group, version, kind }, schema, fieldValidation } = request;
  return decodeBody({
    text: await textOf(request),
    mediaType: mediaType === "application/yaml" ? mediaType : "application/json",
    group,
    version,
    kind,
    schema,
    fieldValidation,
  });
}
