/**
 * Run with the permissions of hub or agent, tries what a program that was taken over would try, and
 * prints how each ended. Arguments: the directory that it may write, one that it may not.
 *
 * @module
 */
import { connect } from "node:net";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import inspector from "node:inspector";

const [dir = "", outside = ""] = Deno.args;
/** Where clouds hand out credentials. */
const METADATA = "169.254.169.254";

const attempts: Record<string, () => unknown> = {
  "run sh": () => new Deno.Command("/bin/sh", { args: ["-c", "true"] }).output(),
  "run itself": () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).output(),
  "run by node": () =>
    new Promise((resolve, reject) => {
      spawn("/bin/sh", ["-c", "true"]).on("error", reject).on("exit", resolve);
    }),
  "load a library": () => Deno.dlopen("libc.so.6", {}),
  "open the inspector": () => inspector.open(0),
  "import from afar": () =>
    import(["https://deno.land", "std@0.224.0/version.ts"].join("/")).catch((error: Error) => {
      // A flag forbids it: the list that `--allow-import` has by default cannot be emptied
      throw /--no-remote is specified/.test(error.message) ? new Deno.errors.NotCapable() : error;
    }),
  "read a secret variable": () => Deno.env.get("SECRET_OF_OTHERS"),
  "read it by node": () => process.env["SECRET_OF_OTHERS"],
  "set a variable": () => Deno.env.set("LD_PRELOAD", "/x"),
  "read the process's environment": () => Deno.readTextFile("/proc/self/environ"),
  "read memory": () => Deno.open("/proc/self/mem"),
  "read the user's name": () => Deno.uid(),
  "read the release of the system": () => Deno.osRelease(),
  "read the password file": () => Deno.readTextFile("/etc/shadow"),
  "read ssh keys": () => Deno.readTextFile(`${outside}/.ssh/id_ed25519`),
  "read by node": () => readFile("/etc/shadow"),
  "write outside": () => Deno.writeTextFile(`${outside}/probe`, ""),
  "link outside": () => Deno.symlink("/etc/shadow", `${dir}/link`),
  "write where it may": () => Deno.writeTextFile(`${dir}/probe`, ""),
  "read where it may": () => Deno.readTextFile(`${dir}/probe`),
  "connect to metadata": () => Deno.connect({ hostname: METADATA, port: 80 }),
  "connect by node": () =>
    new Promise((resolve, reject) =>
      connect(80, METADATA).on("error", reject).on("close", resolve)
    ),
  "fetch metadata": () => fetch(`http://${METADATA}/`),
  "fetch metadata as a number": () => fetch("http://2852039166/"),
  "fetch metadata as IPv6": () => fetch("http://[::ffff:169.254.169.254]/"),
  "websocket to metadata": () =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${METADATA}/`);
      socket.onerror = (event) => reject((event as ErrorEvent).error);
      socket.onclose = resolve;
    }),
  "connect to metadata of Alibaba": () => Deno.connect({ hostname: "100.100.100.200", port: 80 }),
  "connect to metadata of AWS": () => Deno.connect({ hostname: "fd00:ec2::254", port: 80 }),
  "multicast": () => Deno.connect({ hostname: "224.0.0.1", port: 80 }),
};

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    results[name] = "ok";
  } catch (error) {
    results[name] = error instanceof Error ? error.name : String(error);
  }
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(results)));
Deno.exit(0);
