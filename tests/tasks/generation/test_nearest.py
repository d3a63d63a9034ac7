"""Candidates save most of the distances, and the nearest nets are found all the same."""

import pytest
import torch

from weightspace.align import distance
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.generation.nearest import Nearest, anchored_rows, bounds

NETS = {
    "mlp": {"in_features": 6, "hidden": [8], "out_features": 4, "activation": "relu"},
    "tanh mlp": {"in_features": 6, "hidden": [8], "out_features": 4, "activation": "tanh"},
    "cnn": {"image_size": 8, "channels": [4, 4], "stride": [2, 2], "norm": "batch"},
}


def trainings(space, count, seed):
    """Nets that stand for trainings: independent of each other."""
    source, found = torch.Generator().manual_seed(seed), {}
    for name, spec in space.tensors.items():
        drawn = torch.randn(count, *spec.shape, generator=source)
        found[name] = (drawn.abs() if spec.buffer else drawn).to(getattr(torch, spec.dtype))
    return found


@pytest.fixture(scope="module", params=list(NETS))
def space(request):
    module = build_net(request.param.split()[-1], **NETS[request.param]).eval()
    return WeightSpace.trace(module, *module.example_inputs())


def test_a_net_is_found_behind_a_symmetry_and_noise(space):
    bank, source = trainings(space, 60, 0), torch.Generator().manual_seed(1)
    moved = space.apply(space.random_symmetry(source, batch=60), bank)
    noised = {
        name: t + 0.05 * t.abs().mean() * torch.randn(t.shape, generator=source) if t.is_floating_point() else t
        for name, t in moved.items()
    }
    answers = torch.randint(10, (60, 30), generator=source)  # of no help
    two = Nearest(space, bank, answers).two(noised, answers.flip(0))
    alone = distance(space, noised, bank).float().topk(2, largest=False).values
    assert torch.allclose(two[:, 0], alone[:, 0], rtol=1e-3) and (two[:, 0] < 0.3 * two[:, 1]).all()
    assert (two[:, 1] / alone[:, 1]).median() < 1.05


def test_bounds_lie_below_distances(space):
    one, other = trainings(space, 5, 2), trainings(space, 7, 3)
    found = bounds(space, anchored_rows(space, one), anchored_rows(space, other)).clamp_min(0).sqrt()
    whole = distance(space, one, other).float()
    if any(action.kind == "scale" for action in space.actions):  # which the distance fits once more to every pair
        assert (found <= whole * 1.25).all() and found.min() > 0.3 * whole.min()
    else:
        assert (found <= whole * 1.0001).all() and found.min() > 0.8 * whole.min()


def test_a_net_of_the_bank_does_not_count_as_its_own_neighbour(space):
    bank, answers = trainings(space, 60, 4), torch.arange(60)[:, None].expand(60, 5)
    near = Nearest(space, bank, answers)
    assert near.two(bank, answers)[:, 0].max() < 1e-3
    assert near.two(bank, answers, apart_from_itself=True).min() > 0.1


def test_small_banks_are_compared_whole(space):
    bank, nets = trainings(space, 12, 5), trainings(space, 3, 6)
    two = Nearest(space, bank, torch.zeros(12, 5).long()).two(nets, torch.zeros(3, 5).long())
    assert torch.equal(two, distance(space, nets, bank).float().topk(2, largest=False).values)
