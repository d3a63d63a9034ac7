"""What bash, zsh and fish need to complete a command line: its commands, flags and choices."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import Any

from weightspace.cli.terminal.parser import Parser

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
# source <(weightspace --completion bash)
_weightspace() {{
    local at="" word before="${{COMP_WORDS[COMP_CWORD-1]}}" here="${{COMP_WORDS[COMP_CWORD]}}" words=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at $word" in {commands}) at="${{at:+$at }}$word";; esac
    done
    case "$at:$before" in
{choices}
        *) case "$at" in
{words}
        esac;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$here"))
}}
complete -o default -F _weightspace weightspace
"""

_ZSH = """\
# source <(weightspace --completion zsh)
autoload -U +X compinit && compinit -u
autoload -U +X bashcompinit && bashcompinit
"""

_FISH = """\
# weightspace --completion fish | source
function __weightspace_at
    set -l at
    for word in (commandline -opc)[2..-1]
        if contains -- (string trim "$at $word") {commands}
            set at (string trim "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
"""


class PrintCompletion(argparse.Action):
    """The action of ``--completion SHELL``: prints and ends."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        sys.stdout.write(completion(parser, values))
        parser.exit()


def completion(parser: Parser, shell: str) -> str:
    """The text that a shell reads, of all commands of a parser."""
    found = dict(_commands(parser))
    return _fish(found) if shell == "fish" else (_ZSH if shell == "zsh" else "") + _bash(found)


def _commands(parser: Parser, path: str = "") -> Iterator[tuple[str, Parser]]:
    """Each command: its words and its parser."""
    yield path, parser
    for name, child in parser.subcommands.choices.items() if parser.subcommands else ():
        yield from _commands(child, f"{path} {name}".strip())


def _bash(found: dict[str, Parser]) -> str:
    commands = "|".join(f'"{" ".join(path.split()[:-1])} {path.split()[-1]}"' for path in found if path)
    choices = [
        f'        "{path}:{flag}") words={shlex.quote(" ".join(map(str, action.choices)))};;'
        for path, parser in found.items()
        for action in _flags(parser)
        if action.choices
        for flag in action.option_strings
    ]
    words = [f'            "{path}") words={shlex.quote(" ".join(_words(parser)))};;' for path, parser in found.items()]
    return _BASH.format(commands=commands, choices="\n".join(choices), words="\n".join(words))


def _fish(found: dict[str, Parser]) -> str:
    lines = [_FISH.format(commands=" ".join(shlex.quote(path) for path in found if path))]
    for path, parser in found.items():
        at = f"complete -c weightspace -n {shlex.quote(f'__weightspace_at {shlex.quote(path)}')}"
        for name, child in parser.subcommands.choices.items() if parser.subcommands else ():
            lines.append(f"{at} -f -a {name} -d {shlex.quote(child.short)}")
        for action in _flags(parser):
            for flag in action.option_strings:
                name = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                chosen = f" -x -a {shlex.quote(' '.join(map(str, action.choices)))}" if action.choices else ""
                needed = " -r" if not chosen and action.nargs != 0 else ""
                lines.append(f"{at} {name}{needed}{chosen}")
    return "\n".join(lines) + "\n"


def _flags(parser: Parser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _words(parser: Parser) -> list[str]:
    """What may come next: subcommands and flags, and the choices of arguments."""
    arguments = [action for action in parser._actions if not action.option_strings]
    choices = [str(choice) for action in arguments for choice in action.choices or ()]
    return [*dict.fromkeys(choices), *(flag for action in _flags(parser) for flag in action.option_strings)]
