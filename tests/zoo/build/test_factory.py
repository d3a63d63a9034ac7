import subprocess
import sys

import pytest
import torch

from tests.zoo import own_nets
from weightspace.nets import NetFactory, build_net
from weightspace.space import WeightSpace
from weightspace.zoo import Recipe, Zoo, build_zoo, verify_zoo

MINE = {
    "name": "mine",
    "nets": 7,
    "data": {"name": "digits"},
    "net": {"name": own_nets.thin, "width": [3, 4], "norm": True, "hidden": (5,)},
    "train": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "dropout": [0.0, 0.4], "batch_size": 16, "steps": 12},
    "save": {"initial": True},
    "store": {"shard": 4},
}


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    return build_zoo(MINE, tmp_path_factory.mktemp("zoo") / "mine", workers=1, progress=False)


def changed(**tables):
    return {**MINE, **tables}


def test_nets_of_ones_own_are_built_traced_and_made_again(mine):
    assert len(mine.final()) == 7
    assert set(mine.hyperparameters) == {"width", "lr", "dropout"}
    row = mine.row(0)
    module = mine.module(0)
    assert type(module[1]).__name__ == "Scaled"
    assert module[0][0].out_channels == row["width"]
    space = WeightSpace.trace(module, *module.example_inputs())
    assert space == mine.filter(net=0).space
    assert str(space.tensors["1.linear.weight"].axes[0]).startswith("out")
    assert verify_zoo(mine.path).sound


def test_each_starts_from_the_draw_of_its_module(mine):
    starts = mine.filter(step=0, width=4)
    scales = starts.weights()["1.scale"]
    assert scales.min() >= 0.5
    assert scales.max() <= 1.5
    assert len(torch.unique(scales)) == scales.numel()
    trained = mine.final().filter(width=4).weights()["1.scale"]
    assert (trained != scales).any(1).all()


def test_workers_import_the_module_and_build_the_same(mine, tmp_path):
    again = build_zoo(MINE, tmp_path / "again", workers=2, progress=False)
    assert again.table["checksum"].to_pylist() == mine.table["checksum"].to_pylist()


def test_the_recipe_says_it_in_toml(mine):
    text = (mine.path / "recipe.toml").read_text(encoding="utf-8")
    assert 'name = "tests.zoo.own_nets:thin"' in text
    assert Recipe.from_toml(text).hash == Recipe.from_dict(MINE).hash
    assert Recipe.from_dict(changed(net={"name": own_nets.few})).hash != Recipe.from_dict(MINE).hash


def test_a_factory_that_has_changed_is_another_recipe(mine, monkeypatch):
    before = Recipe.from_dict(MINE).hash
    monkeypatch.setattr(NetFactory, "code", property(lambda factory: "0123456789abcdef"))
    after = Recipe.from_dict(MINE).hash
    with pytest.raises(ValueError, match=f"another recipe: mine {before} is there, mine {after} was given"):
        build_zoo(MINE, mine.path, workers=1, progress=False)


def test_other_rules_start_its_matrices(tmp_path):
    train = {"init": "zero", "steps": 1, "lr": 1e-9}
    zoo = build_zoo(
        changed(nets=2, train=train, net={"name": own_nets.thin, "norm": True}),
        tmp_path / "z",
        workers=1,
        progress=False,
    )
    weights = zoo.final().weights()
    torch.testing.assert_close(weights["0.0.weight"][0], weights["0.0.weight"][1], rtol=0, atol=1e-6)
    assert weights["0.0.bias"].abs().max() < 1e-6
    assert not torch.equal(weights["1.scale"][0], weights["1.scale"][1])  # no rule says anything about a bare vector


def test_fits_of_ones_own(tmp_path):
    content = {"name": "own-fits", "nets": 3, "data": {"name": "digits"}, "net": {"name": own_nets.bumps}}
    zoo = build_zoo({**content, "train": {"lr": 1e-2, "steps": 30}}, tmp_path / "fits", workers=1, progress=False)
    assert verify_zoo(zoo.path).sound
    assert zoo.convention.architecture.net == "tests.zoo.own_nets:bumps"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (own_nets.fails, "fails on its inputs .*RuntimeError"),
        (own_nets.few, r"takes \(1, 8, 8\) and returns \(3,\), but digits has examples \(1, 8, 8\) and 10 classes"),
    ],
)
def test_what_does_not_run_is_refused_before_anything_is_built(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        build_zoo(changed(net={"name": name}), tmp_path / "out", workers=1, progress=False)
    assert not (tmp_path / "out").exists()


def test_functions_that_are_not_marked_are_refused():
    with pytest.raises(TypeError, match=r"mark .*unmarked.* with @net_factory"):
        Recipe.from_dict(changed(net={"name": own_nets.unmarked}))


def test_a_recipe_without_its_text_is_refused(tmp_path):
    bare = Recipe("bare", 1, {"name": "digits"}, "mlp", {}, {"steps": 1})
    with pytest.raises(ValueError, match=r"must come from Recipe\.load, from_toml or from_dict"):
        build_zoo(bare, tmp_path / "bare", progress=False)


def test_another_process_reads_weights_but_makes_nets_only_when_the_module_is_imported(mine):
    read = "zoo = Zoo(sys.argv[1]); zoo.weights([0]); zoo.spaces; print('read')"
    code = f"import sys; from weightspace.zoo import Zoo; {read}; zoo.module(0)"
    run = subprocess.run([sys.executable, "-c", code, str(mine.path)], capture_output=True, text=True)
    assert run.stdout == "read\n"
    assert "ValueError: net 'tests.zoo.own_nets:thin'" in run.stderr
    assert "'import tests.zoo.own_nets' first" in run.stderr
    assert Zoo(mine.path).module(0)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    assert build_net("tests.zoo.own_nets:bumps")(torch.zeros(1, 2)).shape == (1, 1)
