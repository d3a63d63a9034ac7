"""Errors of the user's are one line and code 2; errors of ours keep their traceback."""

import subprocess
import sys

import pytest

from weightspace.cli.terminal.answer import answer, message_of
from weightspace.nets import net_factory


def failing(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("x must be whole"), "cmd: x must be whole"),
        (ValueError("can't:\n  line 3"), "cmd: can't:\n  line 3"),
        (FileNotFoundError(2, "No such file or directory", "zoo.toml"), "cmd: zoo.toml: No such file or directory."),
        (ModuleNotFoundError("No module named 'ray'", name="ray"), "cmd: No module named 'ray'"),
        (ValueError("\x1b[31mred"), r"cmd: \x1b[31mred"),
    ],
)
def test_one_line(error, line, capsys):
    assert answer("cmd", failing(error)) == 2
    assert capsys.readouterr().err == line + "\n"


def test_what_the_package_raises_in_words_is_the_users(capsys):
    assert answer("cmd", lambda: net_factory(inputs=(1,))(lambda width: None)) == 2
    assert "write a def at the top of a module" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        TypeError("ours"),
        AttributeError("ours"),
        KeyError("ours"),
        AssertionError("ours"),
        ModuleNotFoundError("ours", name="weightspace.moved"),
    ],
)
def test_a_fault_of_ours_is_not_hidden(error):
    with pytest.raises(type(error), match="ours"):
        answer("cmd", failing(error))


def test_everything_is_shown_on_request(monkeypatch):
    monkeypatch.setenv("WEIGHTSPACE_TRACEBACK", "1")
    with pytest.raises(ValueError, match="x must"):
        answer("cmd", failing(ValueError("x must be whole")))


def test_codes(capsys):
    assert (answer("cmd", lambda: None), answer("cmd", lambda: 1), answer("cmd", failing(KeyboardInterrupt()))) == (
        0,
        1,
        130,
    )
    assert "goes on from there" in capsys.readouterr().err


def test_an_error_without_words_has_its_name():
    assert message_of(ValueError()) == "ValueError"
    assert message_of(KeyError("no such name")) == "no such name"


@pytest.mark.parametrize(("error", "traced"), [("ValueError('said')", False), ("TypeError('said')", True)])
def test_scripts_answer_in_one_line_too(error, traced):
    code = f"from weightspace.cli.terminal.answer import one_line_errors\none_line_errors('s.py')\nraise {error}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == traced
    assert done.stderr.startswith("Traceback" if traced else "s.py: said\n")
