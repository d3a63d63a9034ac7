"""Steps of descent take other examples each, with momentum, and the solved layer keeps the size of its init."""

import itertools

import pytest
import torch

from tests.generators.test_refiner import IMAGES, LABELS, PLAIN, keeper, space
from weightspace.generators import Fresh
from weightspace.generators.refining.descent import (
    FIRST_RATES,
    LAST_SHARE,
    batches,
    descend,
    first_rates,
    scaled_back,
)
from weightspace.nets import build_net
from weightspace.nets.stacked.lastlayer import finish_nets
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.statistics import batch_normed

NET = build_net("cnn", image_size=8, **PLAIN)


def weights(nets=2):
    return Fresh.for_spaces(space()).sample(space(), nets, seed=0)


def test_every_pass_takes_all_examples_once_in_another_order():
    taken = list(itertools.islice(batches(40, 10), 8))
    first, second = torch.cat(taken[:4]), torch.cat(taken[4:])
    assert torch.equal(first.sort().values, torch.arange(40)) and torch.equal(second.sort().values, torch.arange(40))
    assert not torch.equal(first, second) and torch.equal(first, torch.cat(list(itertools.islice(batches(40, 10), 4))))
    assert all(len(some) == 15 for some in itertools.islice(batches(40, 15), 5))  # what is left over waits
    assert torch.equal(next(batches(40, 0)).sort().values, torch.arange(40))


def test_rates_fall_on_a_line():
    found = first_rates(5)
    assert torch.allclose(found[0], torch.tensor(FIRST_RATES))
    assert torch.allclose(found[-1], LAST_SHARE * torch.tensor(FIRST_RATES))
    assert torch.allclose(found[:-1] - found[1:], (found[0] - found[1]).expand(4, -1))


def stepped(momentum, rates, batch=0):
    net = batch_normed(NET)
    return descend(space(), net, weights(), (IMAGES, LABELS), rates, 1e-3, batch, momentum)


def test_a_step_has_the_length_of_its_rate():
    rates = torch.full((1, 5), 0.1)
    moved = stepped(0.0, rates)["convs.0.weight"] - weights()["convs.0.weight"]
    sizes = [t.flatten(1).square().mean(1).sqrt() for t in (moved, weights()["convs.0.weight"])]
    assert torch.allclose(sizes[0], 0.1 * sizes[1], rtol=1e-4)


def test_steps_keep_their_length_while_gradients_turn():
    one, two = (stepped(0.9, torch.full((steps, 5), 0.1))["convs.0.weight"] for steps in (1, 2))
    before, after = (tensor.flatten(1).square().mean(1).sqrt() for tensor in (one, two - one))
    assert torch.allclose(after, 0.1 * before, rtol=1e-4)


def test_momentum_carries_a_step_on_and_batches_give_other_steps():
    rates = torch.tensor([[0.1] * 5, [0.0] * 5, [0.1] * 5])
    plain, carried = (stepped(momentum, rates)["convs.0.weight"] for momentum in (0.0, 0.5))
    assert not torch.allclose(plain, carried)
    assert not torch.allclose(plain, stepped(0.0, rates, batch=20)["convs.0.weight"])
    assert torch.equal(*(stepped(momentum, rates[:1])["convs.0.weight"] for momentum in (0.0, 0.5)))


def test_the_solved_layer_is_scaled_back_and_answers_stay():
    solved = finish_nets(NET.eval(), space(), weights(), IMAGES, LABELS, 1e-6)
    back = scaled_back(solved, weights(), "linears.0")
    before, after = (run_stack(NET.eval(), some, IMAGES) for some in (solved, back))
    assert torch.equal(before.argmax(2), after.argmax(2)) and (after.std() < before.std())
    sizes = [some["linears.0.weight"].flatten(1).norm(dim=1) for some in (back, weights())]
    assert torch.allclose(sizes[0], sizes[1], rtol=1e-5)
    small = {**solved, "linears.0.weight": 1e-3 * solved["linears.0.weight"]}
    assert torch.equal(scaled_back(small, weights(), "linears.0")["linears.0.weight"], small["linears.0.weight"])


@pytest.mark.parametrize("settings", [{"batch": 41}, {"batch": -1}, {"momentum": 1.0}, {"momentum": -0.1}])
def test_batches_and_momentum_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="batch must be 0 to 40, the examples, and momentum from 0 to below 1, got"):
        keeper(**settings)
