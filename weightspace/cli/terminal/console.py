"""What the command line writes: results to standard output, as a table or as JSON; the rest to standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_GAP, _FOLDED = 2, 8  # between two columns of a table; the width that a column of words can be folded to


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
    table = Table(title=shown, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  collapse_padding=True)  # fmt: skip
    console = _console(Console)
    sides = (align or "l" + "r" * len(columns))[: len(columns)]
    widths = [max([len(row[number]) for row in rows], default=0) for number in range(len(columns))]
    heads, whole = _fitted(list(map(readable, columns)), widths, sides, console.width)
    for head, side, kept in zip(heads, sides, whole, strict=True):
        table.add_column(Text(head), justify="right" if side == "r" else "left", overflow="fold", no_wrap=kept)
    for row in rows:
        table.add_row(*(Text(readable(cell)) for cell in row))
    console.print(table)


def _fitted(heads: list[str], widths: list[int], sides: str, room: int) -> tuple[list[str], list[bool]]:
    """Heads of a table that may be wider than its terminal, and which columns must stay in one piece.

    Numbers aren't broken, their heads are; names in the first column are, but only if it can't be helped.
    """
    natural = [max(len(head), width) for head, width in zip(heads, widths, strict=True)]
    if sum(natural) + _GAP * len(heads) <= room:
        return heads, [False] * len(heads)
    heads = [head.replace(" ", "\n") if side == "r" else head for head, side in zip(heads, sides, strict=True)]
    least = [
        max(width, *map(len, head.split("\n"))) if side == "r" else min(width, _FOLDED)
        for head, width, side in zip(heads, widths, sides, strict=True)
    ]
    first = widths[0] + sum(least[1:]) + _GAP * len(heads) <= room
    return heads, [side == "r" or (number == 0 and first) for number, side in enumerate(sides)]


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
