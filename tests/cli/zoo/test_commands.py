"""The commands on zoos: rendering, importing, data folders, engines and nets of one's own."""

import json

import numpy as np
import pytest
import torch

from weightspace.cli import main
from weightspace.cli.zoo.flags import numbers
from weightspace.nets import build_net
from weightspace.zoo import Zoo

FITS = """
name = "fits"
nets = 5
[data]
name = "digits"
[net]
name = "siren"
hidden = [4]
[train]
steps = 2
"""
MINE = """
name = "mine"
nets = 2
[data]
name = "{data}"
[net]
name = "own_of_cli:make"
[train]
steps = 2
"""
MODULE = """
from torch import nn
from weightspace.nets import net_factory

@net_factory(inputs=(1, 8, 8))
def make(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, 10))
"""


def run(*command):
    return main([str(word) for word in command])


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("render", "how weights become a picture"),
        ("import", "checkpoint_N/checkpoints"),
        ("build", "--engine {local,ray}"),
        ("build", "DIR/mnist with the IDX files"),
        ("verify", "--data-root DIR"),
    ],
)
def test_help_teaches(command, says, capsys):
    with pytest.raises(SystemExit):
        main(["zoo", command, "--help"])
    assert says.lower() in " ".join(capsys.readouterr().out.lower().split())


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits")
    (folder / "fits.toml").write_text(FITS)
    assert run("zoo", "build", folder / "fits.toml", "--out", folder / "zoo", "--workers", 1, "--quiet") == 0
    return folder / "zoo"


def test_render(fits, tmp_path, capsys):
    assert run("zoo", "render", fits, "--out", tmp_path / "wall.png", "--nets", "0-2,4", "--resolution", 5) == 0
    assert "4 nets" in capsys.readouterr().err
    assert (tmp_path / "wall.png").read_bytes().startswith(b"\x89PNG")
    label = Zoo(fits).row(0)["label"]
    assert run("zoo", "render", fits, "--out", tmp_path / "wall.png", "--label", label) == 0
    assert run("zoo", "render", fits, "--out", tmp_path / "wall.png", "--nets", "9") == 2
    assert "has no net 9 to choose; it has 5 such nets" in capsys.readouterr().err


def test_what_cannot_be_rendered(tiny_zoo, tmp_path, capsys):
    assert run("zoo", "render", tiny_zoo.path, "--out", tmp_path / "wall.png") == 2
    assert "holds no implicit representations" in capsys.readouterr().err


def test_lists_of_numbers(capsys):
    assert numbers("3,0-2") == [3, 0, 1, 2]
    with pytest.raises(SystemExit):
        main(["zoo", "render", "z", "--out", "w.png", "--nets", "1..3"])
    assert "must be numbers like 3, 0-15 or 0-15,40, got '1..3'" in capsys.readouterr().err


def test_import_of_inrs_with_the_flags_of_a_convention(tmp_path, capsys):
    net = build_net("siren", hidden=[4], out_features=3)
    for label, image in ((2, 7), (5, 60_000)):
        (tmp_path / "siren" / f"randinit_smaller_{label}s").mkdir(parents=True)
        state = {f"net.{k}.linear.{n}": t for k, m in enumerate(net.linears) for n, t in m.state_dict().items()}
        torch.save(state, tmp_path / "siren" / f"randinit_smaller_{label}s" / f"net{image}.pth")
    command = ["zoo", "import", "inr", tmp_path / "siren", "--layout", "nfn", "--out", tmp_path / "zoo", "--w0", 20]
    assert run(*command, "--shape", 4, 6, "--coordinates", 0, 1, "--values", -2, 2, "--name", "theirs") == 0
    zoo = Zoo(tmp_path / "zoo")
    convention = zoo.convention
    assert (convention.shape, convention.coordinates, convention.low, convention.peak) == ((4, 6), (0, 1), -2, 4)
    assert convention.architecture.settings["w0_hidden"] == 20 and zoo.manifest["name"] == "theirs"
    assert zoo.table["split"].to_pylist() == ["train", "test"]
    assert run(*command, "--image-size", 28) == 2
    assert "--image-size belongs to 'small-cnn', not to 'inr'" in capsys.readouterr().err


def test_import_of_a_ray_folder(tmp_path, capsys):
    net = build_net("mlp", in_features=6, hidden=[3], out_features=2)
    (tmp_path / "ray" / "t0" / "checkpoint_3").mkdir(parents=True)
    (tmp_path / "ray" / "t0" / "params.json").write_text(json.dumps({"seed": 4, "optim::lr": 0.1}))
    torch.save(net.state_dict(), tmp_path / "ray" / "t0" / "checkpoint_3" / "checkpoints")
    settings = json.dumps({"in_features": 6, "hidden": [3], "out_features": 2})
    command = ["zoo", "import", "ray", tmp_path / "ray", "--out", tmp_path / "zoo"]
    assert run(*command, "--net", "mlp", "--settings", settings) == 0
    assert (Zoo(tmp_path / "zoo").row(0)["seed"], Zoo(tmp_path / "zoo").row(0)["epoch"]) == (4, 3.0)
    assert run(*command[:-1], tmp_path / "zoo2") == 2
    assert "model::type None; known are CNN, CNN2, CNN3, MLP" in capsys.readouterr().err
    for wrong, message in (("{", "must be JSON"), ("[1]", "must be a JSON object")):
        with pytest.raises(SystemExit):
            run(*command, "--settings", wrong)
        assert message in capsys.readouterr().err


def test_imported_zoos_are_verified_by_checksum_alone(tmp_path, capsys):
    test_import_of_inrs_with_the_flags_of_a_convention(tmp_path, capsys)
    assert run("zoo", "verify", tmp_path / "zoo", "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["sound"], verdict["states"], verdict["evaluated"]) == (True, 2, 0)


def test_nets_of_ones_own_and_a_folder_of_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WEIGHTSPACE_DATA", "")
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    arrays = {"x_train": images, "y_train": np.arange(40) % 10, "x_test": images[:20], "y_test": np.arange(20) % 10}
    np.savez(tmp_path / "data" / "mnist" / "mnist.npz", **arrays)
    (tmp_path / "own_of_cli.py").write_text(MODULE)
    (tmp_path / "mine.toml").write_text(MINE.format(data='mnist"\nval = 10\n#'))
    monkeypatch.chdir(tmp_path)
    build = ["zoo", "build", "mine.toml", "--out", "zoo", "--workers", 1, "--quiet", "--data-root", "data"]
    assert run(*build) == 2
    assert "--import own_of_cli" in capsys.readouterr().err
    assert run(*build, "--import", "nowhere_to_be_found") == 2
    assert "run the command where nowhere_to_be_found can be imported" in capsys.readouterr().err
    assert run(*build, "--import", "own_of_cli") == 0
    assert run("zoo", "verify", "zoo", "--data-root", "data", "--import", "own_of_cli", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluated"] == 2
    assert run("zoo", "verify", "zoo", "--data-root", "elsewhere") == 2
    assert "--data-root elsewhere is no folder" in capsys.readouterr().err


def test_a_value_of_the_wrong_type_is_a_message(tmp_path, capsys):
    (tmp_path / "bad.toml").write_text(FITS.replace("steps = 2", 'steps = "two"'))
    assert run("zoo", "build", tmp_path / "bad.toml", "--out", tmp_path / "zoo") == 2
    assert "bad.toml: [train]: steps must be a whole number, got 'two'" in capsys.readouterr().err


def test_list_and_export(fits, tmp_path, capsys):
    assert run("zoo", "list") == 0
    assert "digits-cnn" in capsys.readouterr().out
    assert run("zoo", "list", "--json") == 0
    assert {"name", "nets", "data", "description"} == set(json.loads(capsys.readouterr().out)[0])
    assert run("zoo", "export", fits, "--out", tmp_path / "out", "--nets", "0-1") == 0
    assert "2 checkpoints and labels.csv" in capsys.readouterr().err
    assert len(list((tmp_path / "out").glob("*.safetensors"))) == 2
    assert run("zoo", "export", fits, "--out", tmp_path / "out") == 2
    assert "must be a new or an empty folder" in capsys.readouterr().err
