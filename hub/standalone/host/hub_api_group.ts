/**
 * The hub's own API group, as the embedded API announces it beside its own.
 *
 * @module
 */
import { PROXIES_GROUP, PROXIES_VERSION } from "../../../shared/kube/clusternet_types.ts";
import { VERSION } from "../../../shared/version.ts";
import { API_GROUP, API_RESOURCE_LIST, GROUP_DISCOVERY } from "../../api/discovery.ts";
import { groupDocument } from "../../api/openapi.ts";
import type { ExtraGroup } from "../reads/discovery.ts";

/** @returns group `proxies.clusternet.io` */
export function hubApiGroup(): ExtraGroup {
  return {
    group: API_GROUP,
    resources: { [`${PROXIES_GROUP}/${PROXIES_VERSION}`]: API_RESOURCE_LIST },
    discovery: GROUP_DISCOVERY,
    openApiV3: { [`apis/${PROXIES_GROUP}/${PROXIES_VERSION}`]: groupDocument(VERSION) },
  };
}
