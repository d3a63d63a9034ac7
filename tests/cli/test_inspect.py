"""`weightspace inspect`: what is in a checkpoint, as a table, as JSON, as a picture."""

import json

import pytest
import torch

from weightspace.checkpoints import make_module
from weightspace.cli import main


@pytest.fixture
def net(my_folder):
    torch.manual_seed(0)
    weights = make_module("my_nets:plain").state_dict()
    weights["0.weight"][1] = weights["0.weight"][2]
    weights["0.bias"][1] = weights["0.bias"][2]
    weights["2.weight"][:, 0] = 0
    torch.save(weights, my_folder / "net.pth")
    return my_folder


def test_tensors_alone(net, capsys):
    assert main(["inspect", "net.pth"]) == 0
    captured = capsys.readouterr()
    assert "2.weight" in captured.out
    assert "33%" in captured.out
    assert "need the architecture: --module MODULE:NAME" in captured.err


def test_neurons_and_picture_with_a_module(net, capsys):
    command = ["inspect", "net.pth", "--module", "my_nets:plain", "--input", "4,2"]
    assert main([*command, "--draw", "graph.png"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("WeightSpace ")
    assert "Of 3 neurons 1 is dead and 2 are tied to another." in captured.out
    assert "6 neurons and 9 edges in graph.png" in captured.err
    assert (net / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (neurons,) = found["neurons"]
    assert (neurons["size"], neurons["unread"], neurons["constant"], neurons["tied"]) == (3, 1, 0, 2)


def test_a_row_of_a_zoo(tiny_zoo, capsys):
    assert main(["inspect", f"{tiny_zoo.path}@0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["space"] == tiny_zoo.spaces[tiny_zoo.row(0)["space"]].hash


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.pth", "--draw", "g.png"], "--draw needs the architecture"),
        (["net.pth", "--module", "my_nets:small"], "The weights don't fit"),
        (
            ["net.pth", "--module", "my_nets:plain", "--input", "4,2", "--draw", "g.gif"],
            "a .png, .svg or .pdf, got g.gif",
        ),
        (["labels.csv"], "is a table"),
        (["my_nets.py"], "is neither"),
        (["nix.pth"], "There is no checkpoint nix.pth"),
    ],
)
def test_mistakes(net, capsys, words, message):
    assert main(["inspect", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_a_net_too_large_to_draw(net, capsys):
    command = ["graph", "draw", "my_nets:small", "--settings", '{"width": 200}', "--out", "g.png"]
    assert main(command) == 2
    assert "20,000 weights at most, got 41,001" in capsys.readouterr().err
