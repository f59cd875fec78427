/**
 * Waiting for what becomes true.
 *
 * @module
 */

/**
 * Runs `check` until it stops throwing.
 *
 * @param what names the wait in the error
 * @param timeoutMs then the last error is thrown
 * @returns what `check` returned
 */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  check: () => T | Promise<T>,
  everyMs = 50,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`, { cause: error });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
