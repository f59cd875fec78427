/**
 * How a task of this checkout is called, for commands that are printed to be pasted.
 *
 * @module
 */

/** The runtime that README names. */
const DENO = "deno@2.9.6";

/**
 * The command of a task, as the user called this one: with npx, which tells so in `npm_command`,
 * or with a Deno of their own.
 *
 * @param task name of the task in deno.json
 * @returns such as `npx -y deno@2.9.6 task ctl`
 */
export function taskCommand(
  task: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return env.npm_command === "exec" ? `npx -y ${DENO} task ${task}` : `deno task ${task}`;
}
