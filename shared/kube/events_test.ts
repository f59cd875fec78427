import assert from "node:assert/strict";
import { FakeKube } from "../testing/fake_kube.ts";
import { KubeClient } from "./client.ts";
import { EventRecorder, type NewEvent, recordEvent } from "./events.ts";
import type { KubeEvent } from "./types.ts";

const EVENT: NewEvent = {
  involved: { apiVersion: "v1", kind: "ManagedCluster", namespace: "n", name: "c", uid: "u" },
  type: "Warning",
  reason: "HeartbeatLost",
  message: "The child is silent",
  component: "clusternet-hub",
};

function setup(options: { burst?: number; perSecond?: number } = {}): {
  kube: FakeKube;
  recorder: EventRecorder;
  events: () => KubeEvent[];
  clock: { ms: number };
} {
  const kube = new FakeKube();
  const clock = { ms: Date.parse("2026-01-01T00:00:00Z") };
  const client = new KubeClient({ transport: kube.transport });
  const recorder = new EventRecorder({
    client,
    now: () => clock.ms,
    random: () => 0.5,
    ...options,
  });
  const events = (): KubeEvent[] => kube.list<KubeEvent>("/events");
  return { kube, recorder, events, clock };
}

Deno.test("EventRecorder writes an event as kubectl describe looks for it", async () => {
  const { recorder, events } = setup();
  await recorder.record(EVENT);
  const [event] = events();
  assert.equal(event?.metadata.namespace, "n");
  assert.match(event?.metadata.name ?? "", /^c\.[0-9a-f]+$/);
  assert.deepEqual(event?.involvedObject, EVENT.involved);
  assert.equal(event?.firstTimestamp, "2026-01-01T00:00:00Z");
  assert.equal(event?.source?.component, "clusternet-hub");
});

Deno.test("EventRecorder counts repeats on one event", async () => {
  const { recorder, events, clock } = setup();
  for (let i = 0; i < 5; i++) {
    await recorder.record(EVENT);
    clock.ms += 1_000;
  }
  await recorder.record({ ...EVENT, message: "another" });
  assert.deepEqual(events().map(({ count }) => count), [5, 1]);
  assert.equal(events()[0]?.lastTimestamp, "2026-01-01T00:00:04Z");
});

Deno.test("EventRecorder begins anew when the event has expired", async () => {
  const { recorder, kube, events, clock } = setup();
  await recorder.record(EVENT);
  const { name } = events()[0]!.metadata;
  const client = new KubeClient({ transport: kube.transport });
  await client.raw(`/api/v1/namespaces/n/events/${name}`, { method: "DELETE" });
  clock.ms += 1_000;
  await recorder.record(EVENT);
  assert.deepEqual(events().map(({ count }) => count), [2]);
});

Deno.test("EventRecorder cuts a storm, and the count says what was left out", async () => {
  const { recorder, kube, events, clock } = setup({ burst: 3, perSecond: 1 });
  for (let i = 0; i < 50; i++) await recorder.record(EVENT);
  assert.equal(kube.requests.length, 3);
  clock.ms += 1_000;
  await recorder.record(EVENT);
  assert.deepEqual(events().map(({ count }) => count), [51]);
});

Deno.test("EventRecorder writes a warning in the middle of a storm of normal events", async () => {
  const { recorder, events, clock } = setup({ burst: 3, perSecond: 1 });
  for (let i = 0; i < 50; i++) {
    clock.ms++; // Or all would have one name
    await recorder.record({ ...EVENT, type: "Normal", reason: "Connected", message: `${i}` });
  }
  clock.ms++;
  await recorder.record(EVENT);
  assert.deepEqual(events().map(({ reason }) => reason), [
    ...["Connected", "Connected", "Connected"],
    "HeartbeatLost",
  ]);
});

Deno.test("EventRecorder puts events of cluster scoped objects into default", async () => {
  const { recorder, events } = setup();
  await recorder.record({ ...EVENT, involved: { kind: "Node", name: "c", uid: "u" } });
  assert.equal(events()[0]?.metadata.namespace, "default");
  assert.equal(events()[0]?.involvedObject.namespace, undefined);
});

Deno.test("recordEvent() never throws, and shares one recorder per client", async () => {
  const kube = new FakeKube();
  const client = new KubeClient({ transport: kube.transport });
  await recordEvent(client, EVENT);
  await recordEvent(client, EVENT);
  assert.equal(kube.list("/events").length, 1);
  const broken = new KubeClient({ transport: () => Promise.reject(new Error("down")) });
  await recordEvent(broken, EVENT);
});
