"""Names are printed as they are: no markup is read in them, and no control character gets through."""

import sys

import pytest

from weightspace.cli.terminal import console
from weightspace.cli.terminal.console import readable, write_facts, write_lines, write_table


def test_markup_is_text(capsys):
    write_table(["[bold]name[/]", "value"], [["[red]net[/red]", "\x1b[31m1"]], title="[link=x]title[/link]")
    shown = capsys.readouterr().out
    assert "[red]net[/red]" in shown
    assert "[bold]name[/]" in shown
    assert "[link=x]title[/link]" in shown
    assert "\x1b" not in shown
    assert r"\x1b[31m1" in shown


def test_control_characters(capsys):
    assert readable("a\x1b[2Jb\u202ec\tü") == "a\\x1b[2Jb\\u202ec\tü"
    write_facts({"name": "\x07bell"})
    write_lines("one\n\x1btwo")
    assert capsys.readouterr().out == "name  \\x07bell\none\n\\x1btwo\n"


@pytest.mark.parametrize("width", [80, 60, 40])
def test_in_a_narrow_terminal_numbers_stay_whole_and_nothing_is_lost(monkeypatch, capsys, width):
    from rich.console import Console

    monkeypatch.setattr(console, "_console", lambda kind: Console(file=sys.stdout, width=width, highlight=False))
    rows = [["transformer.h.0.attn.weight", "(3 heads dim) stream", "0.12345", "1,234"],
            ["bias", "stream", "12.5", "7"]]  # fmt: skip
    console.write_table(["tensor", "axes", "largest value", "how many"], rows, align="llrr")
    text = capsys.readouterr().out
    assert all(len(line) <= width for line in text.splitlines())
    assert "0.12345" in text and "1,234" in text
    squeezed = "".join(text.split())
    assert all(word in squeezed for word in ("tensor", "axes", "12.5"))
    columns = [line[: line.index("0.12345")] if "0.12345" in line else line for line in text.splitlines()]
    assert width < 80 or "transformer.h.0.attn.weight" in "".join(columns)
