"""Net `i` depends on the recipe and `i` alone: not on the number of nets, on shards, stacks or stopped builds."""

import dataclasses
import shutil

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.zoo import Recipe, Zoo, build_zoo, gallery, verify_zoo
from weightspace.zoo.build.shards import build_shard, run_shard, shard_count, shard_nets, stacks, whole_shard
from weightspace.zoo.recipe.store import Store

OFFLINE = {"coloured-digits", "digits", "shapes", "waves"}
STEPS = 3


def short(name: str, **store: int) -> Recipe:
    """A recipe of the gallery with few steps, on little data, that saves the end alone."""
    recipe = Recipe.load(name)
    train = {key: value for key, value in recipe.train.items() if key not in ("steps", "epochs")}
    data = recipe.data | ({"count": 40} if "count" in recipe.data else {})
    save = dataclasses.replace(recipe.save, count=1, points=(), initial=False, evaluate=100)
    fit = dataclasses.replace(recipe.fit, meta_steps=min(recipe.fit.meta_steps, 2))
    changed = dataclasses.replace(recipe, train=train | {"steps": STEPS}, data=data, save=save, fit=fit)
    return dataclasses.replace(changed, store=dataclasses.replace(recipe.store, **store))


def states(recipe: Recipe, nets: int) -> dict:
    """Weights and metrics of the last state of every net."""
    recipe = recipe.with_nets(nets)
    shards = (run_shard(recipe, shard, lambda nets: None) for shard in range(shard_count(recipe)))
    return {state.trial.net: (state.weights, state.metrics) for shard in shards for state in shard}


def differing(some: dict, whole: dict) -> list[int]:
    return [
        net
        for net, (weights, metrics) in some.items()
        if metrics != whole[net][1] or not all(torch.equal(w, whole[net][0][name]) for name, w in weights.items())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in gallery() if Recipe.load(name).data["name"] in OFFLINE])
def test_a_zoo_begins_with_every_shorter_one(name):
    recipe = short(name)
    whole = states(recipe, 160)
    for nets in (7, 50, 129, 130):
        some = states(recipe, nets)
        assert sorted(some) == list(range(nets)) and differing(some, whole) == []


@pytest.mark.parametrize("name", ["digits-cnn", "digits-park", "resnet-tiny", "digits-inr"])
def test_neither_shards_nor_stacks_matter(name):
    whole = states(short(name), 24)
    for store in ({"shard": 5}, {"stack": 3}, {"shard": 1}):
        assert differing(states(short(name, **store), 24), whole) == []


@pytest.mark.parametrize("settings", [{"norm": "batch", "hidden": [10, 3]}, {"norm": "layer", "activation": "gelu"}])
def test_neither_shards_nor_stacks_matter_for_perceptrons_with_norms(settings):
    recipe = {"name": "p", "nets": 9, "data": {"name": "digits"}, "net": {"name": "mlp", **settings}}
    recipe = Recipe.from_dict(recipe | {"train": {"lr": 0.01, "steps": 4, "dropout": 0.2}})
    alone = dataclasses.replace(recipe, store=Store(shard=1))
    assert differing(states(alone, 9), states(recipe, 9)) == []


def test_a_net_that_fails_is_noticed_at_a_step_of_its_own(recipe):
    wild = recipe.text.replace("lr = {low = 1e-3, high = 1e-1, log = true}", "lr = [0.01, 1e3]\nl2 = 15.0")
    wild = Recipe.from_toml(wild.replace('["adam", "sgd", "rmsprop"]', '"sgd"').replace("steps = 12", "steps = 40"))
    alone = dataclasses.replace(wild, store=Store(shard=1))
    ours, wanted = states(alone, 12), states(wild, 12)
    assert sorted(ours) == sorted(wanted)
    assert any(w.isnan().any() for net in wanted for w in wanted[net][0].values())
    assert all(
        torch.equal(w.nan_to_num(), wanted[net][0][k].nan_to_num()) for net in ours for k, w in ours[net][0].items()
    )


def test_on_a_gpu_a_stack_is_that_of_the_whole_shard(recipe):
    data = load_dataset(**recipe.data)

    def kept(nets: int) -> list[list[int]]:
        asked = recipe.with_nets(nets)
        groups = stacks(asked, whole_shard(asked, shard_count(asked) - 1), data, "cuda")
        return [[trial.net for trial in group] for group in groups]

    assert kept(7) == kept(10) and {net for group in kept(7) for net in group} == set(range(5, 10))


def stop_build(recipe, out, nets, monkeypatch, where):
    """Builds until so many shards are finished, or until just before or after the manifest is written."""
    built = []

    def shard(recipe, number, *rest):
        if len(built) == where:
            raise KeyboardInterrupt
        build_shard(recipe, number, *rest)
        built.append(number)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("weightspace.zoo.build.build.build_shard", shard)
        if where == "manifest":
            patch.setattr("weightspace.zoo.build.finish.close_zoo", stop)
        if where == "clear":
            patch.setattr("weightspace.zoo.build.build.shutil.rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            build_zoo(recipe, out, nets=nets, workers=1, progress=False)


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [(7, 12, "manifest"), (7, 12, "clear"), (12, 7, "manifest"), (12, 7, 2), (6, 12, 1), (12, 3, 2), (6, 9, 1)],
)
def test_a_build_that_stopped_goes_on_with_another_number_of_nets(
    recipe, zoo, tmp_path, monkeypatch, first, second, where
):
    stop_build(recipe, tmp_path / "zoo", first, monkeypatch, where)
    again = build_zoo(recipe, tmp_path / "zoo", nets=second, workers=1, progress=False)
    wanted = zoo.table.filter([net < second for net in zoo.table["net"].to_pylist()])
    assert again.table.drop_columns(["seconds"]).equals(wanted.drop_columns(["seconds"]))
    shards = [f"{shard:05d}.safetensors" for shard in range(shard_count(recipe.with_nets(second)))]
    assert sorted(path.name for path in (tmp_path / "zoo" / "shards").iterdir()) == shards
    assert not (tmp_path / "zoo" / ".build").exists()
    assert verify_zoo(tmp_path / "zoo", sample=3).sound


def test_a_part_with_other_nets_is_built_again(recipe, tmp_path, monkeypatch):
    stop_build(recipe, tmp_path / "zoo", 7, monkeypatch, "manifest")
    part = tmp_path / "zoo" / ".build" / "00000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    (tmp_path / "zoo" / "shards" / "00001.safetensors").unlink()
    assert verify_zoo(build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False).path, sample=0).sound
    assert len(Zoo(tmp_path / "zoo").final()) == 12 and list(shard_nets(recipe, 2)) == [10, 11]
    shutil.rmtree(tmp_path / "zoo")
