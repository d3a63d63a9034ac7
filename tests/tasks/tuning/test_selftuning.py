"""Self-tuning: the center comes to where the validation loss is lowest."""

import pytest
import torch
from torch import nn

from weightspace.generators import hypernetize
from weightspace.tasks.tuning import TuningConfig, self_tune


def ridge(spread):
    """Training wants slope 2 and a penalty; validation wants slope 1, which the penalty 1 gives: 2 / (1 + penalty)."""
    torch.manual_seed(0)
    net, one = hypernetize(nn.Linear(1, 1, bias=False), {"penalty": (0, 4)}, width=32), torch.ones(1, 1)

    def train(weights, inputs):
        slope = net.run(weights, one).flatten()
        return (slope - 2).square() + inputs["penalty"] * slope.square()

    def validate(weights, inputs):
        return (net.run(weights, one).flatten() - 1).square()

    return net, self_tune(net, train, validate, TuningConfig(steps=600, spread=spread, rate=1e-2, warmup=50))


@pytest.mark.parametrize("spread", [0.7, 0.0])
def test_the_center_comes_to_the_best_hyperparameter(spread):
    net, found = ridge(spread)
    assert found.inputs["penalty"] == pytest.approx(1, abs=0.15)
    assert abs(found.path[0]["penalty"] - 1) > 0.5 and found.losses[-1] < 0.01 < found.losses[0]
    assert float(net(torch.ones(1, 1), **found.inputs)) == pytest.approx(1, abs=0.1)


def test_a_loss_that_isnt_finite_is_said():
    net = hypernetize(nn.Linear(1, 1), {"penalty": (0, 4)})
    broken = lambda weights, inputs: inputs["penalty"] / 0  # noqa: E731
    with pytest.raises(ValueError, match=r"must be finite, got inf in step 0, where penalty"):
        self_tune(net, broken, broken, TuningConfig(steps=2))
