"""How much of a group that is known by construction is found."""

import pytest
import torch

from tests.space.known.groups import KNOWN
from tests.space.known.known import found_dimension
from weightspace.space import WeightSpace

# Groups of which a part is missed: the rest of the list is found in full.
MISSED = {
    "interleaved",  # a scale of every second entry of an axis has no place in the notation
}


def found(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, args = KNOWN[name].build()
        return WeightSpace.trace(module.eval(), *args)


@pytest.mark.parametrize("name", KNOWN)
def test_the_group_is_found(name):
    known, space = KNOWN[name], found(name)
    assert space.report.sound and not space.report.failed
    if name in MISSED:
        assert found_dimension(space) < known.dimension
    else:
        assert found_dimension(space) == known.dimension
        assert sorted(space.names[name].size for name in space.free) == sorted(known.sizes)


def test_nearly_all_groups_are_found_in_full():
    assert len(KNOWN) >= 160 and len(MISSED) <= 0.05 * len(KNOWN)
