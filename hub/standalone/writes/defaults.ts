/**
 * Sets what is absent, before anybody asks who set it.
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import { strategyOf } from "../kinds/strategy.ts";
import type { ApiObject } from "../store/types.ts";

/**
 * Sets the defaults of a kind. kube-apiserver does it as it decodes: the fields belong to whoever
 * left them out, unlike those that the strategy sets later.
 */
export function setDefaults(kind: ApiKind, object: ApiObject): void {
  // The update of an object to itself keeps everything and sets what is absent
  strategyOf(kind).prepareForUpdate(object, object, "");
}
