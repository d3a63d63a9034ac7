"""A stranger's first hour, from an empty folder: commands of the README in small, mistakes, every answer read."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.programs import programs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

# Each with what its answer must say, as regular expressions: standard output first, then standard error.
COMMANDS = [
    ("weightspace symmetries my_nets:Residual", r"first +4 +permutation[\s\S]*Proved in float64", ""),
    ("weightspace graph draw my_nets:Residual --out graph.png", "", r"17 neurons and 44 edges in graph\.png\."),
    ("weightspace inspect net.pth --module my_nets:Residual", r"Of 4 neurons none is dead", ""),
    ("weightspace zoo list", r"digits-cnn +3,000 +digits", ""),
    ("weightspace zoo build digits-cnn --out runs/digits-cnn --nets 40", "", r"40 saved states in runs/digits-cnn;"),
    ("weightspace zoo info runs/digits-cnn", r"nets +40, 40 saved states, 0 diverged[\s\S]*test_accuracy +0\.\d", ""),
    ("weightspace zoo plot runs/digits-cnn --out runs/figures", r"runs/figures/metrics\.png\nruns/figures/hyper", ""),
    (
        "weightspace train --zoo runs/digits-cnn --out runs/predictor --steps 4",
        r"\| SpaceNet \| -?\d\.\d+ [\s\S]*\| boosting on statistics \| -?\d",
        r"train \d+, val \d+, test \d+ nets[\s\S]*The metanet is in runs/predictor/metanet: weightspace predict",
    ),
    ("weightspace zoo export runs/digits-cnn --out checkpoints --split test", "", r"\d+ checkpoints and labels\.csv"),
    ("weightspace predict runs/predictor/metanet checkpoints", r"checkpoints/net-\d+\.safetensors +-?\d\.\d{4} +", ""),
    ("weightspace predict digits-accuracy checkpoints --json", r'"test_accuracy": 0\.\d+', ""),
    ("weightspace lineage runs/digits-cnn@0 runs/digits-cnn@1", r"score +-?\d[.\d]*\np-value +\d", ""),
]  # fmt: skip
MISTAKES = [
    ("weightspace predct runs/predictor/metanet", r"did you mean 'predict'\?"),
    ("weightspace zoo build digits-cn --out x", r"did you mean 'digits-cnn'\?"),
    ("weightspace zoo build digits-cnn --out x --workers 0", "workers must be at least 1, got 0; leave it out"),
    ("weightspace zoo build nameless.toml --out x", r"nets is missing: write nets = 1000[\s\S]*lr must be"),
    ("weightspace zoo build digits-cnn --out s3://bucket/zoo", "needs a driver that isn't installed|can't be written"),
    ("weightspace zoo build mine.toml --out x", r"unknown data 'mine'; known are .*DIR/mine with --data-root"),
    ("weightspace predict runs/predictor/metanet checkpoints/labels.csv", "is a table; labels belong to"),
    ("weightspace predict runs/predictor/metanett checkpoints", "metanett"),
    ("weightspace edit runs/digits-cnn checkpoints --out x.safetensors", "runs/digits-cnn is a zoo"),
    ("weightspace predict digits-inr-dilate checkpoints", "trained to edit nets, not to predict"),
    ("weightspace inspect net.pth --module my_net:Residual", r"did you mean 'my_nets'\?"),
    ("weightspace predict digits-accuracy net.pth", "The weights don't fit"),
]  # fmt: skip
RECIPE = (
    'name = "mine"\n{nets}[data]\nname = "{data}"\n[net]\nname = "cnn"\nimage_size = 8\n[train]\nlr = {lr}\nsteps = 5\n'
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder but for the file that the README has one save, a net of it, and two recipes with faults."""
    tools, folder = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("hour")
    (code,) = re.findall(r"```python\n(# my_nets\.py\n.*?)```", README, re.DOTALL)
    (folder / "my_nets.py").write_text(code)
    (folder / "nameless.toml").write_text(RECIPE.format(nets="", data="digits", lr=-1))
    (folder / "mine.toml").write_text(RECIPE.format(nets="nets = 3\n", data="mine", lr=0.1))
    environment = {**os.environ, **ENVIRONMENT, "PATH": f"{tools}:{os.environ['PATH']}"}
    with programs(tools, ROOT, environment):
        saving = "import torch, my_nets; torch.save(my_nets.Residual().state_dict(), 'net.pth')"
        subprocess.run(["python", "-c", saving], cwd=folder, env=environment, check=True)
        yield folder, environment


def typed(command, folder):
    done = subprocess.run(command.split(), cwd=folder[0], env=folder[1], capture_output=True, text=True, timeout=600)
    shown = re.sub(r"[^\n]*\r", "", done.stderr)  # what a progress bar leaves
    assert "Traceback" not in done.stdout + shown
    assert "Warning" not in done.stdout + shown, shown
    return done.returncode, done.stdout, shown


@pytest.mark.parametrize(("command", "out", "err"), COMMANDS, ids=[command for command, _, _ in COMMANDS])
def test_a_command_is_answered(folder, command, out, err):
    """In order: what one command makes the next one reads."""
    code, printed, said = typed(command, folder)
    assert code == 0, said
    assert re.search(out, printed), printed
    assert re.search(err, said), said
    assert bool(printed) == bool(out)


def test_the_commands_are_those_of_the_readme():
    known = {" ".join(line.split()[:3]) for line in re.findall(r"^weightspace .*", README, re.MULTILINE)}
    groups = ("zoo", "graph")
    typed_ones = {" ".join(command.split()[: 3 if command.split()[1] in groups else 2]) for command, _, _ in COMMANDS}
    assert len(COMMANDS) >= 12
    assert len(MISTAKES) >= 10
    assert all(any(line.startswith(command) for line in known) for command in typed_ones)


@pytest.mark.parametrize(("command", "answer"), MISTAKES, ids=[command for command, _ in MISTAKES])
def test_a_mistake_is_answered_in_a_sentence_and_leaves_nothing(folder, command, answer):
    before = {path for path in folder[0].rglob("*") if "__pycache__" not in path.parts}
    code, printed, said = typed(command, folder)
    assert code == 2
    assert printed == ""
    assert re.search(answer, said), said
    assert len(said) < 1200
    assert {path for path in folder[0].rglob("*") if "__pycache__" not in path.parts} == before
