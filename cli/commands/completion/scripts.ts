/**
 * Completion scripts: commands and flags stand in them, so that a Tab costs nothing; the rest is
 * asked of the hidden command `completion __complete`.
 *
 * @module
 */
import type { Command } from "commander";
import { visibleCommands, visibleFlags } from "./candidates.ts";

/** Shells that have a script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of {@linkcode SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** A command of the tree. */
interface Entry {
  /** Words after the program, as `token create`. */
  path: string;
  command: Command;
}

function entriesOf(root: Command): Entry[] {
  const entries: Entry[] = [{ path: "", command: root }];
  for (const { path, command } of entries) { // Grows as it goes: the tree has two levels
    for (const sub of visibleCommands(command)) {
      entries.push({ path: path === "" ? sub.name() : `${path} ${sub.name()}`, command: sub });
    }
  }
  return entries;
}

/**
 * Writes a script.
 *
 * @param name the program's file, as `kubectl-outreach`
 * @returns to be sourced by that shell
 */
export function completionScript(shell: Shell, root: Command, name: string): string {
  return { bash, zsh, fish }[shell](entriesOf(root), name);
}

/** A shell function's name. */
function functionName(name: string): string {
  return `_${name.replace(/\W/g, "_")}`;
}

const words = (list: readonly string[]): string => list.join(" ");

/** Works with bash 3.2, which is macOS's. */
function bash(entries: readonly Entry[], name: string): string {
  const fn = functionName(name);
  const paths = entries.map(({ path }) => path).filter((path) => path !== "");
  const cases = entries.map(({ path, command }) =>
    `    "${path}")
      flags="${words(visibleFlags(command).map(({ value }) => value))}"
      commands="${words(visibleCommands(command).map((sub) => sub.name()))}"
      ;;`
  ).join("\n");
  return `# bash completion of ${name}; to be sourced, for example by ~/.bashrc:
#   source <(${name} completion bash)
# For another name of the program: complete -o default -F ${fn} NAME
${fn}() {
  local path="" flags="" commands="" word="" line="" prefix="" i
  local cur="\${COMP_WORDS[COMP_CWORD]}"
  local -a typed=()
  COMPREPLY=()
  # bash breaks words at "=": put them together again
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if ((\${#typed[@]} > 0)) && [[ $word == "=" || \${COMP_WORDS[i - 1]} == "=" ]]; then
      typed[\${#typed[@]}-1]+="$word"
    else
      typed+=("$word")
    fi
  done
  for ((i = 0; i < \${#typed[@]} - 1; i++)); do
    word="\${typed[i]}"
    [[ $word == "--" ]] && return
    case "\${path:+$path }$word" in
    ${paths.map((path) => `"${path}"`).join(" | ")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  word="\${typed[\${#typed[@]}-1]}"
  if [[ $word == -* && $word != *=* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
    return
  fi
  if [[ -n $commands && $path == "" && \${#typed[@]} -eq 1 ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
    return
  fi
  if [[ $word == -*=* ]]; then
    prefix="\${word%%=*}="
    [[ $cur == "=" ]] && cur=""
  fi
  while IFS= read -r line; do
    case "$line" in
    :4) type compopt >/dev/null 2>&1 && compopt +o default ;;
    :*) ;;
    *)
      line="\${line%%$'\\t'*}"
      [[ $line == "$word"* ]] && COMPREPLY+=("\${line#"$prefix"}")
      ;;
    esac
  done < <("\${COMP_WORDS[0]}" completion __complete -- "\${typed[@]}" 2>/dev/null)
}
complete -o default -F ${fn} ${name}
`;
}

function zsh(entries: readonly Entry[], name: string): string {
  const fn = functionName(name);
  const cases = entries.map(({ path, command }) => {
    const list = [...visibleFlags(command)].map(({ value, description }) =>
      quote(`${value}:${oneLine(description).replaceAll(":", "\\:")}`)
    );
    return `  ${quote(path)}) flags=(${list.join(" ")}) ;;`;
  }).join("\n");
  const commands = visibleCommands(entries[0]!.command).map((sub) =>
    quote(`${sub.name()}:${oneLine(sub.summary() || sub.description()).replaceAll(":", "\\:")}`)
  );
  const paths = entries.map(({ path }) => path).filter((path) => path !== "");
  return `#compdef ${name}
# zsh completion of ${name}: write it as ${fn} into a directory of $fpath, or source it after
# compinit: source <(${name} completion zsh)
${fn}() {
  local path_="" word line
  local -a flags commands candidates
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    [[ $word == "--" ]] && { _files; return }
    case "\${path_:+$path_ }$word" in
    ${paths.map(quote).join("|")}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case "$path_" in
${cases}
  esac
  word="\${words[CURRENT]}"
  if [[ $word == -* && $word != *=* ]]; then
    _describe -o 'flag' flags
    return
  fi
  if ((CURRENT == 2)); then
    commands=(${commands.join(" ")})
    _describe 'command' commands
    return
  fi
  integer files=0
  while IFS= read -r line; do
    case "$line" in
    :0) files=1 ;;
    :*) ;;
    *$'\\t'*) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    *) candidates+=("\${line//:/\\\\:}") ;;
    esac
  done < <("\${words[1]}" completion __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if ((\${#candidates} > 0)); then
    _describe 'value' candidates
  elif ((files)); then
    _files
  fi
}
if [[ "\${funcstack[1]}" == "${fn}" ]]; then
  ${fn} "$@"
else
  compdef ${fn} ${name}
fi
`;
}

function fish(entries: readonly Entry[], name: string): string {
  const fn = `_${functionName(name)}`;
  const lines: string[] = [];
  for (const { path, command } of entries) {
    const [first, second] = path.split(" ");
    const seen = path === ""
      ? "__fish_use_subcommand"
      : `__fish_seen_subcommand_from ${first}${
        second === undefined ? "" : `; and __fish_seen_subcommand_from ${second}`
      }`;
    for (const { value, description } of visibleFlags(command)) {
      lines.push(
        `complete -c ${name} -n ${quote(seen)} -l ${value.replace(/^--/, "")} -d ` +
          quote(oneLine(description)),
      );
    }
  }
  for (const sub of visibleCommands(entries[0]!.command)) {
    lines.push(
      `complete -c ${name} -n __fish_use_subcommand -f -a ${sub.name()} -d ` +
        quote(oneLine(sub.summary() || sub.description())),
    );
  }
  return `# fish completion of ${name}: write it to ~/.config/fish/completions/${name}.fish
function ${fn}
  set -l typed (commandline -opc)
  ${name} completion __complete -- $typed[2..-1] (commandline -ct) 2>/dev/null | string match -v ':*'
end
complete -c ${name} -n 'not __fish_use_subcommand; and not contains -- -- (commandline -opc)' -f -a '(${fn})'
${lines.join("\n")}
`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

/** A word in single quotes, as zsh and bash read it; fish reads `'\\''` the same. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
