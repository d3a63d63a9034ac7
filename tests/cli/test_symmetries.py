"""`weightspace symmetries` and `weightspace graph draw`, on a net of somebody's own."""

import json

import torch
from safetensors.torch import save_file

from weightspace.cli import main
from weightspace.space import WeightSpace


def test_symmetries(my_folder, capsys):
    assert main(["symmetries", "my_nets:small", "--out", "space.json"]) == 0
    shown = capsys.readouterr().out
    assert "first first" in shown
    assert "Proved in float64" in shown
    space = WeightSpace.from_json((my_folder / "space.json").read_text())
    assert space.free == ("first",)
    assert main(["symmetries", "my_nets:tokens", "--input", "2,5:int", "--json"]) == 0
    assert WeightSpace.from_dict(json.loads(capsys.readouterr().out)).free


def test_a_wrong_input_names_the_line(my_folder, capsys):
    assert main(["symmetries", "my_nets:small", "--input", "3,5"]) == 2
    message = capsys.readouterr().err
    assert "my_nets.py:14: x = torch.relu(self.first(x))" in message
    assert "Traceback" not in message


def test_graph_draw(my_folder, capsys):
    assert main(["graph", "draw", "my_nets:small", "--out", "pictures/graph.png"]) == 0
    assert (my_folder / "pictures" / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert "15 neurons and 36 edges" in capsys.readouterr().err
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    save_file(net.state_dict(), my_folder / "net.safetensors")
    command = ["graph", "draw", "my_nets:plain", "--input", "4,2", "--checkpoint", "net.safetensors", "--out", "g.svg"]
    assert main(command) == 0
    assert (my_folder / "g.svg").read_text().startswith("<?xml")
    save_file({"w": torch.ones(2)}, my_folder / "net.safetensors")
    assert main(command) == 2
