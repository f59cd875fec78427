/**
 * Objects in the protobuf and the JSON of a real kube-apiserver.
 *
 * @module
 */
import type { Recorded } from "./protobuf_testing.ts";

/** Objects of kube-apiserver 1.36.3: its protobuf and its JSON. */
export const STORED: readonly Recorded[] = [
  {
    name: "an event",
    body:
      "azhzAAoLCgJ2MRIFRXZlbnQSlwgKrwcKAWUSABoIcHJvdG9idWYiACokOWVmNTgyNDctMzY3NS00NDg2LTlkZGEtYzhkYTI0ZTU0MmY0MgQzMTI5OABCCAib2pvYBhAAYtsDCjBrdWJlY3RsLmt1YmVybmV0ZXMuaW8vbGFzdC1hcHBsaWVkLWNvbmZpZ3VyYXRpb24SpgN7ImFjdGlvbiI6ImEiLCJhcGlWZXJzaW9uIjoidjEiLCJldmVudFRpbWUiOiIyMDI2LTAxLTAyVDAzOjA0OjA1LjAwMDY3OFoiLCJmaXJzdFRpbWVzdGFtcCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDVaIiwiaW52b2x2ZWRPYmplY3QiOnsia2luZCI6IlBvZCIsIm5hbWUiOiJwIiwibmFtZXNwYWNlIjoicHJvdG9idWYifSwia2luZCI6IkV2ZW50IiwibWVzc2FnZSI6Im0iLCJtZXRhZGF0YSI6eyJhbm5vdGF0aW9ucyI6e30sIm5hbWUiOiJlIiwibmFtZXNwYWNlIjoicHJvdG9idWYifSwicmVhc29uIjoiUiIsInJlcG9ydGluZ0NvbXBvbmVudCI6ImMiLCJyZXBvcnRpbmdJbnN0YW5jZSI6ImkiLCJzZXJpZXMiOnsiY291bnQiOjIsImxhc3RPYnNlcnZlZFRpbWUiOiIyMDI2LTAxLTAyVDAzOjA0OjA2LjUwMDAwMFoifSwidHlwZSI6Ik5vcm1hbCJ9CooBhAMKGWt1YmVjdGwtY2xpZW50LXNpZGUtYXBwbHkSBlVwZGF0ZRoCdjEiCAib2pvYBhAAMghGaWVsZHNWMTrEAgrBAnsiZjphY3Rpb24iOnt9LCJmOmV2ZW50VGltZSI6e30sImY6Zmlyc3RUaW1lc3RhbXAiOnt9LCJmOmludm9sdmVkT2JqZWN0Ijp7fSwiZjptZXNzYWdlIjp7fSwiZjptZXRhZGF0YSI6eyJmOmFubm90YXRpb25zIjp7Ii4iOnt9LCJmOmt1YmVjdGwua3ViZXJuZXRlcy5pby9sYXN0LWFwcGxpZWQtY29uZmlndXJhdGlvbiI6e319fSwiZjpyZWFzb24iOnt9LCJmOnJlcG9ydGluZ0NvbXBvbmVudCI6e30sImY6cmVwb3J0aW5nSW5zdGFuY2UiOnt9LCJmOnNlcmllcyI6eyIuIjp7fSwiZjpjb3VudCI6e30sImY6bGFzdE9ic2VydmVkVGltZSI6e319LCJmOnR5cGUiOnt9fUIAEhoKA1BvZBIIcHJvdG9idWYaAXAiACoAMgA6ABoBUiIBbSoECgASADIICKXr3MoGEAA6AEAASgZOb3JtYWxSCgil69zKBhDwsClaEAgCEgwIpuvcygYQgMq17gFiAWFyAWN6AWkaACIA",
    json: {
      "kind": "Event",
      "apiVersion": "v1",
      "metadata": {
        "name": "e",
        "namespace": "protobuf",
        "uid": "9ef58247-3675-4486-9dda-c8da24e542f4",
        "resourceVersion": "3129",
        "creationTimestamp": "2026-11-25T14:13:47Z",
        "annotations": {
          "kubectl.kubernetes.io/last-applied-configuration":
            '{"action":"a","apiVersion":"v1","eventTime":"2026-01-02T03:04:05.000678Z","firstTimestamp":"2026-01-02T03:04:05Z","involvedObject":{"kind":"Pod","name":"p","namespace":"protobuf"},"kind":"Event","message":"m","metadata":{"annotations":{},"name":"e","namespace":"protobuf"},"reason":"R","reportingComponent":"c","reportingInstance":"i","series":{"count":2,"lastObservedTime":"2026-01-02T03:04:06.500000Z"},"type":"Normal"}\n',
        },
        "managedFields": [{
          "manager": "kubectl-client-side-apply",
          "operation": "Update",
          "apiVersion": "v1",
          "time": "2026-11-25T14:13:47Z",
          "fieldsType": "FieldsV1",
          "fieldsV1": {
            "f:action": {},
            "f:eventTime": {},
            "f:firstTimestamp": {},
            "f:involvedObject": {},
            "f:message": {},
            "f:metadata": {
              "f:annotations": {
                ".": {},
                "f:kubectl.kubernetes.io/last-applied-configuration": {},
              },
            },
            "f:reason": {},
            "f:reportingComponent": {},
            "f:reportingInstance": {},
            "f:series": { ".": {}, "f:count": {}, "f:lastObservedTime": {} },
            "f:type": {},
          },
        }],
      },
      "involvedObject": { "kind": "Pod", "namespace": "protobuf", "name": "p" },
      "reason": "R",
      "message": "m",
      "source": {},
      "firstTimestamp": "2026-01-02T03:04:05Z",
      "lastTimestamp": null,
      "type": "Normal",
      "eventTime": "2026-01-02T03:04:05.000678Z",
      "series": { "count": 2, "lastObservedTime": "2026-01-02T03:04:06.500000Z" },
      "action": "a",
      "reportingComponent": "c",
      "reportingInstance": "i",
    },
  },
  {
    name: "a lease",
    body:
      "azhzAAofChZjb29yZGluYXRpb24uazhzLmlvL3YxEgVMZWFzZRKFBgrfBQoBbBIAGghwcm90b2J1ZiIAKiQ3MDA0N2NlNS02NTYwLTQ1OGQtOTgxMC1kNWQ3MzAxMTZjMzUyBDMxMzA4AEIICJvam9gGEABi3gIKMGt1YmVjdGwua3ViZXJuZXRlcy5pby9sYXN0LWFwcGxpZWQtY29uZmlndXJhdGlvbhKpAnsiYXBpVmVyc2lvbiI6ImNvb3JkaW5hdGlvbi5rOHMuaW8vdjEiLCJraW5kIjoiTGVhc2UiLCJtZXRhZGF0YSI6eyJhbm5vdGF0aW9ucyI6e30sImdlbmVyYXRpb24iOjAsIm5hbWUiOiJsIiwibmFtZXNwYWNlIjoicHJvdG9idWYifSwic3BlYyI6eyJhY3F1aXJlVGltZSI6IjE5NjktMTItMzFUMjM6NTk6NTkuOTAwMDAwWiIsImhvbGRlcklkZW50aXR5IjoiaCIsImxlYXNlRHVyYXRpb25TZWNvbmRzIjoxNSwibGVhc2VUcmFuc2l0aW9ucyI6MCwicmVuZXdUaW1lIjoiMTk3MC0wMS0wMVQwMDowMDowMC4wMDAwMDFaIn19CooBsQIKGWt1YmVjdGwtY2xpZW50LXNpZGUtYXBwbHkSBlVwZGF0ZRoWY29vcmRpbmF0aW9uLms4cy5pby92MSIICJvam9gGEAAyCEZpZWxkc1YxOt0BCtoBeyJmOm1ldGFkYXRhIjp7ImY6YW5ub3RhdGlvbnMiOnsiLiI6e30sImY6a3ViZWN0bC5rdWJlcm5ldGVzLmlvL2xhc3QtYXBwbGllZC1jb25maWd1cmF0aW9uIjp7fX19LCJmOnNwZWMiOnsiZjphY3F1aXJlVGltZSI6e30sImY6aG9sZGVySWRlbnRpdHkiOnt9LCJmOmxlYXNlRHVyYXRpb25TZWNvbmRzIjp7fSwiZjpsZWFzZVRyYW5zaXRpb25zIjp7fSwiZjpyZW5ld1RpbWUiOnt9fX1CABIhCgFoEA8aEQj///////////8BEIDSk60DIgUIABDoBygAGgAiAA==",
    json: {
      "kind": "Lease",
      "apiVersion": "coordination.k8s.io/v1",
      "metadata": {
        "name": "l",
        "namespace": "protobuf",
        "uid": "70047ce5-6560-458d-9810-d5d730116c35",
        "resourceVersion": "3130",
        "creationTimestamp": "2026-11-25T14:13:47Z",
        "annotations": {
          "kubectl.kubernetes.io/last-applied-configuration":
            '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"annotations":{},"generation":0,"name":"l","namespace":"protobuf"},"spec":{"acquireTime":"1969-12-31T23:59:59.900000Z","holderIdentity":"h","leaseDurationSeconds":15,"leaseTransitions":0,"renewTime":"1970-01-01T00:00:00.000001Z"}}\n',
        },
        "managedFields": [{
          "manager": "kubectl-client-side-apply",
          "operation": "Update",
          "apiVersion": "coordination.k8s.io/v1",
          "time": "2026-11-25T14:13:47Z",
          "fieldsType": "FieldsV1",
          "fieldsV1": {
            "f:metadata": {
              "f:annotations": {
                ".": {},
                "f:kubectl.kubernetes.io/last-applied-configuration": {},
              },
            },
            "f:spec": {
              "f:acquireTime": {},
              "f:holderIdentity": {},
              "f:leaseDurationSeconds": {},
              "f:leaseTransitions": {},
              "f:renewTime": {},
            },
          },
        }],
      },
      "spec": {
        "holderIdentity": "h",
        "leaseDurationSeconds": 15,
        "acquireTime": "1969-12-31T23:59:59.900000Z",
        "renewTime": "1970-01-01T00:00:00.000001Z",
        "leaseTransitions": 0,
      },
    },
  },
  {
    name: "a configmap",
    body:
      "azhzAAoPCgJ2MRIJQ29uZmlnTWFwErQHCoMHCgFjEgAaCHByb3RvYnVmIgAqJGUzN2NiZDEzLTg5MmEtNDQ3My1iOWFjLTQ2YzQ0MGQwNzk4MDIEMzEyNDgAQggIh9qb2AYQAEoICIfam9gGEABQAGIFCgFhEgBi+gIKMGt1YmVjdGwua3ViZXJuZXRlcy5pby9sYXN0LWFwcGxpZWQtY29uZmlndXJhdGlvbhLFAnsiYXBpVmVyc2lvbiI6InYxIiwiYmluYXJ5RGF0YSI6eyJiIjoiQUFFQyIsInoiOiIifSwiZGF0YSI6eyJfX3Byb3RvX18iOiJ2IiwiZW1wdHkiOiIifSwiaW1tdXRhYmxlIjpmYWxzZSwia2luZCI6IkNvbmZpZ01hcCIsIm1ldGFkYXRhIjp7ImFubm90YXRpb25zIjp7ImEiOiIifSwiZmluYWxpemVycyI6WyJleGFtcGxlLmNvbS94Il0sIm5hbWUiOiJjIiwibmFtZXNwYWNlIjoicHJvdG9idWYiLCJvd25lclJlZmVyZW5jZXMiOlt7ImFwaVZlcnNpb24iOiJ2MSIsImNvbnRyb2xsZXIiOmZhbHNlLCJraW5kIjoiU2VjcmV0IiwibmFtZSI6InMiLCJ1aWQiOiJ1LTEifV19fQpqFgoGU2VjcmV0GgFzIgN1LTEqAnYxMAByDWV4YW1wbGUuY29tL3iKAf8CChlrdWJlY3RsLWNsaWVudC1zaWRlLWFwcGx5EgZVcGRhdGUaAnYxIggIh9qb2AYQADIIRmllbGRzVjE6vwIKvAJ7ImY6YmluYXJ5RGF0YSI6eyIuIjp7fSwiZjpiIjp7fSwiZjp6Ijp7fX0sImY6ZGF0YSI6eyIuIjp7fSwiZjpfX3Byb3RvX18iOnt9LCJmOmVtcHR5Ijp7fX0sImY6aW1tdXRhYmxlIjp7fSwiZjptZXRhZGF0YSI6eyJmOmFubm90YXRpb25zIjp7Ii4iOnt9LCJmOmEiOnt9LCJmOmt1YmVjdGwua3ViZXJuZXRlcy5pby9sYXN0LWFwcGxpZWQtY29uZmlndXJhdGlvbiI6e319LCJmOmZpbmFsaXplcnMiOnsiLiI6e30sInY6XCJleGFtcGxlLmNvbS94XCIiOnt9fSwiZjpvd25lclJlZmVyZW5jZXMiOnsiLiI6e30sIms6e1widWlkXCI6XCJ1LTFcIn0iOnt9fX19QgASDgoJX19wcm90b19fEgF2EgkKBWVtcHR5EgAaCAoBYhIDAAECGgUKAXoSACAAGgAiAA==",
    json: {
      "kind": "ConfigMap",
      "apiVersion": "v1",
      "metadata": {
        "name": "c",
        "namespace": "protobuf",
        "uid": "e37cbd13-892a-4473-b9ac-46c440d07980",
        "resourceVersion": "3124",
        "creationTimestamp": "2026-11-25T14:13:27Z",
        "deletionTimestamp": "2026-11-25T14:13:27Z",
        "deletionGracePeriodSeconds": 0,
        "annotations": {
          "a": "",
          "kubectl.kubernetes.io/last-applied-configuration":
            '{"apiVersion":"v1","binaryData":{"b":"AAEC","z":""},"data":{"__proto__":"v","empty":""},"immutable":false,"kind":"ConfigMap","metadata":{"annotations":{"a":""},"finalizers":["example.com/x"],"name":"c","namespace":"protobuf","ownerReferences":[{"apiVersion":"v1","controller":false,"kind":"Secret","name":"s","uid":"u-1"}]}}\n',
        },
        "ownerReferences": [{
          "apiVersion": "v1",
          "kind": "Secret",
          "name": "s",
          "uid": "u-1",
          "controller": false,
        }],
        "finalizers": ["example.com/x"],
        "managedFields": [{
          "manager": "kubectl-client-side-apply",
          "operation": "Update",
          "apiVersion": "v1",
          "time": "2026-11-25T14:13:27Z",
          "fieldsType": "FieldsV1",
          "fieldsV1": {
            "f:binaryData": { ".": {}, "f:b": {}, "f:z": {} },
            "f:data": { ".": {}, "f:__proto__": {}, "f:empty": {} },
            "f:immutable": {},
            "f:metadata": {
              "f:annotations": {
                ".": {},
                "f:a": {},
                "f:kubectl.kubernetes.io/last-applied-configuration": {},
              },
              "f:finalizers": { ".": {}, 'v:"example.com/x"': {} },
              "f:ownerReferences": { ".": {}, 'k:{"uid":"u-1"}': {} },
            },
          },
        }],
      },
      "immutable": false,
      "data": { ["__proto__"]: "v", "empty": "" },
      "binaryData": { "b": "AAEC", "z": "" },
    },
  },
];
