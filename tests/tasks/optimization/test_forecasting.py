"""Training a forecaster: which windows it sees, what its loss says, and that it learns."""

import pytest
import torch

from tests.tasks.tiny import TINY
from weightspace.nets import build_net
from weightspace.optimizers import Forecaster, ForecasterConfig
from weightspace.optimizers.forecaster import STATES
from weightspace.space import WeightSpace
from weightspace.tasks.optimization.forecasting import (
    ForecastConfig,
    Trajectories,
    forecast_loss,
    train_forecaster,
    windows,
)
from weightspace.zoo import Recipe, build_zoo


def straight(runs=6, length=20):
    """Runs that go on in a straight line, each at its own pace."""
    net = build_net("mlp", in_features=3, hidden=[4], out_features=2)
    generator, times = torch.Generator().manual_seed(0), torch.arange(float(length))
    states = {}
    for name, parameter in net.named_parameters():
        start, pace = torch.randn(2, runs, 1, *parameter.shape, generator=generator)
        states[name] = start + 0.1 * pace * times.reshape(1, -1, *[1] * parameter.ndim)
    return Trajectories(WeightSpace.trace(net, *net.example_inputs()), states)


def test_windows_are_five_states_and_one_ahead_of_the_same_run():
    own, config = straight(), ForecastConfig(nets=50, nearest=2, farthest=6)
    states, target, ahead = windows(own, config, torch.Generator().manual_seed(1))
    assert set(ahead.tolist()) <= {2, 3, 4, 5, 6} and len(set(ahead.tolist())) > 2
    for name, five in states.items():
        assert five.shape[:2] == (50, STATES)
        pace = five[:, 1] - five[:, 0]
        distance = ahead.reshape(-1, *[1] * (pace.ndim - 1))
        assert torch.allclose(target[name], five[:, -1] + distance * pace, atol=1e-4)


class Told(torch.nn.Module):
    """Forecasts what it was told."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, space, states, ahead):
        return self.change


def test_the_loss_is_one_for_staying_and_nothing_for_the_truth():
    own = straight()
    states, target, ahead = windows(own, ForecastConfig(), torch.Generator().manual_seed(1))

    stay = Told({name: torch.zeros_like(tensor[:, -1]) for name, tensor in states.items()})
    know = Told({name: target[name] - tensor[:, -1] for name, tensor in states.items()})
    assert float(forecast_loss(stay, own.space, states, target, ahead)) == pytest.approx(1.0)
    assert float(forecast_loss(know, own.space, states, target, ahead)) == 0.0


def test_a_forecaster_learns_and_a_seed_says_how():
    (first, seen), (second, _) = learned(), learned()
    assert seen[-1] == first < 0.9
    assert first == second


def learned():
    """The loss after a short training, and the losses on the way."""
    torch.manual_seed(0)
    forecaster, seen = Forecaster(ForecasterConfig(width=8)), []
    config = ForecastConfig(steps=30, farthest=5)
    return train_forecaster(forecaster, [straight()], config, lambda step, loss: seen.append(loss)), seen


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecasting")

    def build(count):
        text = TINY.replace("nets = 24", "nets = 3") + f'\n[save]\ncount = {count}\ninitial = true\nspacing = "even"\n'
        return build_zoo(Recipe.from_toml(text), folder / str(count), workers=1)

    return build


def test_runs_of_a_zoo_are_read_where_they_are_long_enough(zoo):
    found = Trajectories.from_zoo(zoo(10))
    assert sum(own.runs for own in found) == 3
    assert {own.length for own in found} == {11}
    with pytest.raises(ValueError, match=r"must hold runs with 6 saved states or more at equal distances"):
        Trajectories.from_zoo(zoo(2))
