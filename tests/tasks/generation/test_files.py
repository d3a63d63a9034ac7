"""Generated nets as files, and the command on architectures that no zoo can store."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.generators.cases import make, space
from weightspace import Zoo
from weightspace.cli import main
from weightspace.generators import Fresh
from weightspace.space import WeightSpace
from weightspace.tasks.generation import files
from weightspace.tasks.generation.files import write_files

NETS = """
from torch import nn
from weightspace.nets import net_factory


@net_factory(inputs=(1, 8, 8))
def thin(width: int = 4):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 3))


def plain():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
"""


def test_each_net_is_a_file_and_the_same_whatever_the_stack(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SHARD", 2)
    soup = make("Soup", noise=0.1)
    written = write_files(soup, space("cnn"), 5, tmp_path / "new", prompt={"accuracy": 0.8}, seed=3)
    assert [path.name for path in written] == [f"net-{net:05d}.safetensors" for net in range(5)]
    drawn = soup.sample(space("cnn"), 5, prompt={"accuracy": 0.8}, seed=3)
    for net, path in enumerate(written):
        assert all(torch.equal(tensor, drawn[name][net]) for name, tensor in load_file(path).items())
    with safe_open(written[4], "pt") as file:
        note = file.metadata()
    assert note == {"space": space("cnn").hash, "generator": "Soup", "seed": "3", "net": "4",
                    "prompt": '{"accuracy": 0.8}'}  # fmt: skip


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        write_files(make("Soup"), space("cnn"), 2, tmp_path)
    with pytest.raises(ValueError, match="n must be a whole number of 1 or more"):
        write_files(make("Soup"), space("cnn"), 0, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_nothing_is_written_where_no_net_is_finite(tmp_path):
    broken = make("Soup", members=1)
    broken.nets[:] = float("nan")
    with pytest.raises(ValueError, match="None of the 2 nets that Soup gave is finite"):
        write_files(broken, space("cnn"), 2, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with nets of one's own and a generator that takes any space."""
    (tmp_path / "generated_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    net = torch.nn.Linear(2, 1)
    Fresh.for_spaces(WeightSpace.trace(net, torch.zeros(2, 2))).save_pretrained("fresh")
    return tmp_path


def test_a_marked_function_makes_a_zoo_and_another_one_files(folder, capsys):
    thin = ["generate", "fresh", "--module", "generated_nets:thin", "--settings", '{"width": 6}', "-n", "2", "--quiet"]
    assert main([*thin, "--out", "thin"]) == 0, capsys.readouterr().err
    zoo = Zoo("thin")
    assert zoo.architecture.net == "generated_nets:thin" and dict(zoo.architecture.settings) == {"width": 6}
    assert zoo.module(0)(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
    plain = ["generate", "fresh", "--module", "generated_nets:plain", "-n", "2", "--out", "plain", "--quiet"]
    assert main(plain) == 2
    assert "has no example_inputs(), so what it is run on must be said: --input" in capsys.readouterr().err
    assert main([*plain, "--input", "2,2"]) == 0
    assert load_file("plain/net-00001.safetensors")["0.weight"].shape == (3, 2)
    assert "2 nets in plain." in capsys.readouterr().err


def test_nets_like_a_folder_of_the_transformers_library(folder, capsys):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 20, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    net = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))
    net.save_pretrained("gpt")
    assert main(["generate", "fresh", "--like", "gpt", "-n", "1", "--out", "new", "--quiet"]) == 0
    written = load_file("new/net-00000.safetensors")
    assert {name: tensor.shape for name, tensor in net.state_dict().items() if name in written} == {
        name: tensor.shape for name, tensor in written.items()
    }
    assert main(["generate", "fresh", "--like", "gpt", "--settings", "{}", "-n", "1", "--out", "x"]) == 2
    assert "--settings goes with --module" in capsys.readouterr().err
