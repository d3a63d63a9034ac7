"""What the command line writes: results to standard output, as a table or as JSON; the rest to standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def write_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, align: str | None = None
) -> None:
    """A table on standard output; ``align`` has an l or an r for each column (default: all but the first right)."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = None if title is None else Text(readable(title), style="bold")
    table = Table(title=shown, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column, side in zip(columns, align or "l" + "r" * len(columns), strict=False):
        table.add_column(Text(readable(column)), justify="right" if side == "r" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(readable(cell)) for cell in row))
    _console(Console).print(table)


def write_facts(facts: Mapping[str, str]) -> None:
    """Lines of name and value on standard output."""
    width = max(map(len, facts))
    for name, value in facts.items():
        sys.stdout.write(readable(f"{name:<{width}}  {value}") + "\n")


def write_lines(text: str) -> None:
    """Lines on standard output."""
    for line in text.splitlines():
        sys.stdout.write(readable(line) + "\n")


def say(message: str) -> None:
    """A line for the person who waits, on standard error."""
    sys.stderr.write("\n".join(map(readable, message.split("\n"))) + "\n")
    sys.stderr.flush()


def readable(line: str) -> str:
    """A line in which nothing moves the cursor or sets a colour: control characters as they are written in Python."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)


def _console(console_class: Any) -> Any:
    """A console as wide as its terminal; a pipe gets whole lines."""
    return console_class(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000, highlight=False)
