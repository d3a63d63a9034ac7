"""A parser whose help teaches and whose errors are one line."""

import argparse
import textwrap
from collections.abc import Callable
from typing import Any, NoReturn

from weightspace.cli.terminal.console import readable
from weightspace.suggest import suggestion

Run = Callable[[argparse.Namespace], int | None]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they are written, and names with a hyphen in one piece."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """An `argparse` parser: descriptions stay as they are written, an error is one line that says what to type."""

    def __init__(self, *args: Any, **options: Any):
        options = {"formatter_class": _Formatter, "allow_abbrev": False, **options}
        super().__init__(*args, **options)
        self.subcommands: Any = None
        self.short = ""

    def add_command(self, name: str, short: str, long: str, run: Run) -> "Parser":
        """A subcommand: its line in the list, its description with examples, and what it runs."""
        if self.subcommands is None:
            self.subcommands = self.add_subparsers(metavar="COMMAND", title="commands")
            self.set_defaults(run=self._show_help)
        parser = self.subcommands.add_parser(name, help=short, description=long)
        parser.set_defaults(run=run)
        parser.short = short
        return parser

    def add_group(self, name: str, short: str, long: str) -> "Parser":
        """A subcommand that has subcommands of its own."""
        return self.add_command(name, short, long, self._show_help)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, but the command that was given an unknown flag says so: it knows its own flags."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            hint = suggestion(unknown[0].split("=")[0], self._option_string_actions)
            self.error(f"there is no {unknown[0]!r} here{hint}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            name = " or ".join(action.option_strings) or str(action.metavar or action.dest)
            hint = suggestion(value, known)
            raise argparse.ArgumentError(None, f"{name} must be one of {', '.join(known)}, got {value!r}{hint}")

    def error(self, message: str) -> NoReturn:
        """Ends with code 2 and one line."""
        message = message.removesuffix(".")
        self.exit(2, readable(f"{self.prog}: {message}. '{self.prog} --help' shows how.") + "\n")

    def _show_help(self, _: argparse.Namespace) -> int:
        self.exit(2, self.format_help())
