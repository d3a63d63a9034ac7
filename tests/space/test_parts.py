"""The parts of a weight space on their own."""

import json

import pytest

from tests.space.nets.architectures import ARCHITECTURES, traced
from weightspace.space import Atom, TensorSpec, WeightSpace
from weightspace.space.parts import KINDS, ROLES, SLOTS


def test_a_spec_reads_itself_back():
    space = traced("grouped_transposed")
    again = WeightSpace.from_json(space.to_json()).tensors
    for name, spec in space.tensors.items():
        assert again[name] == spec


def test_shape_of_a_spec():
    spec = TensorSpec((Atom("a", 2), Atom(None, 3), Atom("b", None)))
    assert spec.shape == (2, 3, None) and spec.numel == 0
    assert [atom.name for atom in spec.atoms()] == ["a", None, "b"]
    with pytest.raises(ValueError, match=r"Every axis must have a size, got 'a 3 b'; give parse\(\) sizes"):
        spec.sizes  # noqa: B018
    assert TensorSpec((Atom("a", 2), Atom(None, 3))).sizes == (2, 3)


@pytest.mark.parametrize("name", [architecture.name for architecture in ARCHITECTURES])
def test_words_are_known_ones(name):
    space = traced(name)
    for spec in space.tensors.values():
        assert spec.role in ROLES and spec.slot in SLOTS
        assert (spec.role == "other") == (spec.target_site is None)
        json.dumps(dict(spec.settings))
    for key, group in space.names.items():
        assert set(group.kinds) <= set(KINDS)
        assert group.free == ("permutation" in group.kinds)
        found = {action.kind for action in space.actions if action.name == key}
        assert set(group.kinds) - {"permutation"} == found
