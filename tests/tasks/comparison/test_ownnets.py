"""One's own checkpoints and zoos: a metanet, its baselines and the table, in one call that can be repeated."""

import json
from dataclasses import replace

import pytest
import torch

from tests.tasks.labelled.test_labelledfiles import Net, write
from weightspace import load_metanet
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.ownnets import train_on_checkpoints, train_on_zoo
from weightspace.tasks.prediction.files import predict_files
from weightspace.tasks.training.train import TrainConfig

SHORT = TrainConfig(steps=3, batch_size=8, warmup=1, judge_every=2)


def test_checkpoints_become_a_metanet_and_a_table(tmp_path):
    files, labels = write(tmp_path, 24, accuracy=lambda n: n / 24)
    said, out = [], tmp_path / "out"
    found = train_on_checkpoints(files, Net, labels, out, training=SHORT, say=said.append, progress=False)
    assert list(found.scores) == ["SpaceNet", "FlatMLP", "boosting on statistics"]
    assert said == [
        "train 16, val 4, test 4 nets", "SpaceNet", "FlatMLP", "boosting on statistics",
        "boosting on hyperparameters: left out, it has nothing to read: the recipe varies nothing",
    ]  # fmt: skip
    assert (out / "table.md").read_text() == found.table
    assert json.loads((out / "table.json").read_text())["nets"] == {"train": 16, "val": 4, "test": 4}
    predicted = predict_files(load_metanet(out / "metanet"), [tmp_path / "net-3.pth"])
    assert set(next(iter(predicted.values()))) == {"accuracy"}


def test_called_again_it_only_reads(tmp_path, monkeypatch):
    files, labels = write(tmp_path, 24)
    options = {"training": SHORT, "progress": False, "metanet": "StatNet", "baselines": ("FlatMLP",)}
    found = train_on_checkpoints(files, Net, labels, tmp_path / "out", **options)
    for name in ("StatNet", "FlatMLP"):
        monkeypatch.setitem(METHODS, name, replace(METHODS[name], run=lambda split, run: pytest.fail("was run again")))
    assert train_on_checkpoints(files, Net, labels, tmp_path / "out", **options) == found


def test_several_widths_and_no_baselines(tmp_path):
    files, labels = write(tmp_path, 30, widths=(4, 6))
    options = {"training": SHORT, "progress": False, "baselines": ()}
    found = train_on_checkpoints(files, Net, labels, tmp_path / "out", **options)
    assert list(found.scores) == ["SpaceNet"]


def test_a_zoo_trains_the_metanet_that_is_asked_for(tiny_zoo, tmp_path):
    relu, options = tiny_zoo.filter(activation="relu"), {"training": SHORT, "progress": False}
    found = train_on_zoo(relu, ["gap"], tmp_path, baselines=("ProbeNet",), **options)
    assert list(found.scores) == ["SpaceNet", "ProbeNet"]
    assert load_metanet(tmp_path / "metanet").config.domain["data"]["name"] == "digits"


def test_what_can_not_be_done_is_said_before_anything_is_trained(tiny_zoo, tmp_path):
    with pytest.raises(ValueError, match=r"A method must be one of SpaceNet.*got 'SpaceNt'"):
        train_on_zoo(tiny_zoo, ["gap"], tmp_path, metanet="SpaceNt")
    with pytest.raises(ValueError, match="DWSNet must be able to take these nets, but it takes perceptrons only"):
        train_on_zoo(tiny_zoo, ["gap"], tmp_path, metanet="DWSNet")
    assert not list(tmp_path.iterdir())


class Reader(torch.nn.Module):
    """An LSTM: its gates cut a layer in parts."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(2, 3, batch_first=True)
        self.last = torch.nn.Linear(3, 1)

    def forward(self, x):
        return self.last(self.lstm(x)[0][:, -1])

    def example_inputs(self):
        return (torch.randn(3, 4, 2),)


@pytest.mark.parametrize("followed", [True, False])
def test_probes_are_followed_through_gates_and_where_they_cant_be_the_weights_alone_are_read(
    tmp_path, monkeypatch, followed
):
    if not followed:
        monkeypatch.setattr("weightspace.tasks.comparison.jobs.obstacles._answers", lambda space: False)
    with open(tmp_path / "labels.csv", "w") as labels:
        labels.write("file,score\n")
        for number in range(20):
            torch.manual_seed(number)
            torch.save(Reader().state_dict(), tmp_path / f"{number}.pth")
            labels.write(f"{number}.pth,{number / 20}\n")
    said, options = [], {"training": SHORT, "progress": False, "baselines": ()}
    found = train_on_checkpoints(
        tmp_path / "*.pth", Reader, tmp_path / "labels.csv", tmp_path / "out", say=said.append, **options
    )
    assert list(found.scores) == ["SpaceNet" if followed else "SpaceNet, weights only"]
    answer = "SpaceNet follows signals through nets, and can't through all of these: it reads weights only."
    assert (answer in said) != followed
    assert list(predict_files(load_metanet(tmp_path / "out" / "metanet"), [tmp_path / "3.pth"]).values())
