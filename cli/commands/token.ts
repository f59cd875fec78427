/**
 * `token create`, `token list`, `token delete`: what clusters register with.
 *
 * @module
 */
import { Command } from "commander";
import { durationOption, oneOf } from "../../shared/flags.ts";
import { type CliContext, CliError } from "../context.ts";
import { childrensUrl, isLoopback } from "../install/advertised.ts";
import { bind } from "../install/bind.ts";
import {
  createBootstrapToken,
  deleteBootstrapToken,
  listBootstrapTokens,
  type ListedToken,
} from "../install/bootstrap_token.ts";
import { joinCommandLine, pinFlags } from "../install/join_command.ts";
import type { Machine } from "../install/machine.ts";
import {
  AGENT_IMAGE,
  examples,
  hubUrl,
  type KubeconfigFlags,
  kubeconfigOptions,
} from "../install/options.ts";
import { humanDuration } from "../../shared/human_duration.ts";
import { cell, Table } from "../output/table.ts";

interface CreateFlags extends KubeconfigFlags {
  ttl: number;
  description: string;
  printJoinCommand?: boolean;
  parentUrl?: string;
  image?: string;
}

/** @returns the command `token` with its three */
export function tokenCommand(context: CliContext, machine: Machine): Command {
  const command = new Command("token").summary(
    "make, list and delete tokens that clusters register with",
  ).description(
    "Make, list and delete the bootstrap tokens that clusters register with (in the parent).",
  );
  command.addCommand(createCommand(context, machine));
  command.addCommand(listCommand(context));
  command.addCommand(deleteCommand(context));
  return command;
}

function createCommand(context: CliContext, machine: Machine): Command {
  const command = new Command("create")
    .description("Make a token that expires, and print it: nothing shows it again.")
    .addOption(durationOption("--ttl", "it expires after this", "24h"))
    .option("--description <text>", "what it is for", "Registers child clusters")
    .option("--print-join-command", "print the whole command for the child's side")
    .option(
      "--parent-url <url>",
      "URL at which children reach the parent; that of the kubeconfig when absent",
      hubUrl,
    )
    .option("--image <image>", "print a command that installs this image of the agent")
    .addHelpText(
      "after",
      examples(
        context.program,
        "# The command to paste on the child's side",
        "token create --print-join-command",
        "# A token for one hour",
        'token create --ttl 1h --description "site berlin"',
      ),
    )
    .action((flags: CreateFlags) => create(context, machine, flags));
  return kubeconfigOptions(command, "of the parent");
}

async function create(context: CliContext, machine: Machine, flags: CreateFlags): Promise<void> {
  const { program, out, err, signal, now, randomBytes } = bind(context);
  using parent = await context.connect(flags);
  const url = flags.parentUrl ??
    await childrensUrl({ client: parent.client, server: parent.config.server, signal });
  const made = await createBootstrapToken({
    client: parent.client,
    ttlMs: flags.ttl,
    description: flags.description,
    now,
    randomBytes,
    signal,
  });
  if (!flags.printJoinCommand) {
    out(`${made.token}\n`);
    err(
      `It expires at ${made.expires}. On the child's side it is the --token of "${program} join --hub ` +
        `${url} ..."; with --print-join-command this prints the whole command\n`,
    );
    return;
  }
  const ca = await pinFlags({
    config: parent.config,
    url,
    discoverCa: machine.discoverCa,
    signal,
  });
  const image = flags.image ?? (machine.runAgent === undefined ? AGENT_IMAGE : undefined);
  out(`${joinCommandLine({ program, url, token: made.token, ca, image })}\n`);
  err(joinHints(made.expires, url, image));
}

/** What to know about a join command that was printed. */
export function joinHints(expires: string, url: string, image: string | undefined): string {
  const other = image === undefined
    ? "--image IMAGE in place of --run installs the agent in the cluster"
    : "--run in place of --image runs the agent where you call it, from a checkout";
  const hints = [
    `Paste it on the child's side, where the kubeconfig leads to the child; ${other}.`,
    `The token in it expires at ${expires}.`,
  ];
  if (isLoopback(url)) {
    hints.push(
      `${url} is this machine alone: for children elsewhere say --parent-url with the URL at which ` +
        "they reach the parent.",
    );
  }
  return `${hints.join("\n")}\n`;
}

function listCommand(context: CliContext): Command {
  const command = new Command("list")
    .description("List the tokens, without their secret parts.")
    .option("-o, --output <format>", "json or name", oneOf("json", "name"))
    .addHelpText("after", examples(context.program, "token list"))
    .action(async (flags: KubeconfigFlags & { output?: "json" | "name" }) => {
      using parent = await context.connect(flags);
      const tokens = await listBootstrapTokens(parent.client, context.signal);
      if (flags.output === "json") {
        context.out(`${JSON.stringify(tokens, null, 2)}\n`);
      } else if (flags.output === "name") {
        for (const { id } of tokens) context.out(`${id}\n`);
      } else if (tokens.length === 0) {
        context.err(`No tokens found; make one with: ${context.program} token create\n`);
      } else {
        context.out(tokenTable(tokens, context.now()));
      }
    });
  return kubeconfigOptions(command, "of the parent");
}

/** @returns the table of `token list` */
export function tokenTable(tokens: readonly ListedToken[], now: number): string {
  const rows = tokens.map(({ id, expires, description }) => [
    cell(id),
    timeLeft(expires, now),
    expires === undefined ? "<never>" : cell(expires),
    cell(description),
  ]);
  return new Table().format([["ID", "TTL", "EXPIRES", "DESCRIPTION"], ...rows]);
}

function timeLeft(expires: string | undefined, now: number): string {
  if (expires === undefined) return "<forever>";
  const left = Date.parse(expires) - now;
  if (Number.isNaN(left)) return "<invalid>";
  return left <= 0 ? "<expired>" : humanDuration(left);
}

function deleteCommand(context: CliContext): Command {
  const command = new Command("delete")
    .description("Delete tokens; clusters that are registered stay so.")
    .argument("<id...>", "the part before the dot, or the whole token")
    .addHelpText("after", examples(context.program, "token delete 07401b"))
    .action(async (words: string[], flags: KubeconfigFlags) => {
      const ids = words.map((word) => word.split(".")[0]!);
      for (const id of ids) {
        if (/^[a-z0-9]{6}$/.test(id)) continue;
        throw new CliError(
          `A token id has 6 characters of a-z and 0-9: ${context.program} token list shows them`,
          2,
        );
      }
      using parent = await context.connect(flags);
      const missing: string[] = [];
      for (const id of ids) {
        const found = await deleteBootstrapToken(parent.client, id, context.signal);
        if (found) context.out(`bootstraptoken/${id} deleted\n`);
        else missing.push(id);
      }
      if (missing.length > 0) {
        throw new CliError(
          `There is no token ${missing.join(", ")}: ${context.program} token list shows them`,
        );
      }
    });
  return kubeconfigOptions(command, "of the parent");
}
