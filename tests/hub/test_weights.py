"""Anybody's weights on the Hub, over HTTP: what is fetched of them, and the commands that take them."""

import json

import pytest
import torch
from safetensors.torch import save

from tests.hub.server import Repo
from weightspace.cli import main
from weightspace.hub.weights import fetch_weights, on_hub
from weightspace.nets import build_net
from weightspace.space import WeightSpace


def put(hub, name, files):
    hub.repos[name] = Repo()
    hub.repos[name].commit("main", {"README.md": b"", "pytorch_model.bin": b"a pickle", **files})


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return build_net("mlp", in_features=4, hidden=[5], out_features=3).state_dict()


def test_one_file_or_shards_and_nothing_else_is_fetched(hub, tensors):
    assert on_hub("hf://me/net") and not on_hub("me/net")
    put(hub, "me/whole", {"model.safetensors": save(tensors), "config.json": b"{}"})
    assert {p.name for p in fetch_weights("hf://me/whole").iterdir()} == {"model.safetensors", "config.json"}
    names = list(tensors)
    shards = {"a.safetensors": names[:2], "b.safetensors": names[2:]}
    index = {"weight_map": {name: shard for shard, some in shards.items() for name in some}}
    put(
        hub,
        "me/cut",
        {"model.safetensors.index.json": json.dumps(index).encode()}
        | {shard: save({name: tensors[name] for name in some}) for shard, some in shards.items()},
    )
    folder = fetch_weights("hf://me/cut")
    assert {p.name for p in folder.iterdir()} == {"model.safetensors.index.json", *shards}
    assert not hub.downloads(".bin")


def test_inspect_and_predict_take_them(hub, tensors, capsys):
    put(hub, "me/net", {"model.safetensors": save(tensors)})
    assert main(["inspect", "hf://me/net@main"]) == 0
    assert "linears.0.weight" in capsys.readouterr().out
    assert main(["predict", "digits-accuracy", "hf://me/net"]) == 2  # an MLP, which that metanet doesn't know
    captured = capsys.readouterr().err
    assert "hf://me/net" in captured and "hub-cache" not in captured


@pytest.mark.parametrize(
    "command",
    [
        "edit digits-inr-dilate NET --out new",
        "inspect NET --space space.json",
        "lineage net.safetensors NET --space space.json",
    ],
)
def test_errors_name_what_was_typed(hub, tensors, capsys, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    net = build_net("mlp", in_features=4, hidden=[6], out_features=3)
    (tmp_path / "space.json").write_text(WeightSpace.trace(net, torch.zeros(2, 4)).to_json())
    (tmp_path / "net.safetensors").write_bytes(save(net.state_dict()))
    put(hub, "me/net", {"model.safetensors": save(tensors)})
    assert main(command.replace("NET", "hf://me/net").split()) == 2
    said = capsys.readouterr().err
    assert "hf://me/net" in said and "snapshots" not in said


def test_a_broken_file_of_the_hub_is_named_as_typed(hub, capsys):
    put(hub, "me/broken", {"model.safetensors": b"\x10\0\0\0\0\0\0\0"})
    put(hub, "me/odd", {"model.safetensors": b"", "config.json": b"{}"})
    for name, said in (("hf://me/broken", "isn't a whole"), ("hf://me/odd", "must be JSON with a list of")):
        assert main(["inspect", name]) == 2
        error = capsys.readouterr().err
        assert name in error and said in error and "snapshots" not in error


def test_a_model_of_the_transformers_library_is_traced(hub, tmp_path, capsys):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 20, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).save_pretrained(tmp_path / "gpt")
    put(hub, "me/gpt", {p.name: p.read_bytes() for p in (tmp_path / "gpt").iterdir()})
    assert main(["inspect", "hf://me/gpt"]) == 0
    assert capsys.readouterr().out.startswith("WeightSpace ")


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, "hf://me/net", "must hold model.safetensors"),
        ({"model.safetensors.index.json": b"[]"}, "hf://me/net", "must map tensors to .safetensors files beside it"),
        (
            {"model.safetensors.index.json": b'{"weight_map": {"w": "../../w.safetensors"}}'},
            "hf://me/net",
            "must map tensors to .safetensors files beside it",
        ),
        ({"model.safetensors": b"x"}, "hf://me/other", "no model 'me/other' on the Hub"),
        ({"model.safetensors": b"x"}, "hf://me/net@v9", "has no revision 'v9'"),
        ({"model.safetensors": b"x"}, "hf://net", "is written hf://owner/name"),
    ],
)
def test_what_cannot_be_fetched(hub, capsys, files, name, message):
    put(hub, "me/net", files)
    assert main(["inspect", name]) == 2
    assert message in capsys.readouterr().err
