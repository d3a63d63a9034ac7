"""A flow that doesn't move its nets, or moves them much too far, is called so."""

import pytest
import torch

from tests.generators.cases import accuracy, make, space, trained
from weightspace.generators import Flow
from weightspace.tasks.generation.failures import called_by, velocity
from weightspace.tasks.generation.rivals import leaders


def shifting(scale, **settings):
    """A flow that sees, at every time, ``scale`` times the way that is left to nets which are 3 at every weight."""
    flow = make("Flow", **settings)

    def clean(rows, t, *_):
        begins = (rows - 3 * scale * t[:, None]) / (1 - scale * t[:, None])
        return begins + scale * (3 - begins)

    flow.clean = clean
    return flow


STARTS = {key: 0.5 * tensor.flip(0) for key, tensor in trained("siren").items()}
ENDS = {key: torch.full_like(tensor, 3.0) for key, tensor in trained("siren").items()}


@pytest.mark.parametrize(("scale", "called"), [(0.98, ()), (0.0, ("stands still",)), (0.2, ("stands still",))])
def test_the_way_is_measured_in_units_of_training_s_own(scale, called):
    found = velocity(shifting(scale), None, ENDS, STARTS)
    assert found == pytest.approx(scale, abs=0.1) and called_by(found) == called


def test_a_flow_as_it_is_made_stands_still():
    assert velocity(make("Flow"), None, trained("siren"), STARTS) == 0


def test_a_flow_that_explodes_is_called():
    flow = make("Flow")
    with torch.no_grad():
        for parameter in flow.metanet.parameters():
            parameter.copy_(5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    found = velocity(flow, None, trained("siren"), STARTS)
    assert found > 2 and called_by(found) == ("runs away",) and called_by(float("nan")) == ("stands still",)


def test_without_starts_ways_begin_at_noise():
    flow = Flow.for_nets(space("siren"), trained("siren"), {"accuracy": accuracy()}, width=8, layers=1, steps=4).eval()
    with_starts = velocity(shifting(0.98, starts=STARTS), None, ENDS, None)
    assert velocity(flow, None, trained("siren"), STARTS) == 0 and with_starts == pytest.approx(1, abs=0.2)


def test_leaders_are_the_best_at_each_novelty():
    low = {0.1: 0.5, 0.25: 0.1, 0.5: 0.0, 0.7: 0.0, 0.8: 0.0, 0.9: 0.0}
    shares = {"a": low, "b": {**low, 0.25: 0.4}, "c": {**low, 0.1: 0.6}, "d": dict.fromkeys(low, 0.0)}
    assert leaders(shares, 1) == {"b", "c"} and leaders({"d": shares["d"]}) == set()
