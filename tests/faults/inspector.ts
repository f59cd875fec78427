/**
 * Collects the garbage of another process, over its inspector: what memory is left then is held.
 *
 * @module
 */

interface Target {
  webSocketDebuggerUrl: string;
}

/**
 * Runs a full collection in a process that was started with `--inspect=127.0.0.1:<port>`.
 *
 * Source: https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/
 *
 * @throws {Error} when the inspector does not answer within 20 s
 */
export async function collectGarbage(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/json`, {
    signal: AbortSignal.timeout(5000),
  });
  const [target] = await response.json() as Target[];
  if (target === undefined) throw new Error(`No inspector target on port ${port}`);
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("The inspector does not answer")), 20_000);
  socket.onopen = () =>
    socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
  socket.onmessage = ({ data }) => {
    if (JSON.parse(data).id === 1) resolve();
  };
  socket.onerror = () => reject(new Error(`Cannot reach the inspector on port ${port}`));
  const closed = new Promise((done) => socket.onclose = done);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
    await closed;
  }
}
