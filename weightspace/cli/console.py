"""What the command line writes: results to standard output, as a table or as JSON; the rest to standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def write_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """A table on standard output; the first column is text, the others are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    _console(Console).print(table)


def write_facts(facts: Mapping[str, str]) -> None:
    """Lines of name and value on standard output."""
    width = max(map(len, facts))
    for name, value in facts.items():
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def say(message: str) -> None:
    """A line for the person who waits, on standard error."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def _console(console_class: Any) -> Any:
    """A console as wide as its terminal; a pipe gets whole lines, not wrapped at 80."""
    return console_class(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False)
