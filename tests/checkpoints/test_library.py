"""Folders of the transformers library."""

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from weightspace.checkpoints.library import is_library_folder, read_library_folder
from weightspace.cli import main
from weightspace.space import WeightSpace


def tiny(kind, **settings):
    transformers = pytest.importorskip("transformers")
    configs = {
        "Llama": transformers.LlamaConfig, "GPT2": transformers.GPT2Config, "ViT": transformers.ViTConfig,
    }  # fmt: skip
    models = {
        "Llama": transformers.LlamaForCausalLM, "GPT2": transformers.GPT2LMHeadModel,
        "ViT": transformers.ViTForImageClassification,
    }  # fmt: skip
    return models[kind](configs[kind](**settings))


SIZES = {
    "Llama": {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
              "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32},
    "GPT2": {"vocab_size": 20, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32},
    "ViT": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24,
            "image_size": 8, "patch_size": 4, "num_channels": 1, "num_labels": 3},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    def write(name, kind="Llama", seed=0):
        torch.manual_seed(seed)
        tiny(kind, **SIZES[kind]).save_pretrained(tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("kind", SIZES)
def test_a_model_is_read_and_traced(folder, kind):
    path = folder("net", kind)
    assert is_library_folder(path)
    net, inputs, weights = read_library_folder(path)
    space = WeightSpace.trace(net, *inputs)
    assert space.report.sound and not space.report.failed
    assert space.moved > 0.5
    space.check(weights)
    assert "complex" in [group.kind for group in space.matrices] or kind != "Llama"


def test_two_folders_are_aligned_and_merged(folder, tmp_path):
    one, other = folder("one"), folder("two", seed=1)
    net, inputs, weights = read_library_folder(one)
    space = WeightSpace.trace(net, *inputs)
    hidden = space.apply(space.random_symmetry(torch.Generator().manual_seed(0)), weights)
    own = load_file(other / "model.safetensors")
    save_file({n: hidden[n].contiguous().clone() for n in own}, other / "model.safetensors", {"format": "pt"})
    assert main(["align", str(one), str(other), "--out", str(tmp_path / "back.safetensors")]) == 0
    back = load_file(tmp_path / "back.safetensors")
    assert max(float((back[n] - t).abs().max()) for n, t in weights.items()) < 1e-3
    assert main(["merge", str(one), str(other), "--out", str(tmp_path / "merged.safetensors")]) == 0


def test_nets_of_two_architectures_are_named(folder, capsys):
    assert main(["align", str(folder("one")), str(folder("two", "GPT2")), "--out", "x.safetensors"]) == 2
    assert "different weight spaces" in capsys.readouterr().err


def test_weights_that_do_not_fit_are_refused(folder):
    path = folder("net")
    tensors = load_file(path / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"don't fit its config\.json: missing keys .*model\.norm\.weight"):
        read_library_folder(path)


def test_pickled_weights_are_not_read(folder):
    path = folder("net")
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="can't be read by transformers"):
        read_library_folder(path)


def test_an_unknown_architecture_is_named(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["AutoMagic"]}))
    with pytest.raises(ValueError, match="names the architecture 'AutoMagic', which transformers doesn't have"):
        read_library_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="must be JSON with a list of architectures"):
        read_library_folder(tmp_path)


def test_without_the_library_it_is_said(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"isn't installed: pip install 'weightspace\[transformers\]'"):
        read_library_folder(tmp_path)
