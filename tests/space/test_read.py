"""What of a weight space comes from outside is checked before anything is built, and the error names the place."""

import copy
import json

import pytest
import torch

from tests.space.nets.architectures import traced
from weightspace.space import WeightSpace
from weightspace.space.symmetry import Symmetry

SIREN = traced("siren")
TEXT = SIREN.to_json()
WEIGHT, BIAS = list(SIREN.tensors)[:2]


def changed(path, value):
    data = json.loads(TEXT)
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


PHASE = next(index for index, action in enumerate(SIREN.actions) if action.kind == "phase")
SHIFTED = next(iter(SIREN.actions[PHASE].shifts))
SCALED = next(iter(SIREN.actions[0].powers))
CHANGES = [
    (("names",), 5, "names must be a table"),
    (("names", "more"), ["4", True, []], r"more\[0\] must be a whole number from 1"),
    (("names", "more"), [2**41, True, []], r"more\[0\] must be a whole number from 1"),
    (("names", "more"), [4, 1, []], r"more\[1\] must be true or false"),
    (("names", "more"), [4, True, ["turn"]], r"more\[2\]\[0\] must be one of permutation"),
    (("names", "more"), [4, True], "more must be a list of 3"),
    (("tensors", WEIGHT), [], "must be a table"),
    (("tensors", WEIGHT, "source"), KeyError, r"missing: \['source'\]"),
    (("tensors", WEIGHT, "more"), 1, "unknown: 'more'"),
    (("tensors", WEIGHT, "axes"), ["a"], "axes must be text"),
    (("tensors", WEIGHT, "axes"), "nobody 3", "axes must be made of the names"),
    (("tensors", WEIGHT, "axes"), "99999999 99999999", "must have 1099511627776 entries at most"),
    (("tensors", WEIGHT, "target"), [7], "target must be distinct numbers of its 2 axes"),
    (("tensors", WEIGHT, "target"), [0.5], r"target\[0\] must be a whole number"),
    (("tensors", WEIGHT, "source"), [0], "source must be axes that aren't target axes too"),
    (("tensors", WEIGHT, "target_site"), 99, "target_site must be the number of one of the"),
    (("tensors", WEIGHT, "source_sites"), [-1], r"source_sites\[0\] must be a whole number"),
    (("tensors", WEIGHT, "source_sites"), [0, 0], "source_sites must be one site"),
    (("tensors", WEIGHT, "settings"), [1], "settings must be a table"),
    (("tensors", WEIGHT, "settings"), {"a": float("nan")}, "settings.a must be a finite number"),
    (("tensors", WEIGHT, "slot"), {}, "slot must be text"),
    (("tensors", WEIGHT, "role"), "king", "role must be one of weight"),
    (("tensors", WEIGHT, "dtype"), "load", "dtype must be the name of a torch type"),
    (("sites", 0, "name"), {}, r"sites\[0\]\.name must be text"),
    (("sites", 1, "name"), SIREN.sites[0].name, r"sites\[1\]\.name must be a name that no other site has"),
    (("sites", 0, "axis"), "2 2", "axis must be the notation of one axis"),
    (("sites", 0, "depth"), -1, "depth must be a whole number"),
    (("links",), [[0, 1]], r"links\[0\] must be a list of 3"),
    (("links",), [[0, 99, "residual"]], r"links\[0\], its target, must be the number of one of the"),
    (("actions", 0, "kind"), "permutation", "kind must be one of scale"),
    (("actions", 0, "name"), "in", "name must be one of the free names"),
    (("actions", 0, "powers"), {}, "powers must be of one tensor at least"),
    (("actions", 0, "powers", "nobody"), [[0, 0, 1]], "must be about tensors of the space"),
    (("actions", 0, "powers", SCALED), [[0, 0]], "must be a list of 3"),
    (("actions", 0, "powers", SCALED), [[0, 9, 1]], "must be about an axis and occurrence where"),
    (("actions", 0, "powers", SCALED), [[0, 0, 0]], "must be a number other than 0"),
    (("actions", 0, "powers", SCALED), [[0, 0, 1], [0, 0, 1]], "must be about each atom once"),
    (("actions", PHASE, "shifts"), {}, "shifts must be given for a phase"),
    (("actions", PHASE, "shifts", SHIFTED), 0, "must be a number other than 0"),
    (("actions", PHASE, "shifts", WEIGHT), 1, "must be of a tensor whose one axis is"),
    (("report", "lost"), [], "report.lost must be a table"),
    (("report", "moved"), "most", "report.moved must be a number"),
    (("modal",), [json.loads(TEXT)["actions"][0]], r"modal\[0\]\.mode must be train or eval"),
]


@pytest.mark.parametrize(("path", "value", "said"), CHANGES)
def test_a_changed_text_is_refused(path, value, said):
    with pytest.raises(ValueError, match=f"^weight space.*{said}"):
        WeightSpace.from_dict(changed(path, value))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": ' * 5000, '{"format": 1, "format": 1}', "no", "[]", "{}"])
def test_what_is_no_space_is_refused(text):
    with pytest.raises(ValueError, match=r"^weight space"):
        WeightSpace.from_json(text)


def test_a_digit_bomb_is_refused():
    with pytest.raises(ValueError, match="numbers of 400 digits at most"):
        WeightSpace.from_json('{"format": 1, "names": {"a": [' + "9" * 100_000 + "]}}")


def test_what_was_read_is_left_as_it_was():
    data = json.loads(TEXT)
    kept = copy.deepcopy(data)
    assert WeightSpace.from_dict(data).to_json() == TEXT and data == kept


@pytest.mark.parametrize(
    ("axes", "sizes", "said"),
    [
        ({"w": "(" * 100_000 + "a" + ")" * 100_000}, None, "at most 50 parentheses within each other"),
        ({"w": "9" * 5000}, None, "a number of 15 digits at most"),
        ({"w": "٣ a"}, None, "expected a name, a number"),
        ({"w": "a " * 50}, None, "a tensor of 32 axes at most"),
        ({"w": "(" + "a " * 900 + ")"}, {"a": 10**9}, "entries at most"),
        ({"w": "a b"}, {"a": 0}, "sizes: a must be a whole number from 1"),
        ({"w": "a b"}, {"a": True}, "sizes: a must be a whole number"),
        ({"w": "a (b + 0)"}, None, "products and sums of at least one entry"),
        ({"w": "a 0"}, {"a": 2}, "must be axes of at least one entry each"),
    ],
)
def test_a_notation_that_cannot_be_is_refused(axes, sizes, said):
    with pytest.raises(ValueError, match=said) as found:
        WeightSpace.parse(axes, sizes=sizes)
    assert len(str(found.value)) < 1000


NET = WeightSpace.parse({"w": "a in", "b": "a", "n": ""}, sizes={"a": 3, "in": 2})
WEIGHTS = {"w": torch.randn(3, 2), "b": torch.randn(3), "n": torch.tensor(1.0)}


@pytest.mark.parametrize(
    ("permutations", "error", "said"),
    [
        ({"a": torch.tensor([0, 0, 1])}, ValueError, "must hold each number from 0 to 2 once"),
        ({"a": torch.tensor([0, 1, 3])}, ValueError, "must hold each number from 0 to 2 once"),
        ({"a": torch.tensor([0, 1])}, ValueError, r"must have shape \[3\], got \[2\]"),
        ({"a": torch.tensor([[0, 1, 2]])}, ValueError, r"must have shape \[3\], got \[1, 3\]"),
        ({"a": torch.tensor([0.0, 1.0, 2.0])}, TypeError, "must be a tensor of int64, got torch.float32"),
        ({"in": torch.tensor([0, 1])}, ValueError, "must permute free names, which are a; got 'in'"),
        ({"nobody": torch.tensor([0])}, ValueError, "must permute free names"),
    ],
)
def test_what_permutes_nothing_is_refused(permutations, error, said):
    with pytest.raises(error, match=said):
        NET.apply(Symmetry(NET, permutations, {}), WEIGHTS)


@pytest.mark.parametrize(
    ("index", "value", "error", "said"),
    [
        (0, 2.0, ValueError, "a sign of .* must be finite and 1 or -1"),
        (PHASE, 0.5, ValueError, "a phase of .* must be finite and whole numbers"),
        (PHASE, float("nan"), ValueError, "must be finite"),
        (99, 1.0, ValueError, "counted from 0; got 99"),
        (0, 1, TypeError, "must be a tensor of float64"),
    ],
)
def test_a_factor_of_another_kind_is_refused(index, value, error, said):
    size = SIREN.names[SIREN.actions[0].name].size
    weights = {name: torch.randn(spec.shape) for name, spec in SIREN.tensors.items()}
    with pytest.raises(error, match=said):
        SIREN.apply(Symmetry(SIREN, {}, {index: torch.full((size,), value)}), weights)


def test_weights_that_are_whole_numbers_are_refused():
    with pytest.raises(TypeError, match=r"'w' must be of floating point numbers, as torch.float32; got torch.int8"):
        NET.apply(NET.identity(), {**WEIGHTS, "w": WEIGHTS["w"].to(torch.int8)})


def test_a_permutation_beyond_memory_is_not_drawn():
    with pytest.raises(ValueError, match="must have 134217728 neurons at most to be permuted, 'a' has 100000000000"):
        WeightSpace.parse({"w": "a"}, sizes={"a": 10**11}).random_symmetry()


LINEAR = WeightSpace.trace(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)), torch.randn(5, 3))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "in", r"matrices\[0\]\.name must be one of the free names"),
        ("kind", "scale", r"matrices\[0\]\.kind must be one of linear"),
        ("powers", {"0.weight": [[0, 0, 2]]}, r"matrices\[0\]\.powers must be of powers 1 and -1"),
        ("powers", {"0.weight": [[1, 0, 1]]}, "must be about an axis and occurrence where"),
        ("per", "nobody", r"matrices\[0\]\.per must be a name that stands once beside"),
    ],
)
def test_groups_of_matrices_are_read_like_the_rest(key, value, said):
    data = json.loads(LINEAR.to_json())
    data["matrices"][0][key] = value
    with pytest.raises(ValueError, match=said):
        WeightSpace.from_dict(data)


@pytest.mark.parametrize(
    ("index", "matrices", "said"),
    [
        (0, torch.zeros(1, 4, 4), "must be finite and invertible"),
        (0, torch.full((1, 4, 4), torch.nan), "must be finite and invertible"),
        (0, torch.eye(3)[None], r"must have shape \[1, 4, 4\], got \[1, 3, 3\]"),
        (5, torch.eye(4)[None], "must be for the 1 groups of the space"),
    ],
)
def test_matrices_that_cannot_be_undone_are_refused(index, matrices, said):
    weights = {name: torch.randn(spec.shape) for name, spec in LINEAR.tensors.items()}
    with pytest.raises(ValueError, match=said):
        LINEAR.apply(Symmetry(LINEAR, {}, {}, {index: matrices}), weights)


def test_what_to_dict_gives_is_the_callers_own():
    space = WeightSpace.parse({"w": "a in"}, sizes={"a": 3, "in": 2})
    before = space.hash
    space.to_dict()["tensors"]["w"]["axes"] = "b"
    space.to_dict()["names"]["a"][0] = 5
    again = space.to_dict()
    assert again["tensors"]["w"]["axes"] == "a in" and again["names"]["a"][0] == 3
    assert WeightSpace.from_dict(again) == space and space.hash == before


def test_matrices_beyond_memory_are_not_drawn():
    data = json.loads(LINEAR.to_json())
    data["names"][LINEAR.matrices[0].name][0] = 10**6
    with pytest.raises(ValueError, match="Matrices must have 134217728 entries at most to be drawn, those of"):
        WeightSpace.from_dict(data).random_symmetry(kinds=("linear",))
