"""Zoos of somebody's own data: functions that give examples, folders of images, and nets that can't be stacked."""

import os
import shutil

import numpy as np
import pytest
import torch

from tests.zoo import own_data, own_nets
from weightspace.machine.data_root import data_root, using_data_root
from weightspace.space import WeightSpace
from weightspace.zoo import Recipe, Zoo, build_zoo, describe_zoo, verify_zoo

READERS = {
    "name": "readers",
    "nets": 5,
    "data": {"name": own_data.sentences, "count": 60},
    "net": {"name": own_nets.reader, "width": [3, 4]},
    "train": {"lr": 0.02, "dropout": [0.0, 0.3], "batch_size": 8, "steps": 12},
    "store": {"shard": 3},
}
ROWS = {
    "name": "rows",
    "nets": 3,
    "data": {"name": own_data.table},
    "net": {"name": "mlp", "in_features": 5, "hidden": (4,), "out_features": 2},
    "train": {"lr": 0.02, "steps": 10, "batch_size": 8},
}


def changed(recipe, **tables):
    return {**recipe, **tables}


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    said = []
    folder = tmp_path_factory.mktemp("zoo") / "readers"
    return build_zoo(READERS, folder, workers=1, progress=False, say=said.append), said


def test_lstms_on_token_ids_train_one_by_one_and_it_is_said_once(readers):
    zoo, said = readers
    assert len(said) == 1
    assert "can't be stacked by torch.func" in said[0]
    assert "one by one" in said[0]
    assert len(zoo) == 5
    assert verify_zoo(zoo.path).sound
    module = zoo.module(0)
    assert WeightSpace.trace(module, *module.example_inputs()) == zoo.filter(net=0).space


def test_a_net_trained_alone_is_the_same_in_any_stack(readers, tmp_path):
    alone = build_zoo(changed(READERS, store={"shard": 1}), tmp_path / "alone", workers=2, progress=False)
    assert alone.table["checksum"].to_pylist() == readers[0].table["checksum"].to_pylist()


def test_dropout_acts_on_nets_trained_alone(readers, tmp_path):
    still = changed(READERS, train={**READERS["train"], "dropout": 0.0})
    zoo = build_zoo(still, tmp_path / "still", workers=1, progress=False)
    before, after = readers[0].table.to_pylist(), zoo.table.to_pylist()
    pairs = [(a["checksum"] == b["checksum"], a["dropout"] == 0) for a, b in zip(before, after, strict=True)]
    assert {same for same, _ in pairs} == {True, False}
    assert all(same == undropped for same, undropped in pairs)


def test_rows_of_a_table(tmp_path):
    zoo = build_zoo(ROWS, tmp_path / "rows", workers=1, progress=False)
    assert verify_zoo(zoo.path).sound
    assert zoo.recipe.data == {"name": "tests.zoo.own_data:table"}
    assert zoo.recipe.imports == ("tests.zoo.own_data",)


def test_the_code_of_a_data_factory_is_part_of_the_recipe(monkeypatch):
    before = Recipe.from_dict(ROWS)
    assert before.code == own_data.table.code
    monkeypatch.setattr(type(own_data.table), "code", property(lambda factory: "0123456789abcdef"))
    assert Recipe.from_dict(ROWS).hash != before.hash
    assert len(Recipe.from_dict(READERS).code) == 16


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (changed(ROWS, data={"name": own_data.restless}), "must give the same examples at every call"),
        (changed(READERS, net={"name": own_nets.noisy}), "draws random numbers when it is trained"),
        (changed(READERS, net={"name": "mlp", "in_features": 6, "out_features": 2}), "whole=True. is for token ids"),
        (changed(ROWS, data={"name": own_data.unmarked}), "mark .* with @data_factory first"),
        (changed(ROWS, data={"name": own_data.table, "row": 3}), r"unknown key 'row'; .*did you mean 'rows'"),
    ],
)
def test_what_can_not_be_trained_is_refused(tmp_path, recipe, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build_zoo(recipe, tmp_path / "out", workers=1, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_images_is_a_zoo_that_stays_readable_without_it(tmp_path, monkeypatch):
    data = tmp_path / "data"
    (data / "mine").mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.savez(data / "mine" / "a.npz", x=rng.integers(0, 256, (40, 8, 8), dtype=np.uint8), y=np.arange(40) % 3)
    monkeypatch.setenv("WEIGHTSPACE_DATA", str(data))
    recipe = changed(ROWS, data={"name": "mine"}, net={**ROWS["net"], "in_features": 64, "out_features": 3})
    zoo = build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    assert verify_zoo(zoo.path).sound
    monkeypatch.delenv("WEIGHTSPACE_DATA")
    again = Zoo(zoo.path)
    assert again.recipe.hash == zoo.recipe.hash
    assert describe_zoo(again)["nets"] == 3
    assert torch.equal(again[0][0]["linears.0.weight"], zoo[0][0]["linears.0.weight"])
    with pytest.raises(ValueError, match="unknown data 'mine'"):
        again.evaluate(0)
    with pytest.raises(
        ValueError, match=r"\[data\]: unknown data 'mine'; known are .* a folder DIR/mine with --data-root"
    ):
        Recipe.from_dict(recipe)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_changes_no_environment_and_its_workers_know_the_folder(tmp_path, monkeypatch, workers):
    monkeypatch.delenv("WEIGHTSPACE_DATA", raising=False)
    (tmp_path / "data" / "mine").mkdir(parents=True)
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "data" / "mine" / "a.npz", x=x, y=np.arange(40) % 3)
    net = {**ROWS["net"], "in_features": 64, "out_features": 3}
    recipe, before = changed(ROWS, data={"name": "mine"}, net=net, store={"shard": 2}), dict(os.environ)
    zoo = build_zoo(recipe, tmp_path / "zoo", workers=workers, progress=False, data_root=tmp_path / "data")
    after = {name: value for name, value in os.environ.items() if not name.startswith("TORCH")}  # PyTorch's own
    assert after.items() <= before.items() and len(zoo.final()) == 3
    with using_data_root(tmp_path / "data"):
        assert verify_zoo(zoo.path).sound and verify_zoo(zoo.path).evaluated == len(zoo)
    assert data_root() is None


def test_another_folder_of_that_name_is_another_recipe(tmp_path, monkeypatch):
    hashes = []
    for seed in (0, 1):
        folder = tmp_path / str(seed) / "mine"
        folder.mkdir(parents=True)
        x = np.random.default_rng(seed).integers(0, 256, (20, 8, 8), dtype=np.uint8)
        np.savez(folder / "a.npz", x=x, y=np.arange(20) % 2)
        monkeypatch.setenv("WEIGHTSPACE_DATA", str(tmp_path / str(seed)))
        hashes.append(Recipe.from_dict(changed(ROWS, data={"name": "mine"})).hash)
        shutil.copytree(tmp_path / str(seed), tmp_path / f"copy{seed}")
        monkeypatch.setenv("WEIGHTSPACE_DATA", str(tmp_path / f"copy{seed}"))
        assert Recipe.from_dict(changed(ROWS, data={"name": "mine"})).hash == hashes[-1]
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("workers", [0, -2])
def test_there_must_be_a_worker(tmp_path, workers):
    with pytest.raises(ValueError, match=f"workers must be at least 1, got {workers}; leave it out"):
        build_zoo("digits-cnn", tmp_path / "zoo", workers=workers)
