/**
 * `deno task demo:real`: two real Kubernetes control planes on this machine, the hub behind one,
 * the agent in the other, and the stock kubectl through the tunnel. `--keep` leaves all running
 * until Ctrl-C.
 *
 * @module
 */
import { ensurePrograms } from "./cluster/build.ts";
import { type Fleet, startFleet, USER } from "./e2e/fleet.ts";

const started = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  Deno.stdout.writeSync(new TextEncoder().encode(`${seconds} s  ${line}\n`));
}

/** Shows a command and its output, as on a terminal. */
function show(command: string, output: string): void {
  const text = output.trimEnd().split("\n").map((line) => `          ${line}\n`).join("");
  Deno.stdout.writeSync(new TextEncoder().encode(`\n        $ ${command}\n${text}\n`));
}

async function demonstrate(fleet: Fleet): Promise<void> {
  const pod = await fleet.child.createPod({ name: "web" });
  show("kubectl get clsrr", await fleet.parent.kubectlOk(["get", "clsrr"]));
  show("kubectl get mcls -A", await fleet.parent.kubectlOk(["get", "mcls", "-A"]));
  say(`as user "${USER.name}" of the parent, with SERVER=${fleet.proxyServer}`);
  for (
    const args of [
      ["get", "nodes"],
      ["get", "pods", "-A"],
      ["auth", "whoami"],
      ["exec", pod.name, "--", "sh", "-c", "echo hello from inside the child"],
    ]
  ) {
    const { code, stdout, stderr } = await fleet.through(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: exit code ${code}\n${stderr}`);
    const words = args.map((word) => word.includes(" ") ? `'${word}'` : word);
    show(`kubectl --server=$SERVER ${words.join(" ")}`, stdout);
  }
}

async function main(keep: boolean): Promise<void> {
  say("etcd, kube-apiserver, kube-controller-manager, kubectl and kwok (built at the first run)");
  await ensurePrograms();
  say("starting a parent and a child cluster; hub and agent from deploy/");
  await using fleet = await startFleet();
  say(`cluster ${fleet.clusterId} is Ready`);
  await demonstrate(fleet);
  if (keep) {
    say("all is left running until Ctrl-C");
    show(
      "export KUBECONFIG SERVER",
      `KUBECONFIG=${fleet.userKubeconfig}\nSERVER=${fleet.proxyServer}`,
    );
    await new Promise<void>((resolve) => Deno.addSignalListener("SIGINT", () => resolve()));
  }
  say("done; stopping everything");
}

if (import.meta.main) {
  try {
    await main(Deno.args.includes("--keep"));
    Deno.exit(0);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    Deno.stderr.writeSync(new TextEncoder().encode(`demo: ${message}\n`));
    Deno.exit(1);
  }
}
