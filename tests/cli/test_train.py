"""`weightspace train`: on a zoo and on somebody's checkpoints, with what goes wrong said in one line."""

import csv
import json

import pytest
import torch
from torch import nn

from weightspace.cli import main

SHORT = ["--metanet", "StatNet", "--steps", "3", "--quiet"]


def test_on_a_zoo(tiny_zoo, tmp_path, capsys):
    command = ["train", "--zoo", str(tiny_zoo.path), "--out", str(tmp_path / "out"), "--baselines", "FlatMLP", *SHORT]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["scores"]) == {"StatNet", "FlatMLP"}
    assert found["nets"] == {"train": 15, "val": 7, "test": 2}
    assert main(["predict", str(tmp_path / "out" / "metanet"), str(tiny_zoo.path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 24


@pytest.fixture
def ckpts(my_folder):
    """Twenty checkpoints of my_nets:plain, and their labels."""
    (my_folder / "ckpts").mkdir()
    with (my_folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "size"])
        for number in range(20):
            torch.manual_seed(number)
            net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
            torch.save({"model": net.state_dict()}, my_folder / "ckpts" / f"{number}.pth")
            table.writerow([f"{number}.pth", number / 20])
    return ["train", "--checkpoints", "ckpts/*.pth", "--module", "my_nets:plain", "--input", "4,2"]


def test_on_checkpoints(ckpts, capsys):
    command = [*ckpts, "--labels", "labels.csv", "--out", "out", "--baselines", "FlatMLP", *SHORT]
    assert main(command) == 0
    assert "| StatNet |" in capsys.readouterr().out
    assert main(["predict", "out/metanet", "ckpts", "--json"]) == 0
    assert {"checkpoint", "size"} <= set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--out", "out"], "--checkpoints needs --module MODULE:NAME and --labels with one CSV file."),
        (["--out", "out", "--labels", "labls.csv"], "labls.csv"),
        (["--out", "out", "--labels", "labels.csv", "--columns", "siez"], "size"),
        (["--out", "out", "--labels", "labels.csv", "--metanet", "StatNt"], "(did you mean 'StatNet'?)"),
    ],
)
def test_what_is_wrong_is_said(ckpts, words, says, capsys):
    assert main([*ckpts, *words, "--quiet"]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert "Traceback" not in message
