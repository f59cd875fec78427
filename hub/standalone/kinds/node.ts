/**
 * Nodes: enough to register one, to report its status, and to label and taint it.
 *
 * Source: k8s.io/kubernetes `pkg/apis/core/validation/validation.go` `ValidateNode*`,
 * `plugin/pkg/admission/nodetaint`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import { isNegativeQuantity } from "../schema/go_values.ts";
import type { ApiObject } from "../store/types.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  same,
} from "./field_errors.ts";
import { labelValueFaults, qualifiedNameFaults } from "./labels.ts";
import { subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { type Fields, fieldsOf, objectsOf, textOf, textsOf } from "./values.ts";

const NOT_READY = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/** Resources that are counted: extended ones, and some of Kubernetes' own. */
const INTEGER = /^(pods|(?!.*kubernetes\.io\/).*\/.*)$/;

function setDefaults(object: ApiObject): void {
  const spec = { ...fieldsOf(object.spec) };
  const podCIDR = textOf(spec.podCIDR);
  let podCIDRs = textsOf(spec.podCIDRs);
  if (podCIDR !== "" && podCIDRs[0] !== podCIDR) podCIDRs = [podCIDR];
  if (podCIDRs.length > 0) object.spec = { ...spec, podCIDR: podCIDRs[0], podCIDRs };
  const status = fieldsOf(object.status);
  if (status.allocatable === undefined && status.capacity !== undefined) {
    object.status = { ...status, allocatable: { ...fieldsOf(status.capacity) } };
  }
}

/** Dynamic kubelet configuration is gone: what is not there already is dropped. */
function dropConfig(object: ApiObject, old?: ApiObject): void {
  if (fieldsOf(old?.status).config !== undefined) return;
  const { config: _config, ...status } = fieldsOf(object.status);
  object.status = status;
}

function taintFaults(spec: Fields): FieldError[] {
  const seen = new Set<string>();
  return objectsOf(spec.taints).flatMap((taint, index) => {
    const field = `metadata.taints[${index}]`; // sic
    const [key, value, effect] = [taint.key, taint.value, taint.effect].map(textOf);
    const faults = [
      ...qualifiedNameFaults(key!).map((fault) => invalidValue(`${field}.key`, key, fault)),
      ...labelValueFaults(value!).map((fault) => invalidValue(`${field}.value`, value, fault)),
    ];
    if (effect === "") faults.push(required(`${field}.effect`));
    else if (!EFFECTS.includes(effect!)) {
      faults.push(notSupported(`${field}.effect`, effect, EFFECTS));
    }
    const whole = `${effect} ${key}`;
    if (seen.has(whole)) {
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: taint.timeAdded ?? null };
      faults.push(duplicate(field, shown, "taints must be unique by key and effect pair"));
    }
    seen.add(whole);
    return faults;
  });
}

function isCidr(text: string): boolean {
  const [address = "", bits = ""] = text.split("/");
  if (!/^\d{1,3}$/.test(bits)) return false;
  const bytes = address.split(".");
  const isV4 = bytes.length === 4 &&
    bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte) && Number(byte) < 256);
  return isV4 ? Number(bits) <= 32 : Number(bits) <= 128 && /^[0-9a-fA-F:.]+$/.test(address) &&
    URL.canParse(`http://[${address}]`);
}

function cidrFaults(spec: Fields): FieldError[] {
  const cidrs = textsOf(spec.podCIDRs);
  const words = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  const faults = cidrs.flatMap((cidr, index) =>
    isCidr(cidr) ? [] : [invalidValue(`spec.podCIDRs[${index}]`, cidr, words)]
  );
  const families = cidrs.map((cidr) => cidr.includes(":"));
  if (cidrs.length > 2 || (cidrs.length === 2 && families[0] === families[1])) {
    const once = "may specify no more than one CIDR for each IP family";
    faults.push(invalidValue("spec.podCIDRs", cidrs, once));
  }
  return faults;
}

function quantityFaults(status: Fields): FieldError[] {
  return ["capacity", "allocatable"].flatMap((list) =>
    Object.entries(fieldsOf(status[list])).flatMap(([name, value]) => {
      const field = `status.${list}.${name}`;
      if (isNegativeQuantity(textOf(value))) {
        return [invalidValue(field, value, "must be greater than or equal to 0")];
      }
      const isWhole = !/[num]$|e-/.test(textOf(value));
      return isWhole || !INTEGER.test(name)
        ? []
        : [invalidValue(field, value, "must be an integer")];
    })
  );
}

function addressFaults(status: Fields): FieldError[] {
  const seen = new Set<string>();
  return objectsOf(status.addresses).flatMap(({ type, address }, index) => {
    const key = JSON.stringify([type, address]);
    if (seen.has(key)) {
      return [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })];
    }
    seen.add(key);
    return [];
  });
}

/** What may be set once, and not changed. */
function onceFaults(field: string, name: string, value: unknown, old: unknown): FieldError[] {
  if (same(value, old) || old === undefined) return [];
  const words = `node updates may not change ${name} except from "" to valid`;
  return [forbiddenField(`spec.${field}`, words)];
}

/** Rules of Nodes. */
export function nodeRules(): KindRules {
  return {
    metadata: { name: subdomainName, strictFinalizers: true },
    default: setDefaults,
    prepareForCreate(object): void {
      dropConfig(object);
      const spec = fieldsOf(object.spec);
      const taints = objectsOf(spec.taints);
      if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) {
        return;
      }
      object.spec = { ...spec, taints: [...taints, NOT_READY] };
    },
    prepareForUpdate(object, old, subresource): void {
      if (subresource === "status") {
        object.spec = old.spec;
        dropConfig(object, old);
      } else object.status = old.status;
    },
    revalidates: "after",
    validate({ spec, status }): FieldError[] {
      return [
        ...taintFaults(fieldsOf(spec)),
        ...cidrFaults(fieldsOf(spec)),
        ...quantityFaults(fieldsOf(status)),
      ];
    },
    validateUpdate(object, old, subresource): FieldError[] {
      const [spec, before, status] = [object.spec, old.spec, object.status].map(fieldsOf) as [
        Fields,
        Fields,
        Fields,
      ];
      if (subresource === "status") return [...quantityFaults(status), ...addressFaults(status)];
      return [
        ...onceFaults("podCIDRs", "podCIDR", spec.podCIDRs, before.podCIDRs),
        ...onceFaults("providerID", "providerID", spec.providerID, before.providerID),
        ...taintFaults(spec),
        ...(same(spec.externalID, before.externalID)
          ? []
          : [forbiddenField("spec.externalID", "may not be updated")]),
      ];
    },
  };
}
