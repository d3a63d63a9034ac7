"""What is refused when a metanet is loaded."""

import json

import pytest
import torch
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


def with_config(folder, **changes):
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(data | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": "8"}, r"config.json: width must be a whole number, got '8'"),
        ({"width": True}, r"width must be a whole number, got True"),
        ({"width": 10**9}, r"width must be 65536 or less, got 1000000000"),
        ({"layers": 300_000}, r"layers must be 1000 or less, got 300000"),
        ({"dropout": 1.5}, r"dropout must be from 0 up to 1, 1 left out, got 1.5"),
        ({"labels": "x"}, r"labels must be a list, got 'x'"),
        ({"domain": []}, r"domain must be a table, got \[\]"),
        ({"spaces": [{}]}, r"spaces\[0\].names must be a table, got None"),
        ({"spaces": [1]}, r"spaces\[0\] must be a table, got 1"),
        ({"metanet": None}, r"metanet must be text, got None"),
    ],
)
def test_settings_are_read_through_types(saved, changes, message):
    with_config(saved, **changes)
    with pytest.raises(ValueError, match=message):
        load_metanet(saved)


@pytest.mark.parametrize("size", [10**9, 0, -1, None, "x"])
def test_sizes_of_names_are_sane(saved, size):
    space = json.loads(SPACES["mlp"].to_json())
    space["names"]["h1"][0] = size
    with_config(saved, spaces=[space])
    with pytest.raises(ValueError, match=r"names.h1\[0\] must be a whole number from 1 to 100000000, got"):
        load_metanet(saved)


def test_a_space_that_does_not_hold_together_is_refused(saved):
    space = json.loads(SPACES["mlp"].to_json())
    with_config(saved, spaces=[{**space, "sites": [{}]}])
    with pytest.raises(ValueError, match=r"spaces\[0\] must be a weight space as to_dict\(\) writes it"):
        load_metanet(saved)
    space["names"]["h1"][0] = space["names"]["h2"][0] = 10**5
    with_config(saved, spaces=[space])
    with pytest.raises(ValueError, match=r"spaces\[0\] must have 100,000,000 weights at most, got 10,000,"):
        load_metanet(saved)


@pytest.mark.parametrize("text", ["null", "[]", "{", "[" * 100_000, '{"metanet": "StatNet", "metanet": "UNF"}'])
def test_a_configuration_that_is_no_object_is_refused(saved, text):
    (saved / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json must"):
        load_metanet(saved)


def with_tensor(folder, name, tensor):
    save_file(load_file(folder / "model.safetensors") | {name: tensor}, folder / "model.safetensors")


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.complex64])
def test_tensors_that_do_not_float_are_refused(saved, kind):
    with_tensor(saved, "rest.2.bias", torch.zeros(8).to(kind))
    with pytest.raises(ValueError, match=rf"rest.2.bias must be of a floating type, got {kind}. Nothing was loaded"):
        load_metanet(saved)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_tensors_that_are_not_finite_are_refused(saved, bad):
    with_tensor(saved, "rest.2.bias", torch.full((8,), bad))
    with pytest.raises(ValueError, match=r"rest.2.bias must be finite, got NaN or infinity"):
        load_metanet(saved)


def test_other_floating_types_are_converted(saved):
    tensor = torch.randn(8, dtype=torch.float64)
    with_tensor(saved, "rest.2.bias", tensor)
    assert torch.equal(load_metanet(saved).state_dict()["rest.2.bias"], tensor.float())


def test_a_file_that_is_not_whole_is_refused(saved):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"model.safetensors must be a whole safetensors file"):
        load_metanet(saved)


def test_files_that_hold_texts_inside_texts_are_read(tmp_path):
    metanet = StatNet.for_spaces(SPACES["mlp"], domain={"data": {"name": "digits"}}, width=8)
    metanet.save_pretrained(tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    with_config(tmp_path, spaces=[json.dumps(space) for space in data["spaces"]], domain=json.dumps(data["domain"]))
    assert load_metanet(tmp_path).config == metanet.config
    with_config(tmp_path, domain="")
    assert load_metanet(tmp_path).config.domain == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": {"convention": 1}}, r"config.json: domain.convention must be a table, got 1"),
        ({"domain": {"architectures": {}}}, r"config.json: domain.architectures must be a list"),
        ({"domain": "x"}, r"config.json: domain must be JSON text: Expecting value"),
        ({"spaces": ["[" * 10_000]}, r"config.json: spaces\[0\] must be nested less deeply"),
    ],
)
def test_parts_of_a_domain_are_checked(saved, changes, message):
    with_config(saved, **changes)
    with pytest.raises(ValueError, match=message):
        load_metanet(saved)
