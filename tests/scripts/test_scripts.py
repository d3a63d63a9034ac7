"""The scripts are runnable as they are in a checkout, and the pinned versions cover what the package asks for."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["scripts/environment", "scripts/quickstart", "scripts/test", ".ci/run"])
def test_scripts_are_executable_bash(name):
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", path], check=True)


def pinned(*names):
    lines = [line for name in names for line in (ROOT / "scripts" / name).read_text(encoding="utf-8").splitlines()]
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line and not line.startswith("#")]
    assert all(pairs), "every line is name==version"
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs}


def test_pins_satisfy_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    torch = re.search(r'TORCH="torch==([\d.]+)"', (ROOT / "scripts" / "environment").read_text(encoding="utf-8"))
    runtime = pinned("requirements.txt") | {"torch": torch[1]}
    everything = runtime | pinned("requirements-dev.txt")
    asked = [(text, runtime) for text in project["project"]["dependencies"]]
    asked += [(text, everything) for text in project["dependency-groups"]["dev"]]
    for text, pins in asked:
        requirement = Requirement(text)
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} isn't pinned"
        assert version in requirement.specifier, f"{text} against the pin {version}"


def test_environment_is_made_once(tmp_path):
    """With all steps stamped, nothing runs; with a stamp gone, that step alone runs, and a failure is shown."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "scripts" / "requirements.txt").write_text("none\n")
    script = tmp_path / "scripts" / "environment"
    script.write_text((ROOT / "scripts" / "environment").read_text(encoding="utf-8"))
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("python", "pip"):
        (bin_folder / name).write_text('#!/bin/sh\ncase "$*" in *broken*) echo no such package; exit 3;; esac\n')
        (bin_folder / name).chmod(0o755)

    def ensure():
        command = f"source {script}; ensure_environment scripts/requirements.txt"
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    first, second = ensure(), ensure()
    assert (first.returncode, second.returncode) == (0, 0)
    assert "installing torch" in first.stderr
    assert second.stderr == ""
    (tmp_path / "scripts" / "requirements.txt").write_text("other\n")
    third = ensure()
    assert "requirements.txt" in third.stderr
    assert "torch" not in third.stderr
    (tmp_path / "scripts" / "requirements.txt").rename(tmp_path / "scripts" / "broken.txt")
    command = f"source {script}; ensure_environment scripts/broken.txt"
    failed = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert failed.returncode == 3
    assert "no such package" in failed.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("train_predictor.py zoo --zoo nowhere --out x", "nowhere is no finished zoo"),
        ("train_editor.py --zoo nowhere --out x", "nowhere is no finished zoo"),
    ],
)
def test_a_script_answers_a_mistake_in_one_line(words, says, tmp_path):
    command = [sys.executable, *words.split()]
    command[1] = str(ROOT / "scripts" / command[1])
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(Path(command[1]).name)
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
