"""A program that starts in a folder which is deleted before: what needs no relative path works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GONE = 'mkdir -p "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'


def run(folder, *words):
    """A command line of weightspace, typed in a folder that isn't there any more."""
    command = ["bash", "-c", GONE, "bash", str(folder / "gone"), sys.executable, "-m", "weightspace", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(("out", "code"), [("there", 0), (None, 2)])
def test_a_zoo_is_built_at_an_absolute_path(tmp_path, out, code):
    place = str(tmp_path / out) if out else "relative"
    done = run(tmp_path, "zoo", "build", "digits-cnn", "--nets", "2", "--workers", "1", "--quiet", "--out", place)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "FATAL" not in done.stderr
    assert not code or done.stderr.startswith("weightspace: ")
