"""The command `weightspace`: every subcommand is a thin face of a function that Python code can call as well."""

from weightspace.cli.main import main

__all__ = ["main"]
