"""How much of a group that is known by construction is found."""

import pytest
import torch

from tests.space.known.groups import KNOWN
from tests.space.known.known import found_dimension
from weightspace.space import WeightSpace

# Groups of which a part is missed: the rest of the list is found in full.
MISSED = {
    # One matrix gives gates and what they gate in turn, 12 rows as the axis '(6 2)': the 6 pairs are found. The scale
    # and the sign of each gated entry act on the first row of its pair alone; an action says which name it follows
    # along an axis, and such an axis bears the name of the pairs once, for both rows.
    "interleaved",
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
