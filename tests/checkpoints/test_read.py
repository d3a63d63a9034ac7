import json
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from weightspace.checkpoints import read_checkpoint

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Runs:
    """What a planted pickle does when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return eval, (f"open({str(self.path)!r}, 'w').close()",)


def assert_read(path, wanted=WEIGHTS):
    found, _ = read_checkpoint(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert all(found[name].dtype == wanted[name].dtype for name in wanted)


def test_safetensors_with_metadata(tmp_path):
    save_file(WEIGHTS, tmp_path / "net.safetensors", metadata={"space": "abc"})
    assert_read(tmp_path / "net.safetensors")
    assert read_checkpoint(tmp_path / "net.safetensors")[1] == {"space": "abc"}


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.bin", "net.ckpt", "net", "net.safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_save_under_any_name(tmp_path, name, zipped):
    torch.save(WEIGHTS, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert_read(tmp_path / name)


@pytest.mark.parametrize(
    "saved",
    [
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model": WEIGHTS, "optimizer": {"state": {}, "param_groups": []}},
        {"model_state": {"state_dict": WEIGHTS}, "args": {"lr": 0.1}},
        {f"module.{name}": tensor for name, tensor in WEIGHTS.items()},
        {f"_orig_mod.{name}": tensor for name, tensor in WEIGHTS.items()},
        {f"module._orig_mod.{name}": tensor for name, tensor in WEIGHTS.items()},
        {"a._orig_mod.weight": WEIGHTS["a.weight"], "a.bias": WEIGHTS["a.bias"]},
        {"state_dict": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}},
    ],
)
def test_what_programs_put_around_weights_is_removed(tmp_path, saved):
    torch.save(saved, tmp_path / "net.pt")
    assert_read(tmp_path / "net.pt")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_small_floating_types_become_float32(tmp_path, dtype):
    torch.save({name: tensor.to(dtype) for name, tensor in WEIGHTS.items()}, tmp_path / "net.pt")
    assert_read(tmp_path / "net.pt")


def test_shards(tmp_path):
    for number, (name, tensor) in enumerate(WEIGHTS.items()):
        save_file({name: tensor}, tmp_path / f"model-{number}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {n: f"model-{i}.safetensors" for i, n in enumerate(WEIGHTS)}}))
    assert_read(index)
    (tmp_path / "model-1.safetensors").unlink()
    with pytest.raises(ValueError, match=r"names shards that aren't there: model-1\.safetensors"):
        read_checkpoint(index)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": 1}', '{"weight_map": {"a": "../b.safetensors"}}'])
def test_a_broken_list_of_shards(tmp_path, text):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"must be a JSON object|must name files beside it"):
        read_checkpoint(tmp_path / "model.safetensors.index.json")


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("write", [lambda x: pickle.dumps(x), None])
def test_nothing_in_a_pickle_is_run(tmp_path, name, write):
    planted = {"a": Runs(tmp_path / "ran")}
    if write:
        (tmp_path / name).write_bytes(write(planted))
    else:
        torch.save(planted, tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name} (holds objects besides tensors|isn't a whole file)"):
        read_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_a_whole_module_is_refused_with_the_remedy(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"holds objects besides tensors.*torch\.save\(model\.state_dict\(\)"):
        read_checkpoint(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ([1, 2], r"must hold a dict of tensors by name \(a state_dict\), got a list"),
        ({"epoch": 3}, "got a dict of 'epoch'"),
        ({}, "got a dict of nothing"),
        ({"w": torch.eye(2).to_sparse()}, "'w' must be dense"),
        ({"w": torch.ones(2, dtype=torch.complex64)}, "'w' must hold real numbers"),
        ({"w": torch.ones(2), "_orig_mod.w": torch.ones(2)}, "must hold one set of weights"),
    ],
)
def test_what_holds_no_weights(tmp_path, saved, message):
    torch.save(saved, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path / "net.pt")


def test_files_cut_short(tmp_path):
    save_file({"w": torch.ones(100)}, tmp_path / "net.safetensors")
    torch.save({"w": torch.ones(1000)}, tmp_path / "net.pt")
    for name, message in (("net.safetensors", "a whole safetensors file"), ("net.pt", "neither")):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-50])
        with pytest.raises(ValueError, match=message):
            read_checkpoint(tmp_path / name)
    torch.save({"w": torch.ones(1000)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "old.pt").write_bytes((tmp_path / "old.pt").read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"isn't a whole file of torch\.save"):
        read_checkpoint(tmp_path / "old.pt")


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*nowhere\.safetensors"):
        read_checkpoint(tmp_path / "nowhere.safetensors")
    with pytest.raises(ValueError, match=r"must be a file, but .* is a folder"):
        read_checkpoint(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"must be a \.safetensors file or one that torch\.save wrote"):
        read_checkpoint(tmp_path / "notes.txt")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_of_another_protocol_is_refused_in_one_sentence_and_no_warning(tmp_path, recwarn, zipped):
    path = tmp_path / "net.pt"
    torch.save({"weight": torch.ones(2)}, path, pickle_protocol=4, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"net\.pt"):
        read_checkpoint(path)
    assert not recwarn.list
