"""The last layer is solved to the optimum of penalised softmax regression, and what can't be solved is refused."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from weightspace.generators import Fresh
from weightspace.nets import build_net
from weightspace.nets.stacked.lastlayer import (
    FLOOR,
    KNOWN,
    SHORT,
    body_gradients,
    check_net,
    finish_nets,
    last_features,
    last_layer,
    solve_layer,
)
from weightspace.nets.stacked.run import run_stack
from weightspace.space import WeightSpace

SOURCE = torch.Generator().manual_seed(0)
IMAGES, LABELS = torch.randn(60, 1, 8, 8, generator=SOURCE), torch.randint(10, (60,), generator=SOURCE)
FEATURES = torch.randn(2, 60, 5, dtype=torch.float64, generator=SOURCE) * torch.tensor([1, 9, 0.1, 2, 0.0])


def cnn(**settings):
    net = build_net("cnn", **{"image_size": 8, "channels": [4, 6], "stride": [2, 1], **settings}).eval()
    return net, WeightSpace.trace(net, *net.example_inputs())


def loss(weight, bias, ridge):
    """What is made small, of every net: cross-entropy, and the penalty on weights of features of unit spread."""
    x, variance = FEATURES, FEATURES.var(1, correction=0)
    spread = (variance + FLOOR * variance.mean(1, keepdim=True)).sqrt()
    inner = bias + (x.mean(1, keepdim=True) @ weight.mT).squeeze(1)
    logits = x @ weight.mT + bias[:, None]
    error = functional.cross_entropy(logits.transpose(1, 2), LABELS.expand(2, -1), reduction="none").mean(1)
    return error + ridge / 2 * ((weight * spread[:, None]).square().sum((1, 2)) + inner.square().sum(1))


def test_it_is_the_optimum():
    weight, bias = (part.requires_grad_() for part in solve_layer(FEATURES, LABELS, 10, 1e-2, 400))
    gradients = torch.autograd.grad(loss(weight, bias, 1e-2).sum(), [weight, bias])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-6


def test_the_loss_never_rises():
    losses = [loss(*solve_layer(FEATURES, LABELS, 10, 1e-3, steps), 1e-3) for steps in range(1, 12)]
    assert all((after <= before + 1e-12).all() for before, after in pairwise(losses))
    assert (losses[-1] < losses[0]).all()


def test_the_scale_and_place_of_features_don_t_matter():
    weight, bias = solve_layer(FEATURES, LABELS, 10, 1e-3)
    other, shifted = solve_layer(100 * FEATURES + 3, LABELS, 10, 1e-3)
    torch.testing.assert_close(
        FEATURES @ weight.mT + bias[:, None], (100 * FEATURES + 3) @ other.mT + shifted[:, None], rtol=1e-5, atol=1e-6
    )


def test_it_is_differentiable():
    features = FEATURES[:1, :12, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: solve_layer(x, LABELS[:12], 10, 1e-2, 3), (features,))


@pytest.mark.parametrize("settings", [{}, {"norm": "batch", "head": "flatten"}, {"hidden": [7]}])
def test_features_are_what_the_last_layer_is_given(settings):
    net, space = cnn(**settings)
    weights = Fresh.for_spaces(space, init="torch").sample(space, 3, seed=0)
    last = last_layer(space)
    assert last == ("linears.1" if "hidden" in settings else "linears.0")
    given = last_features(net, weights, last, IMAGES) @ weights[f"{last}.weight"].mT + weights[f"{last}.bias"][:, None]
    torch.testing.assert_close(given, run_stack(net, weights, IMAGES))


def test_finished_nets_know_the_examples():
    net, space = cnn(norm="batch", head="flatten")
    weights = Fresh.for_spaces(space).sample(space, 2, seed=0)
    done = finish_nets(net, space, weights, IMAGES, LABELS, 1e-4)
    right = (run_stack(net, done, IMAGES).argmax(2) == LABELS).float().mean()
    assert right > 0.9 > (run_stack(net, weights, IMAGES).argmax(2) == LABELS).float().mean()
    assert torch.equal(done["convs.0.weight"], weights["convs.0.weight"])


def test_gradients_go_through_the_solved_layer():
    net, space = cnn()
    weights = {name: t.double() for name, t in Fresh.for_spaces(space).sample(space, 2, seed=0).items()}
    images, last = IMAGES.double(), last_layer(space)
    found = body_gradients(net.double(), space, weights, last, images, LABELS, 1e-2)
    assert set(found) == {name for name in weights if not name.startswith(last)}
    known = int(KNOWN * len(LABELS))

    def error(shift):
        moved = {**weights, "convs.0.weight": weights["convs.0.weight"] + shift}
        features = last_features(net, moved, last, images[:known])
        head = solve_layer(features, LABELS[:known], 10, 1e-2, SHORT)
        logits = run_stack(net, {**moved, f"{last}.weight": head[0], f"{last}.bias": head[1]}, images)
        return functional.cross_entropy(logits.transpose(1, 2), LABELS.expand(2, -1), reduction="none").mean(1)

    way = torch.randn(weights["convs.0.weight"].shape[1:], dtype=torch.float64, generator=SOURCE)
    slope = (error(1e-5 * way) - error(-1e-5 * way)) / 2e-5
    torch.testing.assert_close((found["convs.0.weight"] * way).flatten(1).sum(1), slope, rtol=1e-5, atol=1e-8)


def test_a_net_that_does_more_after_its_last_layer_is_refused():
    class Sure(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = nn.Linear(4, 3), nn.Linear(3, 10)

        def forward(self, x):
            return 2 * self.last(self.inner(x).relu())

    net, inputs = Sure(), torch.randn(60, 4, generator=SOURCE)
    space = WeightSpace.trace(net, inputs)
    with pytest.raises(ValueError, match="must answer with what its last layer last gives, but does more after it"):
        finish_nets(net, space, Fresh.for_spaces(space).sample(space, 1, seed=0), inputs, LABELS, 1e-3)


@pytest.mark.parametrize(
    ("net", "named"), [(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 10, bias=False)), "2")]
)
def test_a_net_without_such_a_layer_is_refused(net, named):
    with pytest.raises(ValueError, match=f"must end in one linear layer with a bias, .* got {named} at its outputs"):
        last_layer(WeightSpace.trace(net, torch.zeros(2, 4)))


def test_another_net_is_refused():
    net, space = cnn()
    weights = Fresh.for_spaces(space).sample(space, 1, seed=0)
    with pytest.raises(ValueError, match=r"must be one of the weight space .*, but differs in convs.0.weight"):
        check_net(cnn(channels=[5, 6])[0], space, weights)
    check_net(net, space, weights)
