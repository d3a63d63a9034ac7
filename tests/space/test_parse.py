"""Spaces written by hand."""

import pytest
import torch

from weightspace.space import Atom, WeightSpace, format_axes
from weightspace.space.parse import is_fixed_name

MLP = {"0.weight": "hidden in", "0.bias": "hidden", "2.weight": "out hidden", "2.bias": "out"}
WEIGHTS = {
    "0.weight": torch.zeros(5, 2), "0.bias": torch.zeros(5), "2.weight": torch.zeros(3, 5), "2.bias": torch.zeros(3),
}  # fmt: skip


def test_sizes_are_read_from_weights():
    space = WeightSpace.parse(MLP, weights=WEIGHTS)
    assert {name: group.size for name, group in space.names.items()} == {"hidden": 5, "in": 2, "out": 3}
    assert space == WeightSpace.parse(MLP, sizes={"hidden": 5, "in": 2, "out": 3})


def test_inputs_and_outputs_are_fixed():
    space = WeightSpace.parse(MLP, weights=WEIGHTS)
    assert space.free == ("hidden",)
    assert space.names["in"].kinds == () and space.names["hidden"].kinds == ("permutation",)
    assert [is_fixed_name(name) for name in ("in", "in2", "out13", "input", "outer", "h")] == [True] * 3 + [False] * 3


def test_free_names_can_be_chosen():
    assert WeightSpace.parse(MLP, free=["in"]).free == ("in",)
    assert WeightSpace.parse(MLP, free=[]).free == ()


def test_sizes_in_products_and_sums_are_solved_for():
    axes = {"w": "out (c 2 2)", "v": "out (c + d)", "b": "out"}
    weights = {"w": torch.zeros(3, 20), "v": torch.zeros(3, 9), "b": torch.zeros(3)}
    space = WeightSpace.parse(axes, weights=weights)
    assert (space.names["c"].size, space.names["d"].size) == (5, 4)


def test_sizes_from_a_stack():
    stack = {name: tensor.expand(7, *tensor.shape) for name, tensor in WEIGHTS.items()}
    assert WeightSpace.parse(MLP, weights=stack) == WeightSpace.parse(MLP, weights=WEIGHTS)


def test_without_sizes_a_space_prints_and_serialises():
    space = WeightSpace.parse(MLP)
    assert space.tensors["0.weight"].shape == (None, None)
    assert "hidden in" in repr(space) and "?" in repr(space)
    assert WeightSpace.from_json(space.to_json()) == space
    with pytest.raises(ValueError, match=r"\['hidden'\] have no size yet. Give sizes= or weights="):
        space.random_symmetry()


def test_sites_follow_from_the_notation():
    space = WeightSpace.parse(MLP, weights=WEIGHTS)
    first, bias, last = (space.tensors[name] for name in ("0.weight", "0.bias", "2.weight"))
    assert (first.role, bias.role) == ("weight", "vector")
    assert first.target_site == bias.target_site == last.source_sites[0]
    assert [site.kind for site in space.sites] == ["hidden", "input", "output"]
    assert space.sites[first.target_site].axis == Atom("hidden", 5)


def test_a_flatten_reads_its_neurons_site():
    axes = {"c.weight": "c1 in 3 3", "f.weight": "out (c1 2 2)"}
    space = WeightSpace.parse(axes, sizes={"c1": 4, "in": 1, "out": 2})
    conv, head = space.tensors.values()
    assert head.source_sites == (conv.target_site,)
    assert (conv.op, head.op) == ("conv", "linear")


def test_a_concatenation_reads_several_sites():
    axes = {"a": "a in", "b": "b a", "o": "out (a + b)"}
    space = WeightSpace.parse(axes, sizes={"a": 2, "b": 3, "in": 1, "out": 2})
    assert space.tensors["o"].source_sites == tuple(space.tensors[name].target_site for name in "ab")


def test_sites_agree_with_those_of_a_trace():
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    written = WeightSpace.parse({name: text.replace("hidden", "h0") for name, text in MLP.items()}, weights=WEIGHTS)
    traced = WeightSpace.trace(net, torch.zeros(1, 2))
    for name, spec in written.tensors.items():
        other = traced.tensors[name]
        assert (spec.axes, spec.role, spec.target, spec.source) == (other.axes, other.role, other.target, other.source)
        assert written.sites[spec.target_site].axis == traced.sites[other.target_site].axis


def test_what_is_written_wrong_is_found_on_the_module():
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    x = torch.randn(4, 2)
    right, wrong = WeightSpace.parse(MLP, weights=WEIGHTS), WeightSpace.parse({**MLP, "2.weight": "out h"}, sizes=SIZES)
    assert right.verify(net, x).sound
    report = wrong.verify(net, x)
    assert report.error > 1e-2 and report.failed == ("hidden", "h")


SIZES = {"hidden": 5, "h": 5, "in": 2, "out": 3}


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_a_notation_that_does_not_parse_names_the_tensor_and_marks_the_place():
    with pytest.raises(ValueError, match=r"Tensor '2.weight': The notation doesn't parse") as caught:
        WeightSpace.parse({**MLP, "2.weight": "out (hidden"})
    assert str(caught.value).splitlines()[-1].strip() == "^"


def test_an_unknown_free_name():
    with pytest.raises(
        ValueError, match=r"free= lists \['hiden'\], but the notation has only the names \['hidden', 'in'"
    ):
        WeightSpace.parse(MLP, free=["hiden"])


def test_sizes_that_contradict_each_other():
    weights = {**WEIGHTS, "2.weight": torch.zeros(3, 6)}
    with pytest.raises(
        ValueError, match=r"Tensor '2.weight' has axes 'out hidden' of sizes \[3, 5\]; got shape \[3, 6\]"
    ):
        WeightSpace.parse(MLP, weights=weights)


def test_a_tensor_with_too_few_axes():
    with pytest.raises(ValueError, match=r"Tensor '0.weight' has axes 'hidden in' .* got shape \[5\]"):
        WeightSpace.parse(MLP, weights={**WEIGHTS, "0.weight": torch.zeros(5)})


def test_a_product_that_does_not_divide():
    with pytest.raises(ValueError, match=r"an axis of size 10 can't be \(c 3\), which needs a multiple of 3"):
        WeightSpace.parse({"w": "out (c 3)"}, weights={"w": torch.zeros(2, 10)})


def test_weights_without_a_notation():
    with pytest.raises(ValueError, match=r"not in the space: \['4.bias'\]"):
        WeightSpace.parse(MLP, weights={**WEIGHTS, "4.bias": torch.zeros(1)})


def test_names_keep_the_order_in_which_they_are_written():
    assert list(WeightSpace.parse(MLP).names) == ["hidden", "in", "out"]
    assert format_axes(WeightSpace.parse(MLP).tensors["2.weight"].axes) == "out hidden"


def test_names_in_any_script():
    space = WeightSpace.parse(
        {"été.weight": "été ñ", "层.weight": "½ (层_2 + été)"}, sizes={"été": 2, "ñ": 3, "½": 4, "层_2": 1}
    )
    assert list(space.names) == ["été", "ñ", "½", "层_2"]
    assert WeightSpace.from_json(space.to_json()) == space
