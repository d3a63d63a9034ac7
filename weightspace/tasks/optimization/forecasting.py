"""Training a forecaster on the trajectories of a zoo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.optimizers.forecaster import STATES, Forecaster
from weightspace.space import WeightSpace
from weightspace.zoo import Zoo


@dataclass(frozen=True)
class Trajectories:
    """Runs of one architecture, saved at equal distances.

    Args:
        space: of the nets.
        states: parameters by name, ``[runs, states, ...]``.
    """

    space: WeightSpace
    states: dict[str, Float[Tensor, "runs states ..."]]

    @classmethod
    def from_zoo(cls, zoo: Zoo) -> list["Trajectories"]:
        """Those of every architecture; runs that diverged or have fewer states are left out.

        Raises:
            ValueError: no run has six states at equal distances.
        """
        found = []
        for own in zoo.filter(status="ok").by_space().values():
            table = own.table.sort_by([("net", "ascending"), ("step", "ascending")])
            steps: dict[int, list[int]] = {}
            for net, step in zip(table["net"].to_pylist(), table["step"].to_pylist(), strict=True):
                steps.setdefault(net, []).append(step)
            usual = max(map(len, steps.values()))
            whole = {net for net, own_steps in steps.items() if len(own_steps) == usual}
            if usual <= STATES or any(len(set(torch.tensor(steps[net]).diff().tolist())) > 1 for net in whole):
                continue
            rows = [row for row, net in enumerate(table["net"].to_pylist()) if net in whole]
            view = own.view(table.take(rows))
            trained = {name for name, _ in view.architecture.build().named_parameters()}
            weights = {name: tensor for name, tensor in view.weights().items() if name in trained}
            found.append(cls(view.space, {n: t.unflatten(0, (len(whole), usual)) for n, t in weights.items()}))
        if not found:
            raise ValueError(
                f"{zoo.path} must hold runs with {STATES + 1} saved states or more at equal distances; build it with "
                "[save] count = 50, initial = true."
            )
        return found

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(next(iter(self.states.values())))

    @property
    def length(self) -> int:
        """States of a run."""
        return next(iter(self.states.values())).shape[1]


@dataclass(frozen=True)
class ForecastConfig:
    """How a forecaster is trained.

    Args:
        steps: of its own training.
        nets: windows a step, all of one architecture.
        nearest: horizon, in states.
        farthest: horizon; drawn log-uniformly for every window.
        rate: of its own training; it falls to 0 on a cosine.
        seed: of all random numbers.
    """

    steps: int = 1000
    nets: int = 8
    nearest: int = 1
    farthest: int = 40
    rate: float = 3e-3
    seed: int = 0


def train_forecaster(
    forecaster: Forecaster,
    trajectories: Sequence[Trajectories],
    config: ForecastConfig,
    watch: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Trains a forecaster; afterwards its loss, smoothed.

    The loss is the mean absolute error of a tensor over the mean absolute change that there was, on average over
    tensors: 1 for staying where one is.
    """
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.AdamW(forecaster.parameters(), lr=config.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    smooth = 1.0
    for step in range(config.steps):
        own = trajectories[int(torch.randint(len(trajectories), (1,), generator=generator))]
        loss = forecast_loss(forecaster, own.space, *windows(own, config, generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(forecaster.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        smooth = 0.98 * smooth + 0.02 * loss.item()
        watch(step, smooth)
    return smooth


def forecast_loss(
    forecaster: torch.nn.Module,
    space: WeightSpace,
    states: dict[str, Tensor],
    target: dict[str, Tensor],
    ahead: Float[Tensor, " nets"],
) -> Float[Tensor, ""]:
    """Mean absolute error over the mean absolute change, on average over tensors and nets."""
    change = forecaster(space, states, ahead)
    shares = []
    for name, own in states.items():
        wanted = target[name] - own[:, -1]
        error = (change[name] - wanted).abs().flatten(1).mean(1)
        shares.append(error / wanted.abs().flatten(1).mean(1).clamp_min(1e-8))
    return torch.stack(shares).clamp(max=10.0).mean()


def windows(
    own: Trajectories, config: ForecastConfig, generator: torch.Generator
) -> tuple[dict[str, Tensor], dict[str, Tensor], Float[Tensor, " nets"]]:
    """Random windows: five states, the state to forecast, and how far ahead it lies."""
    n = config.nets
    runs = torch.randint(own.runs, (n,), generator=generator)
    most = min(config.farthest, own.length - STATES)
    low = min(config.nearest, most)
    far = (low * (most / low) ** torch.rand(n, generator=generator)).round().long()
    first = (torch.rand(n, generator=generator) * (own.length - STATES + 1 - far)).long()
    five = first.unsqueeze(1) + torch.arange(STATES)
    states = {name: tensor[runs.unsqueeze(1), five] for name, tensor in own.states.items()}
    target = {name: tensor[runs, first + STATES - 1 + far] for name, tensor in own.states.items()}
    return states, target, far.float()
