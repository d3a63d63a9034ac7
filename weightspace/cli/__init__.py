"""The command `weightspace`: every subcommand is a thin face of a function that Python code can call as well."""

from weightspace.cli.main import main
from weightspace.cli.terminal.answer import one_line_errors

__all__ = ["main", "one_line_errors"]
