/**
 * Columns of events.
 *
 * Source: k8s.io/kubernetes `pkg/printers/internalversion/printers.go`
 *
 * @module
 */
import { since } from "./since.ts";
import { column, field, nameColumn, type Printer, text } from "./printer.ts";

function source(event: unknown): string {
  const component = text(event, "source", "component") || text(event, "reportingComponent");
  const host = text(event, "source", "host") || text(event, "reportingInstance");
  return host === "" ? component : `${component}, ${host}`;
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** `events` */
export const eventPrinter: Printer = {
  columns: [
    column("Last Seen", "The time at which the most recent occurrence of this event was recorded."),
    column("Type", "Type of this event (Normal, Warning), new types could be added in the future"),
    column(
      "Reason",
      "This should be a short, machine understandable string that gives the reason for the " +
        "transition into the object's current status.",
    ),
    column("Object", "The object that this event is about."),
    column(
      "Subobject",
      "If referring to a piece of an object instead of an entire object, this string should " +
        "contain a valid JSON/Go field access statement, such as " +
        "desiredState.manifest.containers[2]. For example, if the object reference is to a " +
        'container within a pod, this would take on a value like: "spec.containers{name}" (where ' +
        '"name" refers to the name of the container that triggered the event) or if no container ' +
        'name is specified "spec.containers[2]" (container with index 2 in this pod). This syntax ' +
        "is chosen only to have some well-defined way of referencing a part of an object.",
      1,
    ),
    column(
      "Source",
      "The component reporting this event. Should be a short machine understandable string.",
      1,
    ),
    column("Message", "A human-readable description of the status of this operation."),
    column(
      "First Seen",
      "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
      1,
    ),
    column("Count", "The number of times this event has occurred.", 1),
    nameColumn(1),
  ],
  cells: (event, now) => {
    const firstSeen = since(text(event, "firstTimestamp") || text(event, "eventTime"), now);
    const last = text(event, "lastTimestamp");
    let lastSeen = last === "" ? firstSeen : since(last, now);
    let count = number(event.count);
    const series = field(event, "series");
    if (typeof series === "object" && series !== null) {
      lastSeen = since(text(series, "lastObservedTime"), now);
      count = number(field(series, "count"));
    } else if (count === 0) count = 1; // Events of the new API say no count
    const about = text(event, "involvedObject", "name");
    const kind = text(event, "involvedObject", "kind").toLowerCase();
    return [
      lastSeen,
      text(event, "type"),
      text(event, "reason"),
      about === "" ? kind : `${kind}/${about}`,
      text(event, "involvedObject", "fieldPath"),
      source(event),
      text(event, "message").trim(),
      firstSeen,
      count,
      text(event, "metadata", "name"),
    ];
  },
};
