/**
 * RoleBindings and ClusterRoleBindings: the role never changes.
 *
 * Source: k8s.io/kubernetes `pkg/apis/rbac/validation/validation.go`,
 * `pkg/apis/rbac/v1/defaults.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import { invalidValue, notSupported, required, same } from "./field_errors.ts";
import type { ApiKind } from "./kind.ts";
import { pathSegmentName, subdomainName } from "./names.ts";
import type { KindRules } from "./rules.ts";
import { type Fields, fieldsOf, objectsOf, textOf } from "./values.ts";

const GROUP = "rbac.authorization.k8s.io";
const SUBJECTS = ["ServiceAccount", "User", "Group"];

/** Fields in Go's order, so that an added one stands where kube-apiserver puts it. */
function subjectWithGroup(subject: Fields): Fields {
  const isPerson = subject.kind === "User" || subject.kind === "Group";
  if (!isPerson || textOf(subject.apiGroup) !== "") return subject;
  const { kind, ...rest } = subject;
  return { kind, apiGroup: GROUP, ...rest };
}

function setDefaults(object: ApiObject): void {
  const roleRef = fieldsOf(object.roleRef);
  if (textOf(roleRef.apiGroup) === "") object.roleRef = { ...roleRef, apiGroup: GROUP };
  if (Array.isArray(object.subjects)) {
    object.subjects = objectsOf(object.subjects).map(subjectWithGroup);
  }
}

function subjectFaults(subject: Fields, namespaced: boolean, field: string): FieldError[] {
  const [kind, name, apiGroup] = [subject.kind, subject.name, subject.apiGroup].map(textOf);
  const faults: FieldError[] = name === "" ? [required(`${field}.name`)] : [];
  if (kind === "ServiceAccount") {
    if (name !== "") {
      for (const fault of subdomainName(name!, false)) {
        faults.push(invalidValue(`${field}.name`, name, fault));
      }
    }
    if (apiGroup !== "") faults.push(notSupported(`${field}.apiGroup`, apiGroup, [""]));
    if (!namespaced && textOf(subject.namespace) === "") {
      faults.push(required(`${field}.namespace`));
    }
  } else if (kind === "User" || kind === "Group") {
    if (apiGroup !== GROUP) faults.push(notSupported(`${field}.apiGroup`, apiGroup, [GROUP]));
  } else faults.push(notSupported(`${field}.kind`, kind, SUBJECTS));
  return faults;
}

function roleRefFaults(roleRef: Fields, namespaced: boolean): FieldError[] {
  const [kind, name, apiGroup] = [roleRef.kind, roleRef.name, roleRef.apiGroup].map(textOf);
  const kinds = namespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const faults: FieldError[] = [];
  if (apiGroup !== GROUP) faults.push(notSupported("roleRef.apiGroup", apiGroup, [GROUP]));
  if (!kinds.includes(kind!)) faults.push(notSupported("roleRef.kind", kind, kinds));
  if (name === "") faults.push(required("roleRef.name"));
  for (const fault of name === "" ? [] : pathSegmentName(name!, false)) {
    faults.push(invalidValue("roleRef.name", name, fault));
  }
  return faults;
}

/** Rules of RoleBindings and ClusterRoleBindings. */
export function roleBindingRules({ namespaced }: ApiKind): KindRules {
  return {
    metadata: { name: pathSegmentName, strictFinalizers: true },
    revalidates: "before",
    default: setDefaults,
    validate({ roleRef, subjects }): FieldError[] {
      return [
        ...roleRefFaults(fieldsOf(roleRef), namespaced),
        ...objectsOf(subjects).flatMap((subject, index) =>
          subjectFaults(subject, namespaced, `subjects[${index}]`)
        ),
      ];
    },
    validateUpdate({ roleRef }, old): FieldError[] {
      if (same(roleRef, old.roleRef)) return [];
      const { apiGroup, kind, name } = fieldsOf(roleRef);
      const shown = { APIGroup: apiGroup, Kind: kind, Name: name };
      return [invalidValue("roleRef", shown, "cannot change roleRef")];
    },
  };
}
