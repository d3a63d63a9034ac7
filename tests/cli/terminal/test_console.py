"""Names are printed as they are: no markup is read in them, and no control character gets through."""

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
