"""The judge calls copies, noise and averages what they are, and lets trainings of their own pass."""

from itertools import pairwise

import pytest
import torch

from weightspace.generators import Soup
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.generation.failures import duplicated_neurons, size_ratios
from weightspace.tasks.generation.judge import NOVELTIES, Judge
from weightspace.tasks.generation.rivals import SWEEPS, envelope, make_rivals
from weightspace.tasks.generation.stage import Stage
from weightspace.tasks.generation.verdict import verdict


def trainings(space, count, seed):
    """Nets that stand for trainings: independent of each other."""
    source = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *spec.shape, generator=source) for name, spec in space.tensors.items()}


@pytest.fixture(scope="module")
def stage():
    module = build_net("mlp", in_features=6, hidden=[10], out_features=4).eval()
    space = WeightSpace.trace(module, *module.example_inputs())
    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    labels = module(inputs).argmax(1)
    accuracy = torch.linspace(0.1, 0.9, 40)
    return Stage(space, module, trainings(space, 40, 1), accuracy, trainings(space, 30, 2), inputs, labels, inputs, {})


@pytest.fixture(scope="module")
def judge(stage):
    return Judge(stage)


def judged(judge, **settings):
    soup = Soup.from_nets(judge.stage.space, judge.stage.seen, **settings)
    return judge.measure(soup.sample(judge.stage.space, 32, seed=0))


def test_a_copy_is_called_a_copy(judge):
    found = verdict(judge, judged(judge, members=1))
    assert "copies" in found.called and found.novelty < 0.01


def test_a_copy_with_its_neurons_in_another_order_is_a_copy(judge):
    space, source = judge.stage.space, torch.Generator().manual_seed(0)
    symmetry = space.random_symmetry(source, kinds=("permutation", "scale"), batch=40)
    assert "copies" in verdict(judge, judge.measure(space.apply(symmetry, judge.stage.seen))).called


@pytest.mark.parametrize("noise", [0.2, 0.4])
def test_noise_round_a_training_net_is_called_noise(judge, noise):
    found = verdict(judge, judged(judge, members=1, noise=noise))
    assert "adds noise" in found.called and "copies" not in found.called and found.contrast < found.lowest


@pytest.mark.parametrize("members", [8, 16])
def test_an_average_is_called_an_average(judge, members):
    found = verdict(judge, judged(judge, members=members))
    assert "averages" in found.called and "wrong sizes" in found.called and found.diversity < 0.8


def test_one_net_for_all_seeds_collapses(judge):
    one = {name: tensor[:1].repeat(32, *[1] * (tensor.ndim - 1)) for name, tensor in judge.stage.held.items()}
    assert "collapses" in verdict(judge, judge.measure(one)).called


def test_trainings_of_their_own_pass(judge):
    fresh = judge.measure(trainings(judge.stage.space, 40, 3))
    found = verdict(judge, fresh)
    assert found.called == () and 0.9 < found.novelty < 1.1 and 0.9 < found.diversity < 1.1


def test_nets_that_know_a_training_net_are_told_by_what_they_are_near_to(judge):
    assert verdict(judge, judged(judge, members=1, noise=0.4)).memory < 0.7
    assert verdict(judge, judge.measure(trainings(judge.stage.space, 40, 3))).memory == pytest.approx(1, abs=0.1)
    assert verdict(judge, judge.held).memory == 1


def test_twin_neurons_are_counted(stage):
    twins = trainings(stage.space, 8, 4)
    assert duplicated_neurons(stage.space, twins) == 0
    twins["linears.0.weight"][:, 3] = twins["linears.0.weight"][:, 7]
    assert duplicated_neurons(stage.space, twins) == pytest.approx(2 / 14)


def test_sizes_are_told_tensor_by_tensor():
    assert size_ratios({"a": 2.0, "b": 0.5}, {"a": 1.0, "b": 1.0}) == {"a": 2.0, "b": 0.5}


def test_shares_count_what_is_good_and_new_among_all_that_were_drawn(judge):
    held = judge.shares(judge.held)
    assert held[0.1] == pytest.approx(0.9, abs=0.05) and all(held[a] >= held[b] for a, b in pairwise(NOVELTIES))
    assert judge.shares(judged(judge, members=1))[0.1] == 0
    low, high = judge.spread(judge.held)[0.5]
    assert low <= held[0.5] <= high and high > low
    half = {
        name: torch.cat([tensor, torch.full_like(tensor, float("nan"))]) for name, tensor in judge.stage.held.items()
    }
    assert judge.shares(judge.measure(half))[0.1] == pytest.approx(held[0.1] / 2)


def test_too_few_finite_nets_are_refused(judge):
    few = trainings(judge.stage.space, 20, 5)
    few["linears.0.bias"][5:] = float("inf")
    with pytest.raises(ValueError, match="16 finite nets are needed to be judged, got 5 of 20"):
        judge.measure(few)


def test_the_envelope_takes_the_best_setting_at_each_novelty(stage):
    names = [name for name, _, _ in make_rivals(stage)]
    assert set(names) == set(SWEEPS) and len(names) == sum(len(sweep) for _, sweep in SWEEPS.values())
    one = dict.fromkeys(NOVELTIES, 0.2) | {0.5: 0.6}
    assert envelope({"a": one, "b": dict.fromkeys(NOVELTIES, 0.4)}) == dict.fromkeys(NOVELTIES, 0.4) | {0.5: 0.6}
