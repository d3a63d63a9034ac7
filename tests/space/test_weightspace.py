"""The value: equality, hash, text, checks of weights."""

import copy
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tests.space.nets.architectures import BY_NAME, traced, weights_of
from weightspace.space import Action, WeightSpace
from weightspace.space.parts import Group

MLP = {"0.weight": "hidden in", "0.bias": "hidden", "2.weight": "out hidden", "2.bias": "out"}
SIZES = {"hidden": 5, "in": 2, "out": 3}
SPACE = WeightSpace.parse(MLP, sizes=SIZES)


@pytest.mark.parametrize("name", list(BY_NAME))
def test_json_round_trip(name):
    space = traced(name)
    again = WeightSpace.from_json(space.to_json())
    assert again == space and again.hash == space.hash
    assert again.report == space.report
    assert again.tensors == space.tensors and again.names == space.names
    assert again.sites == space.sites and again.links == space.links and again.actions == space.actions


def test_copies_are_equal():
    space = traced("siren")
    assert copy.deepcopy(space) == space
    assert copy.copy(space).hash == space.hash


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="of format 1 is expected, got 2"):
        WeightSpace.from_dict({**SPACE.to_dict(), "format": 2})


def test_how_it_was_found_does_not_count():
    module, args = BY_NAME["relu_mlp"].make()
    bare = WeightSpace.trace(module, *args, verify=False)
    assert bare == traced("relu_mlp")
    assert bare.report.error is None and not bare.report.sound


@pytest.mark.parametrize(
    "other",
    [
        WeightSpace.parse({**MLP, "0.bias": "in"}, sizes=SIZES),
        WeightSpace.parse(MLP, sizes={**SIZES, "hidden": 6}),
        WeightSpace.parse(MLP, sizes=SIZES, free=[]),
        WeightSpace.parse({name.replace("2", "3"): text for name, text in MLP.items()}, sizes=SIZES),
        WeightSpace(SPACE.tensors, SPACE.names),
        WeightSpace(SPACE.tensors, {**SPACE.names, "more": Group(2)}, SPACE.sites),
    ],
)
def test_anything_else_counts(other):
    assert other != SPACE and other.hash != SPACE.hash
    assert len({other, SPACE, copy.copy(SPACE)}) == 2


def test_the_hash_is_the_same_in_another_process():
    code = "from weightspace.space import WeightSpace\nprint(WeightSpace.parse(%r, sizes=%r).hash)" % (MLP, SIZES)  # noqa: UP031
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == SPACE.hash
    assert len(found) == 16 and int(found, 16) >= 0


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        SPACE.sites = ()
    with pytest.raises(TypeError):
        SPACE.tensors["more"] = None


def test_it_prints_as_a_table():
    head, tensors, names = repr(traced("relu_mlp")).split("\n\n")
    assert head.startswith(f"WeightSpace {traced('relu_mlp').hash}: 4 tensors, 67 parameters, 1 free name, 95.5% moved")
    assert "0.weight  h0 in   input -> h0" in tensors.splitlines()
    rows = [line.split("  ") for line in names.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["h0", "8", "permutation, scale"] in [row[:3] for row in cells]
    assert ["out", "3", "fixed"] in [row[:3] for row in cells]


def test_moved_counts_parameters_on_free_axes():
    assert SPACE.moved == (10 + 5 + 15) / 33
    assert WeightSpace.parse(MLP, sizes={**SIZES, "hidden": 1}).moved == 0  # nothing to exchange


def test_shapes_and_counts_of_tensors():
    space = WeightSpace.parse({"w": "out (c 2 2)", "count": ""}, sizes={"out": 3, "c": 5})
    assert space.tensors["w"].shape == (3, 20) and space.tensors["w"].numel == 60
    assert space.tensors["count"].shape == () and space.tensors["count"].numel == 1


# ---- checking weights -----------------------------------------------------------------------------------------------


def test_weights_of_one_net_and_of_a_stack():
    assert traced("residual").check(weights_of("residual")) is None
    assert traced("residual").check(weights_of("residual", nets=3)) == 3
    assert WeightSpace({}, {}).check({}) is None


def test_weights_of_another_shape():
    weights = {**weights_of("relu_mlp"), "2.weight": torch.zeros(3, 9)}
    match = r"'2.weight' has axes 'out h0' of sizes \[3, 8\]; got shape \[3, 9\]. Give the weights of the architecture"
    with pytest.raises(ValueError, match=match):
        traced("relu_mlp").check(weights)


def test_a_stack_of_different_lengths():
    weights = weights_of("relu_mlp", nets=3)
    with pytest.raises(ValueError, match=r"of sizes \[8\] behind the 3 nets of the stack; got shape \[2, 8\]"):
        traced("relu_mlp").check({**weights, "0.bias": weights["0.bias"][:2]})


def test_missing_and_unknown_tensors():
    weights = weights_of("relu_mlp")
    weights["0.wieght"] = weights.pop("0.weight")
    with pytest.raises(ValueError, match=r"missing: \['0.weight'\], not in the space: \['0.wieght'\]"):
        traced("relu_mlp").check(weights)


def test_what_holds_in_one_mode_is_kept_apart():
    action = Action("h0", "scale", {"0.weight": ((0, 0, 1),), "2.weight": ((1, 0, -1),)}, mode="eval")
    space = replace(traced("mlp"), modal=(action,))
    assert WeightSpace.from_json(space.to_json()) == space != traced("mlp")
    assert not space.random_symmetry(kinds=("scale",)).factors
    wider = space.in_mode("eval")
    assert wider.actions == (action,) and wider.names["h0"].kinds == ("permutation", "scale")
    assert len(wider.random_symmetry(kinds=("scale",)).factors) == 1
    assert space.in_mode("train").actions == ()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"must be \"train\" or \"eval\", got 'evaluation'"):
        traced("mlp").in_mode("evaluation")
