"""What is refused when a metanet is loaded."""

import json

import pytest
from safetensors.torch import load_file, save_file

from tests.graphs.spaces import SPACES
from weightspace.metanets import GraphMetanet, StatNet, load_metanet


@pytest.fixture
def saved(tmp_path):
    StatNet.for_spaces(SPACES["mlp"], width=8).save_pretrained(tmp_path)
    return tmp_path


def test_missing_and_unknown_tensors_are_listed(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["strange"] = tensors.pop("rest.2.weight")
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(ValueError, match=r"missing: \['rest.2.weight'\], unknown: \['strange'\]"):
        load_metanet(saved)


def test_tensors_of_another_shape_are_listed(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["rest.2.bias"] = tensors["rest.2.bias"][:3].clone()
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(ValueError, match=r"of another shape: \['rest.2.bias \(3,\) instead of \(8,\)'\]"):
        load_metanet(saved)


def test_unknown_keys_of_the_configuration_are_refused(saved):
    data = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**data, "depth": 3}))
    with pytest.raises(ValueError, match=r"a StatNetConfig has the keys .*; unknown: \['depth'\]"):
        load_metanet(saved)


def test_an_unknown_class_is_refused(saved):
    data = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**data, "metanet": "Oracle"}))
    with pytest.raises(ValueError, match="holds a metanet 'Oracle'; known are SpaceNet"):
        load_metanet(saved)


def test_another_class_is_named(saved):
    with pytest.raises(ValueError, match=r"holds a StatNet, not a GraphMetanet. Use load_metanet"):
        GraphMetanet.from_pretrained(saved)


def test_a_folder_without_weights_is_refused(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors"):
        load_metanet(saved)


def test_no_pickle_is_written(saved):
    assert {path.name for path in saved.iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_the_configuration_is_readable_json(tmp_path):
    domain = {"data": {"name": "digits", "sizes": (8, 8)}, "architectures": [{"net": "mlp", "settings": {}}]}
    metanet = StatNet.for_spaces(SPACES["mlp"], domain=domain)
    metanet.save_pretrained(tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    assert data["spaces"][0]["tensors"]["0.weight"]["axes"] == SPACES["mlp"].to_dict()["tensors"]["0.weight"]["axes"]
    assert data["domain"]["data"] == {"name": "digits", "sizes": [8, 8]}
    assert load_metanet(tmp_path).config == metanet.config


def test_a_domain_must_be_json():
    with pytest.raises(ValueError, match=r"domain must hold JSON values, got .*nan"):
        StatNet.for_spaces(SPACES["mlp"], domain={"data": float("nan")})
