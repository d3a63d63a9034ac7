"""Batch norms of a stack take the statistics of the inputs that they are shown, and nothing else changes."""

import pytest
import torch
from torch import nn

from weightspace.nets import build_net
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.statistics import batch_normed, fit_statistics

IMAGES = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def stack(net, nets=2):
    return {name: tensor.repeat(nets, *[1] * tensor.ndim) for name, tensor in net.state_dict().items()}


def test_statistics_are_those_of_the_inputs():
    net = build_net("cnn", image_size=8, channels=[4, 6], stride=2, norm="batch", head="flatten")
    weights = stack(net)
    measured = fit_statistics(net, weights, IMAGES)
    with torch.no_grad():
        seen = run_stack(net.eval(), measured, IMAGES)
        alone = run_stack(net.train(), {name: tensor.clone() for name, tensor in weights.items()}, IMAGES)
    torch.testing.assert_close(seen, alone, atol=1e-2, rtol=1e-2)
    assert weights["norms.0.running_mean"].abs().max() == 0 < measured["norms.0.running_mean"].abs().max()
    assert all(
        torch.equal(measured[name], weights[name]) for name in weights if "running" not in name and "num" not in name
    )


def test_a_net_without_batch_norms_is_left_alone():
    net = build_net("cnn", image_size=8, channels=[4], stride=2, norm="group")
    assert all(
        torch.equal(tensor, stack(net)[name]) for name, tensor in fit_statistics(net, stack(net), IMAGES).items()
    )


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_nothing_drops_out_while_norms_are_measured(kind):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), kind(0.9), nn.BatchNorm2d(4), nn.ReLU())
    one, other = (batch_normed(net)(IMAGES) for _ in range(2))
    assert torch.equal(one, other) and net[1].p == 0.9 and net[2].momentum == 0.1
    assert fit_statistics(net, stack(net), IMAGES)["2.running_var"].min() > 0
