import math

import pytest
import torch

from weightspace.nets import NETS, Architecture, build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.hyperparameters import INITS, Hyperparameters
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.initial import draw_matrix, draw_weights


def trial_of(init="default", scale=1.0, seed=3):
    return Trial(
        0, 0, 0, 1, seed, "train", Architecture("mlp"), {}, Hyperparameters(init=init, init_scale=scale, steps=1)
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("init", INITS)
def test_every_rule_starts_every_net_the_same_way_twice(name, init):
    net = build_net(name)
    layout, batch = FlatLayout.of(net), net.example_inputs()[0]
    first = draw_weights(net, layout, trial_of(init), batch)
    torch.manual_seed(123)
    assert torch.equal(first, draw_weights(build_net(name), layout, trial_of(init), batch))
    assert first.isfinite().all() and first.std() > 0 and first.shape == (layout.numel,)
    if init != "zero":
        assert not torch.equal(first, draw_weights(net, layout, trial_of(init, seed=4), batch))


@pytest.mark.parametrize(
    ("init", "spread"),
    [
        ("he", math.sqrt(2 / 72)),
        ("xavier", math.sqrt(2 / (72 + 64 * 9))),
        ("normal", 0.05),
        ("uniform", 0.05 / math.sqrt(3)),
    ],
)
def test_spreads(init, spread):
    weight = draw_matrix(init, (64, 8, 3, 3), torch.Generator().manual_seed(0))
    assert weight.std().item() == pytest.approx(spread, rel=0.05)


def test_truncated_normals_end_at_two_deviations():
    weight = draw_matrix("truncated", (200, 200), torch.Generator().manual_seed(0))
    assert weight.abs().max() <= 0.1 and weight.std().item() == pytest.approx(0.05 * 0.88, rel=0.02)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 2, 3, 3)])
def test_orthogonal_rows_or_columns(shape):
    matrix = draw_matrix("orthogonal", shape, torch.Generator().manual_seed(0)).flatten(1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(small, torch.eye(len(small)), atol=1e-5, rtol=0)


def test_zero_keeps_norms_when_widening():
    weight = draw_matrix("zero", (8, 4), torch.Generator())
    torch.testing.assert_close(weight.T @ weight, torch.eye(4))
    kernel = draw_matrix("zero", (4, 4, 3, 3), torch.Generator())
    x = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(torch.nn.functional.conv2d(x, kernel, padding=1), x)


def test_lsuv_gives_unit_variance():
    net = build_net("mlp", in_features=20, hidden=[64, 64], activation="tanh")
    batch = 3 * torch.randn(256, 20, generator=torch.Generator().manual_seed(0))
    layout = FlatLayout.of(net)
    flat = draw_weights(net, layout, trial_of("lsuv"), batch)
    net.load_state_dict({name: tensor[0] for name, tensor in layout.views(flat.unsqueeze(0)).items()})
    x = batch
    for linear in net.linears:
        z = linear(x)
        assert 0.9 < z.std() < 1.1
        x = z.tanh()


def test_scale_multiplies_weights_and_not_biases():
    net = build_net("mlp", in_features=3, hidden=[4], out_features=2)
    layout = FlatLayout.of(net)
    one, three = (layout.views(draw_weights(net, layout, trial_of(scale=s)).unsqueeze(0)) for s in (1.0, 3.0))
    torch.testing.assert_close(three["linears.0.weight"], 3 * one["linears.0.weight"])
    torch.testing.assert_close(three["linears.0.bias"], one["linears.0.bias"])
    bound = 1 / math.sqrt(3)
    assert 0.5 * bound < one["linears.0.weight"].abs().max() <= bound


def test_default_spread_is_torchs():
    ours = draw_weights(net := build_net("cnn"), layout := FlatLayout.of(net), trial_of())
    theirs = torch.cat([parameter.detach().flatten() for parameter in net.parameters()])
    for a, b in zip(ours.split(layout.sizes), theirs.split(layout.sizes), strict=True):
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.4)
