/**
 * `doctor`: walks the way of a request and names the hop that is broken.
 *
 * @module
 */
import { Command, Option } from "commander";
import { type CliContext, CliError } from "../context.ts";
import { connectOptionsOf, withConnectOptions, withExamples } from "../fleet/options.ts";
import { formatValue } from "../output/objects.ts";
import { childSteps } from "./doctor/child_steps.ts";
import { clusterSteps } from "./doctor/cluster_steps.ts";
import { fleetStep } from "./doctor/fleet_step.ts";
import { hubSteps } from "./doctor/hub_steps.ts";
import { parentSteps } from "./doctor/parent_steps.ts";
import type { Patient } from "./doctor/patient.ts";
import { registrationStep } from "./doctor/registration_step.ts";
import { examine, type Finding, findingText, type Step } from "./doctor/steps.ts";

interface Flags {
  output?: "json";
  namespace: string;
}

function verdict(context: CliContext, findings: readonly Finding[], wanted?: string): void {
  const hops = [
    ...new Set(findings.filter((one) => one.status === "broken").map((one) => one.step)),
  ];
  if (hops.length > 0) {
    throw new CliError(
      `broken: ${hops.join(", ")}. Next: mend ${hops.length > 1 ? "the first one" : "it"} as the ` +
        "line below it says, and run this again",
    );
  }
  context.err(
    wanted === undefined
      ? `Nothing is broken. Next: \`${context.program} doctor CLUSTER\` goes all the way to one\n`
      : `Nothing is broken. Next: \`${context.program} kubectl ${wanted} -- get nodes\`\n`,
  );
}

/**
 * Makes the command.
 *
 * @returns `doctor`
 */
export function doctorCommand(context: CliContext): Command {
  const command = withConnectOptions(new Command("doctor"))
    .summary("find out what is broken, and how to mend it")
    .description(
      "Walks the way of a request hop by hop: kubeconfig, parent, hub, registration, rights, " +
        "tunnel, the cluster's own API, who you are there. [ok] holds, [!!] is broken and says how " +
        "to mend it, [--] was not reached or cannot be seen. It changes nothing. The exit code is " +
        "1 when anything is broken.",
    )
    .argument("[cluster]", "its name, its id, or namespace/name; all in short without it")
    .option("-n, --namespace <namespace>", "in the cluster, where to look for rights", "default")
    .addOption(new Option("-o, --output <format>", "output format").choices(["json"]));
  withExamples(command, context, [
    ["The parent, the hub and all clusters", "doctor"],
    ["All the way to one cluster", "doctor edge-1"],
    [
      "For a script",
      "doctor edge-1 -o json | jq -r '.findings[] | select(.status==\"broken\").mend'",
    ],
  ]);
  return command.action(async (wanted: string | undefined, flags: Flags) => {
    const patient: Patient = { context };
    const steps: Step[] = [
      ...parentSteps(patient, connectOptionsOf(command)),
      ...hubSteps(patient),
      ...wanted === undefined ? [fleetStep(patient)] : [
        registrationStep(patient, wanted),
        ...clusterSteps(patient),
        ...childSteps(patient, flags.namespace),
      ],
    ];
    const say = (finding: Finding): void => {
      if (flags.output !== "json") context.out(findingText(finding));
    };
    let findings: Finding[];
    try {
      findings = await examine(steps, say, context.signal);
    } finally {
      patient.parent?.[Symbol.dispose]();
    }
    if (flags.output === "json") {
      const healthy = findings.every(({ status }) => status !== "broken");
      context.out(formatValue({ healthy, findings }, "json"));
    }
    verdict(context, findings, wanted);
  });
}
