"""Completion by the shells themselves, where they are installed."""

import shutil
import subprocess

import pytest

from weightspace.cli import main
from weightspace.cli.main import build_parser
from weightspace.cli.terminal.completion import SHELLS, completion

WANTED = [
    ("zo", {"zoo"}),
    ("zoo bu", {"build"}),
    ("zoo build --o", {"--out"}),
    ("zoo build --engine ", {"local", "ray"}),
    ("predict runs/metanet --an", {"--anyway"}),
    ("graph draw my_nets:small --ch", {"--checkpoint"}),
]

BASH = """
source {file}
COMP_WORDS=(weightspace {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _weightspace
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def run(shell, code):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")
    done = subprocess.run([shell, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("words", "found"), WANTED)
def test_bash(tmp_path, words, found):
    (tmp_path / "c").write_text(completion(build_parser(), "bash"))
    last = words + '""' if words.endswith(" ") else words
    assert set(run("bash", BASH.format(file=tmp_path / "c", words=last)).split()) == found


@pytest.mark.parametrize(("words", "found"), WANTED)
def test_fish(tmp_path, words, found):
    (tmp_path / "c").write_text(completion(build_parser(), "fish"))
    shown = run("fish", f"source {tmp_path}/c; complete -C 'weightspace {words}'")
    assert {line.partition("\t")[0] for line in shown.splitlines()} == found


def test_zsh_takes_the_functions_of_bash(tmp_path):
    (tmp_path / "c").write_text(completion(build_parser(), "zsh"))
    assert "function" in run("zsh", f"source {tmp_path}/c; whence -w _weightspace")


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_printed(shell, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--completion", shell])
    assert stopped.value.code == 0
    assert "weightspace --completion" in capsys.readouterr().out
