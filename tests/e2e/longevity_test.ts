/**
 * What kube-apiserver cuts at 60 s elsewhere lives on here: a watch, `logs -f`, exec and
 * port-forward after 150 s, all idle at the same time.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { startFleet, TRANSPORT_ENV } from "./fleet.ts";
import { portForward, startByteServer } from "./port_forward.ts";

const IDLE_MS = 150_000;

Deno.test("a watch, logs -f, exec and port-forward are alive after 150 s idle", async () => {
  await using fleet = await startFleet();
  await using server = startByteServer();
  const idle = await fleet.child.createPod({ name: "idle", forwards: { 80: server.port } });
  const pod = idle.name;
  await idle.log("early");

  await using watch = fleet.stream(["get", "cm", "-w", "-o", "name"]);
  await using logs = fleet.stream(["logs", "-f", pod]);
  await using exec = fleet.stream(["exec", "-i", pod, "--", "cat"]);
  await using spdyExec = fleet.stream(["exec", "-i", pod, "--", "cat"], {
    env: TRANSPORT_ENV.spdy,
  });
  await using forward = await portForward(fleet, `pod/${pod}`, 80, TRANSPORT_ENV.websocket);
  await using spdyForward = await portForward(fleet, `pod/${pod}`, 80, TRANSPORT_ENV.spdy);
  await watch.waitFor(/kube-root-ca/, { timeoutMs: 20_000 });
  await logs.waitFor(/early/, { timeoutMs: 20_000 });
  for (const shell of [exec, spdyExec]) {
    await shell.write("before\n");
    await shell.waitFor(/before/, { timeoutMs: 20_000 });
  }
  await using chats = new AsyncDisposableStack();
  const open = await Promise.all([forward, spdyForward].map((one) => one.chat()));
  for (const chat of open) {
    chats.use(chat);
    assert.equal(await chat.ask("a"), "a");
  }

  await delay(IDLE_MS);

  await fleet.child.kubectl(["create", "cm", "late", "--from-literal=a=b"]);
  await watch.waitFor(/configmap\/late/, { timeoutMs: 10_000 });
  await idle.log("late line");
  await logs.waitFor(/late line/, { timeoutMs: 10_000 });
  for (const shell of [exec, spdyExec]) {
    await shell.write("after\n");
    await shell.waitFor(/after/, { timeoutMs: 10_000 });
  }
  for (const chat of open) assert.equal(await chat.ask("z"), "z");
});
