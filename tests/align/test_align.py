"""What brings one net to another is found again when it was planted, whatever the architecture."""

import pytest
import torch

from tests.align.planted import NETS, gap, hidden, net_of, noisy, traced
from tests.space.nets.mixing import KINDS as ALL_KINDS
from tests.space.nets.mixing import MIXING, mixing
from weightspace.align import align
from weightspace.space import WeightSpace
from weightspace.testing import randomized

MLP = WeightSpace.parse({"a.weight": "h in", "a.bias": "h", "b.weight": "out h"}, sizes={"h": 4, "in": 2, "out": 1})


@pytest.mark.parametrize("name", NETS)
def test_a_planted_symmetry_is_found(name):
    space = traced(name)
    for seed in range(3):
        weights = net_of(space, seed)
        moved, _ = hidden(space, weights, seed + 50)
        found = align(space, weights, moved)
        assert gap(weights, space.apply(found, moved)) < 1e-4


@pytest.mark.parametrize("name", NETS)
def test_a_planted_symmetry_is_found_under_noise(name):
    space = traced(name)
    for seed in range(3):
        weights = net_of(space, seed)
        moved, planted = hidden(space, noisy(weights, 0.01, seed + 100), seed + 50)
        found = align(space, weights, moved)
        mixed = {group.name for group in space.matrices}  # there a matrix can do what a permutation does
        for each, order in found.compose(planted).permutations.items():
            assert each in mixed or torch.equal(order, torch.arange(len(order)))
        assert gap(weights, space.apply(found, moved)) < 0.05


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet"])
def test_a_hundred_of_a_hundred_planted_symmetries_are_found(name):
    space = traced(name)
    nets = [net_of(space, seed, torch.float32) for seed in range(100)]
    moved = [hidden(space, noisy(net, 0.01, seed + 100), seed + 500)[0] for seed, net in enumerate(nets)]
    one, other = ({n: torch.stack([net[n] for net in side]) for n in space.tensors} for side in (nets, moved))
    back = space.apply(align(space, one, other), other)
    gaps = [gap(net, {n: tensor[row] for n, tensor in back.items()}) for row, net in enumerate(nets)]
    assert max(gaps) < 0.05


def test_another_net_is_not_found():
    space = traced("cnn")
    weights, other = net_of(space, 0), net_of(space, 1)
    assert gap(weights, space.apply(align(space, weights, other), other)) > 0.5


def test_aligning_keeps_the_function():
    space = traced("resnet")
    from weightspace.nets import build_net

    kind, settings = NETS["resnet"]
    net = randomized(build_net(kind, **settings))
    other = randomized(build_net(kind, **settings), seed=1)
    inputs = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = other(inputs)
    other.load_state_dict(space.apply(align(space, net.state_dict(), other.state_dict()), other.state_dict()))
    assert (other(inputs) - before).abs().max() < 1e-9 * before.abs().max()


def test_stacks_are_aligned_pair_by_pair():
    space = traced("cnn")
    nets = [net_of(space, seed) for seed in range(4)]
    moved = [hidden(space, net, seed)[0] for seed, net in enumerate(nets)]
    stack, other = ({n: torch.stack([net[n] for net in side]) for n in space.tensors} for side in (nets, moved))
    back = space.apply(align(space, stack, other), other)
    assert gap(stack, back) < 1e-4
    one = space.apply(align(space, nets[2], other), other)
    assert gap(nets[2], {name: tensor[2] for name, tensor in one.items()}) < 1e-4


def test_more_starts_are_never_worse():
    space = traced("wide mlp")
    one, other = net_of(space, 0), net_of(space, 1)
    gaps = [gap(one, space.apply(align(space, one, other, starts=starts), other)) for starts in (1, 4)]
    assert gaps[1] <= gaps[0] + 1e-3


def test_dead_neurons_are_aligned():
    space = traced("wide mlp")
    weights = net_of(space, 0)
    for name, tensor in weights.items():
        if name.startswith("linears.1"):
            tensor[:7] = 0
    moved, _ = hidden(space, weights, 3)
    assert gap(weights, space.apply(align(space, weights, moved), moved)) < 1e-4


def test_half_precision_comes_out_as_it_came_in():
    space = traced("cnn")
    weights = {name: tensor.half() for name, tensor in net_of(space, 0).items()}
    moved, _ = hidden(space, weights, 3)
    back = space.apply(align(space, weights, moved), moved)
    assert all(tensor.dtype == torch.float16 for tensor in back.values())
    assert gap(weights, back) < 1e-2


def test_nan_is_named():
    space = traced("cnn")
    weights = net_of(space, 0)
    broken = {name: tensor.clone() for name, tensor in weights.items()}
    broken["convs.1.bias"][2] = float("nan")
    with pytest.raises(ValueError, match=r"b: tensor 'convs\.1\.bias' holds NaN"):
        align(space, weights, broken)


def test_weights_that_do_not_fit_are_named():
    weights = {"a.weight": torch.zeros(4, 2), "a.bias": torch.zeros(4), "b.weight": torch.zeros(1, 4)}
    with pytest.raises(ValueError, match=r"a: Tensor 'a\.bias' has axes 'h' .* got shape \[5\]"):
        align(MLP, {**weights, "a.bias": torch.zeros(5)}, weights)


def test_stacks_that_do_not_pair_up_are_refused():
    two, three = ({n: torch.zeros(k, *s.shape) for n, s in MLP.tensors.items()} for k in (2, 3))
    with pytest.raises(ValueError, match="as many nets as each other, or one, got 2 and 3"):
        align(MLP, two, three)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"method must be one of weights.* got 'magic'"):
        align(MLP, {}, {}, method="magic")


@pytest.mark.parametrize("wish", [{"starts": 0}, {"steps": -1}])
def test_a_search_of_nothing_is_refused(wish):
    with pytest.raises(ValueError, match="starts must be at least 1 and steps at least 0"):
        align(MLP, {}, {}, **wish)


def test_a_space_without_free_names_is_refused():
    fixed = WeightSpace.parse({"a": "in out"}, free=(), sizes={"in": 2, "out": 2})
    with pytest.raises(ValueError, match="no free names"):
        align(fixed, {"a": torch.zeros(2, 2)}, {"a": torch.zeros(2, 2)})


@pytest.mark.parametrize("name", MIXING)
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_planted_matrices_are_found(name, noise):
    space, _, _, weights = mixing(name)
    for seed in range(2):
        planted = space.random_symmetry(torch.Generator().manual_seed(seed), ALL_KINDS)
        moved = space.apply(planted, noisy(weights, noise, seed))
        assert gap(weights, space.apply(align(space, weights, moved), moved)) < (0.02 if noise else 1e-5)
